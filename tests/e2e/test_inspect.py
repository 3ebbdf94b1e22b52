"""reenact inspect: what a take, a call and a file of blendshapes hold."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import face, moving_face, scenery, write_clip
from fake_method import write_fake_method
from reenact.cli import run
from reenact.core.types import Motion
from reenact.motion.take_stats import measure_take
from reenact.motion.takes import Take


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("inspect")
    write_fake_method(folder / "fake")
    images = moving_face(6)
    images[2] = scenery(*face().shape[:2])
    write_clip(folder / "clip.mp4", images)
    for command, name in (("record", "take.npz"), ("record", "take.json"), ("encode", "call.rnct")):
        where = ["-o", str(folder / name), "--method", str(folder / "fake"), "--device", "cpu"]
        assert run([command, str(folder / "clip.mp4"), *where]) == 0
    return folder


@pytest.mark.parametrize("suffix", ["npz", "json"])
def test_a_take_says_what_it_is(suffix: str, here: Path, capsys: pytest.CaptureFixture):
    assert run(["inspect", str(here / f"take.{suffix}"), "--method", str(here / "fake")]) == 0
    lines = {line.split()[0]: line[13:] for line in capsys.readouterr().out.splitlines()}
    assert lines["method"] == "fake" and lines["weights"] == "those that are here"
    assert lines["clip"] == "6 frames at 25 frames/s, 0.24 s"
    assert lines["faces"] == "in 5 of them, held in the others"
    assert lines["sound"] == "none, as in every take" and "when the take is replayed" in lines["neutral"]


def test_a_take_for_programs(here: Path, capsys: pytest.CaptureFixture):
    assert run(["inspect", str(here / "take.npz"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    take = Take.load(here / "take.npz")
    told = {"kind": "take", "method": "fake", "weights": take.weights, "frames": 6, "rate": 25.0, "seconds": 0.24}
    assert found.items() >= {**told, "even": True, "frames_with_face": 5, "code": 3, "neutral": False}.items()
    assert run(["inspect", str(here / "call.rnct"), "--json", "--method", str(here / "fake")]) == 0
    assert json.loads(capsys.readouterr().out)["kind"] == "call"


def test_whose_weights_a_take_is_of(here: Path, tmp_path: Path, capsys: pytest.CaptureFixture):
    take = Take.load(here / "take.npz")
    replace(take, weights="0123456789abcdef").save(tmp_path / "old.npz")
    replace(take, method="mmfa").save(tmp_path / "mmfa.npz")
    for arguments, words in (
        ([here / "take.npz"], "not here: name their folder with --method"),
        ([tmp_path / "old.npz", "--method", here / "fake"], "other than those that are here: record the take again"),
        ([tmp_path / "mmfa.npz"], "other than those that are here"),
        ([tmp_path / "mmfa.npz", "--method", here / "fake"], "animate with --method mmfa"),
    ):
        assert run(["inspect", *map(str, arguments)]) == 0
        assert words in capsys.readouterr().out


def test_blendshapes_are_told_too(tmp_path: Path, capsys: pytest.CaptureFixture):
    (tmp_path / "shapes.csv").write_text("time,jawOpen\n0,0\n0.04,-0.2\n0.12,-0.4\n")
    assert run(["inspect", str(tmp_path / "shapes.csv")]) == 0
    said = capsys.readouterr().out
    assert "any: blendshapes" in said and "3 frames" in said and "at uneven times" in said and "weights" not in said


def test_times_gaze_and_neutral():
    motions = [Motion.from_vector(np.float32([0, 0, 0, 1, 0, 0, i])) for i in range(3)]
    motions[1] = motions[1].replace(gaze=np.zeros((2, 2), np.float32))
    even = tuple(Fraction(i, 25) for i in range(3))
    held = measure_take(Take.of("m", "", Fraction(25), even, motions, motions[0]))
    assert (held.even, held.frames_with_gaze, held.neutral, held.code) == (True, 1, True, 1)
    held = measure_take(Take.of("m", "", Fraction(25), (*even[:2], Fraction(1)), motions))
    assert (held.even, held.neutral) == (False, False) and held.seconds == pytest.approx(1.04)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("none.npz", None, "no such file; give the path of a call or a take"),
        ("bad.npz", b"no zip", "no take, or damaged"),
        ("bad.json", b"{}", "frames"),
        ("photo.jpg", b"no call", "not a reenact call, and by its name no take"),
        ("empty.rnct", b"", "the file is empty"),
    ],
)
def test_what_is_neither_is_one_line(name: str, content: bytes | None, words: str, tmp_path: Path, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert run(["inspect", str(tmp_path / name)]) == 2
    said = capsys.readouterr()
    assert words in said.err and said.err.count("\n") == 1 and said.out == ""
