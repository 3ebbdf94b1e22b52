"""The claim at equal bitrate: what is scored, what is paid, what is said of it."""

import json
from pathlib import Path

import pytest

from clips import face, moving_face, write_clip
from experiments.claim import BASELINE, OURS, UNCODED, joined, reached, score_item, scored
from fake_method import write_fake_method
from reenact.core.errors import ReenactError
from reenact.evaluate.protocols import Item
from reenact.evaluate.readings import FaceReader
from reenact.evaluate.report.page import write_report
from reenact.evaluate.shots import Shot
from reenact.runtime.onnx_method import OnnxMethod


def test_which_frames_are_scored():
    item = Item("x", Shot(Path("a")), Path("a"), Path("a"), first=False)
    assert list(scored(item, 25, 10)) == [10, 20]
    assert list(scored(item, 5, 10)) == [4], "a clip shorter than the interval is scored at its end"
    wide = Item("x", Shot(Path("a")), Path("a"), Path("a"), (3, 6, 9, 30))
    assert list(scored(wide, 25, 2)) == [3, 9]


def test_what_is_said_of_two_tables():
    figures = {"frames": [50.0, 50.0], "bits": [4000.0, 4000.0], "missing": [0.0, 1.0]}
    ours = {"3 kbit/s": {**figures, "akd_mesh": [0.8, 1.0], "emotion": [0.2]}}
    theirs = {"3 kbit/s": {**figures, "akd_mesh": [1.0], "emotion": [0.22]}}
    table = joined([{OURS: ours, BASELINE: theirs}])
    assert table[OURS]["3 kbit/s"] == {"akd_mesh": 0.9, "emotion": 0.2, "kbps": 2.0, "scored": 2, "without_face": 1}
    said = reached(table)["3 kbit/s"]
    assert said["akd_mesh"] == {"lower_by": pytest.approx(0.1), "claimed": 0.07, "reached": True}
    assert not said["emotion"]["reached"], "9 % is not 15 %"


def test_a_clip_is_coded_drawn_and_read(tmp_path: Path):
    clip = write_clip(tmp_path / "a.mp4", [*moving_face(11), face(256)])
    method = OnnxMethod(write_fake_method(tmp_path / "fake"), "cpu", 1)
    item = Item("a", Shot(clip), clip, clip, first=False)
    found = score_item(item, {OURS: method, BASELINE: method}, FaceReader((), False, 1), [3.0], 6)
    assert found[OURS].keys() == {UNCODED, "3 kbit/s"}
    assert found[OURS] == found[BASELINE]
    coded = found[OURS]["3 kbit/s"]
    assert coded["frames"] == [12.0] and 0 < coded["bits"][0] <= 3000 * 12 / 25 * 1.1
    assert len(coded["missing"]) == 1 and len(coded["akd_mesh"]) == 1


def test_the_report_has_claims_and_descriptors(tmp_path: Path):
    shares = {"akd_mesh": {"lower_by": 0.135, "claimed": 0.07, "reached": True}, "ard": {"lower_by": -0.01}}
    claim = {"ours": "prior", "yardstick": "other", "meaning": {"ard": "degrees"}}
    claim["protocols"] = {"self": {"clips": 2, "of": 3, "against_the_yardstick": {"1 kbit/s": shares}}}
    row = {"verified": 0.86, "agreement": 0.915, "matched": 0.8, "frames": 419}
    files = {"claim": claim, "descriptors": {"command": "x", "sfd": row}, "bench": {"a": {"verified": 1}}}
    for name, report in files.items():
        (tmp_path / f"{name}.json").write_text(json.dumps(report))
    paths = [tmp_path / f"{name}.json" for name in files]
    assert write_report(paths, tmp_path / "page.html", "facevid2vid") == [paths[2]]
    page = (tmp_path / "page.html").read_text()
    assert "13.5% (claimed 7%: reached)" in page and "-1.0%" in page and "self, 2 of 3 clips" in page
    assert "<td>sfd</td><td>0.860</td><td>0.915</td><td>0.800</td>" in page


def test_a_page_does_not_take_the_place_of_what_it_is_made_of(tmp_path: Path) -> None:
    path = tmp_path / "self.json"
    path.write_text(json.dumps({"protocol": "self", "mean": {"mmfa": {"psnr": 30.0}}}))
    before = path.read_text()
    with pytest.raises(ReenactError, match="self.json is also an input: give the output another name"):
        write_report([path], path, "facevid2vid")
    assert path.read_text() == before
    with pytest.raises(ReenactError, match="ends in .html"):
        write_report([path], tmp_path / "page.pdf")
    with pytest.raises(ReenactError, match="no results of a method 'mfma' as the `baseline`: these files have mmfa"):
        write_report([path], tmp_path / "page.html", "mfma")
    assert not (tmp_path / "page.html").exists()
