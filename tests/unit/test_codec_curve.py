"""Rates at equal quality, ordinary codecs in memory, and the report's section on them."""

from __future__ import annotations

import json
import math
import os
from xml.etree import ElementTree

import numpy as np
import pytest

from experiments.peers import PEERS, Peer, code_clip, means
from reenact.core.errors import ReenactError
from reenact.evaluate.codec_curve import compare, lines, rate_at, read_codec, two_charts
from reenact.evaluate.report.page import write_report

OURS = {
    "method": "mmfa",
    "figures": {
        "uncoded": {"lpips_alex": 0.2, "akd_mesh": 2.0},
        "1 kbit/s": {"kbps": 1.0, "lpips_alex": 0.2, "akd_mesh": 2.05, "aed_exp": 0.04},
    },
}
THEIRS = {
    "settings": {"x264": {}},
    "figures": {
        "x264 crf 51 at 256": {"kbps": 10.0, "kbps_whole": 12.0, "lpips_alex": 0.3, "akd_mesh": 3.0},
        "x264 crf 41 at 256": {"kbps": 40.0, "kbps_whole": 44.0, "lpips_alex": 0.1, "akd_mesh": 2.5},
        "x264 crf 51 at 128": {"kbps": 5.0, "kbps_whole": 6.0, "lpips_alex": 0.4, "akd_mesh": None},
    },
}


def test_rate_at_is_read_off_in_the_logarithm():
    points = [(10.0, 0.3), (40.0, 0.1)]
    assert rate_at(points, 0.2) == (pytest.approx(20.0), True)
    assert rate_at(points, 0.3) == (10.0, True) and rate_at(points, 0.1) == (pytest.approx(40.0), True)
    assert rate_at(points, 0.35) == (10.0, False), "better at its coarsest: the rate is at most that"
    assert rate_at(points, 0.05) == (None, False) and rate_at([], 1.0) == (None, False)


def test_equal_quality():
    found = compare([OURS, THEIRS])["mmfa"]["1 kbit/s"]
    assert found["akd_loss_percent"] == 2.5
    assert found["equal_lpips_alex"]["x264"] == {"kbps": 20.0, "exact": True, "our_share": 0.05}
    assert found["equal_akd_mesh"]["x264"] == {"kbps": None}, "no quality is that near"
    assert lines([THEIRS], "akd_mesh", "kbps_whole") == {"x264 at 256": [(12.0, 3.0), (44.0, 2.5)]}


def test_the_report_has_the_section_and_passes_over_other_files(tmp_path):
    paths = {name: tmp_path / f"{name}.json" for name in ("codec", "codec_peers", "bench")}
    for path, report in zip(paths.values(), (OURS, THEIRS, {"frames_per_second": 30}), strict=True):
        path.write_text(json.dumps(report))
    assert read_codec(paths["bench"]) is None
    assert write_report(list(paths.values()), tmp_path / "page.html", "facevid2vid") == [paths["bench"]]
    page = (tmp_path / "page.html").read_text()
    assert "x264: 20.0 kbit/s, ours is 5 % of it" in page and "x264: not reached" in page and page.count("<svg") == 2
    assert two_charts([OURS, THEIRS]).count("<svg") == 3
    ElementTree.fromstring(two_charts([OURS, THEIRS]))  # a browser shows nothing of a picture that is not well-formed
    with pytest.raises(ReenactError, match="not a results file"):
        write_report([paths["bench"]], tmp_path / "page.html", "x")


@pytest.mark.parametrize("name", list(PEERS))
def test_a_codec_gives_every_frame_back(name):
    y, x = np.mgrid[:64, :64]
    frames = [np.stack([np.uint8(127 + 100 * np.sin((x + y + 3 * t) / 9))] * 3, -1) for t in range(12)]
    coarse = code_clip(frames, PEERS[name], PEERS[name].qualities[0])
    fine = code_clip(frames, PEERS[name], 20)
    assert len(fine.pictures) == 12 and fine.bits > coarse.bits > coarse.first_bits > 0
    assert all(picture.shape == (64, 64, 3) for picture in coarse.pictures)
    error = [np.abs(a.astype(int) - b).mean() for a, b in zip(fine.pictures, frames, strict=True)]
    assert max(error) < 8, "in the right order"
    assert not hasattr(os, "sched_getscheduler") or os.sched_getscheduler(0) == os.SCHED_OTHER, "left real-time"


def test_a_codec_that_is_not_there():
    with pytest.raises(ReenactError, match="no libnothing"):
        code_clip([np.zeros((64, 64, 3), np.uint8)], Peer("libnothing", "h264", (1,), {}), 1)


def test_rates_leave_the_first_picture_out():
    clip = {
        "frames": [11.0],
        "bits": [3000.0],
        "first_bits": [1000.0],
        "lpips_alex": [0.1, 0.3],
        "found": [1.0, 0.0],
        "akd_mesh": [2.0],
    }
    row = means([{"x": clip}, {"x": clip}])["x"]
    assert math.isclose(row["kbps"], 5.0) and math.isclose(row["kbps_whole"], 3000 / 11 * 25 / 1000, abs_tol=1e-3)
    assert row["lpips_alex"] == 0.2 and row["found"] == 0.5 and row["scored"] == 4
