"""Takes and blendshape files as trackers, editors and hostile people write them: one line, or motion that is right."""

from __future__ import annotations

import io
import random
import resource
import zipfile
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from motions import small_map
from reenact.core.errors import ReenactError
from reenact.motion.arkit import read_coefficients
from reenact.motion.takes import Take

LIVE = "Timecode,BlendShapeCount,JawOpen,EyeBlinkLeft,HeadYaw,HeadPitch,HeadRoll\n"


def read(folder: Path, name: str, text: str) -> Take:
    (folder / name).write_text(text)
    return read_coefficients(folder / name, small_map())


def jaw(take: Take) -> np.ndarray:
    return take.vectors[:, 6] - small_map().neutral[0]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("gap.csv", LIVE + "00:00:00:00.000,52,0,0,0,0,0\n20:00:00:00.000,52,1,0,0.1,0,0\n"),
        ("big.csv", "time,jawOpen\n0,0\n1e9,1\n"),
        ("far.json", '{"frames": [{"time": 0, "jawOpen": 0}, {"time": 1e12, "jawOpen": 1}]}'),
    ],
)
def test_a_long_gap_is_left_out_and_said(name: str, text: str, tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="gaps? of more than 60 s"):
        take = read(tmp_path, name, text)
    assert len(take) == 2 and take.times[1] < 1
    assert take.count(Fraction(25)) <= 4


def test_midnight_is_passed(tmp_path: Path) -> None:
    rows = ["23:59:59:58.000,52,0,0,0,0,0", "23:59:59:59.000,52,0.5,0,0,0,0", "00:00:00:00.000,52,1,0,0.1,0,0"]
    take = read(tmp_path, "back.csv", LIVE + "\n".join(rows) + "\n")
    assert list(take.times) == [0, Fraction(1, 60), Fraction(2, 60)] and take.rate == 60


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("fps.json", '{"fps": 1e308, "frames": [{"jawOpen": 1}, {"jawOpen": 0}]}'),
        ("slow.json", '{"fps": 1e-308, "frames": [{"jawOpen": 1}, {"jawOpen": 0}]}'),
        ("zero.json", '{"fps": 0, "frames": [{"jawOpen": 1}]}'),
        ("null.json", '{"fps": null, "frames": [{"jawOpen": 1}]}'),
        ("endless.json", '{"frames": [{"time": 1e999, "jawOpen": 1}]}'),
        ("inf.csv", "time,jawOpen\n0,0\ninf,1\n"),
        ("nan.csv", "time,jawOpen\nnan,0\n"),
        ("blank.csv", "time,jawOpen\n0,\n"),
        ("short.csv", "time,jawOpen,yaw\n0,0.1\n"),
        ("minus.csv", LIVE + "-1:00:00:00.000,52,0,0,0,0,0\n"),
        ("same.csv", "time,jawOpen\n0,0\n0,1\n"),
        ("nul.csv", "time,jawOpen\n0,0\x00\n"),
    ],
)
def test_what_makes_no_sense_is_one_line(name: str, text: str, tmp_path: Path) -> None:
    with pytest.raises(ReenactError) as caught:
        read(tmp_path, name, text)
    assert "\n" not in str(caught.value) and name in str(caught.value)


def test_blank_lines_and_short_files_are_read(tmp_path: Path) -> None:
    assert len(read(tmp_path, "a.csv", "time,jawOpen\n\n0,0.5\n\n")) == 1


def test_coefficients_at_another_rate_go_evenly(tmp_path: Path) -> None:
    rows = "".join(f"{k / 10},{k / 10}\n" for k in range(11))
    take = read(tmp_path, "a.csv", "time,jawOpen\n" + rows)
    assert take.rate == 10
    fine = np.array([motion.expression[0] for motion in take.frames(Fraction(50)) if motion is not None])
    steps = np.diff(fine)[:-6]
    assert len(fine) == 55 and steps.min() > 0 and steps.max() < 1.5 * steps.min()
    own = np.array([motion.expression[0] for motion in take.frames() if motion is not None])
    np.testing.assert_array_equal(own, take.vectors[:, 6])


def test_a_take_with_a_gap_takes_no_more_than_its_frames(tmp_path: Path) -> None:
    times = (Fraction(0), Fraction(1, 25), Fraction(10) ** 9)
    vectors = np.zeros((3, 10), np.float32)
    vectors[:, 3] = 1
    Take("mmfa", "", Fraction(25), times, vectors, np.ones(3, bool)).save(tmp_path / "take.npz")
    with pytest.warns(UserWarning, match="left out"):
        take = Take.load(tmp_path / "take.npz")
    assert len(list(take.frames(Fraction(25)))) <= 5


def claiming(folder: Path, name: str, shape: tuple[int, ...], kind: str) -> Path:
    """A take one of whose arrays claims a shape that it does not have."""
    vectors = np.zeros((2, 10), np.float32)
    vectors[:, 3] = 1
    Take("mmfa", "", Fraction(25), (Fraction(0), Fraction(1, 25)), vectors, np.ones(2, bool)).save(folder / "good.npz")
    with zipfile.ZipFile(folder / "good.npz") as good, zipfile.ZipFile(folder / "bad.npz", "w") as bad:
        for entry in good.namelist():
            data = good.read(entry)
            if entry == f"{name}.npy":
                held = io.BytesIO()
                np.lib.format.write_array_header_1_0(held, {"descr": kind, "fortran_order": False, "shape": shape})
                data = held.getvalue() + b"\0" * 64
            bad.writestr(entry, data)
    return folder / "bad.npz"


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [("motions", (10**12, 38), "<f4"), ("times", (10**9,), "<U1"), ("faces", (2**62,), "|b1"), ("head", (), "<U900000000"),
     ("motions", (3_000_000, 0), "<f4")],
)  # fmt: skip
def test_arrays_that_claim_more_than_they_hold_are_one_line(name: str, shape: tuple, kind: str, tmp_path: Path) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ReenactError, match="no take, or damaged"):
        Take.load(claiming(tmp_path, name, shape, kind))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50_000


@pytest.mark.parametrize("name", ["take.npz", "take.json", "a.csv", "b.json"])
def test_mutated_files_are_motion_or_one_line(name: str, tmp_path: Path) -> None:
    vectors = np.random.default_rng(0).normal(size=(4, 10)).astype(np.float32)
    vectors[:, 3] = 1
    if name.startswith("take"):
        times = tuple(Fraction(k, 25) for k in range(4))
        Take("mmfa", "", Fraction(25), times, vectors, np.ones(4, bool)).save(tmp_path / name)
    elif name.endswith(".csv"):
        (tmp_path / name).write_text(LIVE + "".join(f"00:00:00:0{k}.000,52,0.{k},0,0.0{k},0,0\n" for k in range(4)))
    else:
        (tmp_path / name).write_text('{"fps": 30, "frames": [{"jawOpen": 0.2, "yaw": 5}, {"jawOpen": 0.3}]}')
    whole, rnd = (tmp_path / name).read_bytes(), random.Random(name)
    for _ in range(150):
        data = bytearray(whole)
        for _ in range(rnd.choice([1, 3, 9])):
            data[rnd.randrange(len(data))] = rnd.choice([rnd.randrange(256), *b'0123456789eE.-,:"{}[]'])
        (tmp_path / name).write_bytes(data)
        try:
            take = Take.load(tmp_path / name) if name.startswith("take") else read_coefficients(tmp_path / name, small_map())
            assert np.isfinite(take.vectors).all() and take.count(Fraction(25)) < 4 * 60 * 25 + 9
        except ReenactError as error:
            assert "\n" not in str(error)
