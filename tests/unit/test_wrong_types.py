"""What callers from Python give in place of what is asked for: one line each, before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import reenact
from clips import PORTRAIT
from motions import STILL

Parts, Control, Output, Engine, Clip = reenact.Parts, reenact.Control, reenact.Output, reenact.Engine, reenact.Clip
PATHS = (None, 3, b"portrait.jpg", "", ["portrait.jpg"], np.zeros((9, 9, 3), np.uint8))


def line(call: Any, *given: Any, **named: Any) -> str:
    with pytest.raises(reenact.ReenactError) as caught:
        call(*given, **named)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300
    return str(caught.value)


@pytest.mark.parametrize("given", PATHS)
def test_what_is_no_path(given: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.mp4"
    for call in (reenact.read_image, reenact.Take.load):
        assert "path" in line(call, given)
    assert "path" in line(reenact.animate_file, given, given, out)
    assert "path" in line(reenact.animate_file, PORTRAIT, PORTRAIT, given)
    if not isinstance(given, str):
        assert "path" in line(reenact.load, given)


@pytest.mark.parametrize(
    "options",
    [
        Control(strength=None),
        Control(strength="1"),
        Control(smooth=None),
        Control(settle="x"),
        Control(parts=None),
        Control(parts="pose=source"),
        Control(parts=Parts(pose="source")),
        Control(parts=Parts(pose=None)),
        Control(parts=Parts(eyes=1.0)),
        Control(mode=Parts()),
        Output(face=None),
        Output(face="1"),
        Output(face=1.5),
        Output(film_quality=None),
        Output(film_quality="90"),
        Output(marks=None),
        Engine(threads="2"),
        Engine(threads=None),
        Engine(threads=True),
        Engine(method=3),
        reenact.CallOptions(quality=None),
        reenact.CallOptions(key_seconds="1"),
        reenact.CallOptions(longest_gap=2.5),
        reenact.CallOptions(target_kbps="3"),
    ],
    ids=repr,
)
def test_options_that_are_no_numbers(options: Any) -> None:
    line(options.check)


def test_numpys_numbers_are_numbers() -> None:
    Control(strength=np.float32(1), smooth=np.int64(1)).check()
    Output(face=np.int64(1), film_quality=np.int32(60)).check()
    Engine(threads=np.int64(1), head_size=np.int64(512)).check()


def test_parts_made_of_text_are_good() -> None:
    for text in (
        "pose=source,mouth=driver*0.5",
        "only=gaze",
        "scale=1.0,translation=0/0,gaze=0/0",
        "expression=smile,eyes=blink",
    ):
        reenact.parse_parts(text).check()


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("engine", "mmfa"),
        ("engine", None),
        ("clip", (0, 1)),
        ("clip", None),
        ("drawn", "photo"),
        ("drawn", None),
        ("control", "relative"),
        ("control", Parts()),
        ("control", 3),
    ],
)
def test_options_of_another_class(name: str, given: Any, tmp_path: Path) -> None:
    assert f"`{name}` must be a reenact." in line(reenact.animate_file, PORTRAIT, PORTRAIT, tmp_path / "out.mp4", **{name: given})


@pytest.mark.parametrize(
    "asked",
    [
        {"yaw": "1"},
        {"yaw": np.array([0.1])},
        {"pitch": 1j},
        {"scale": "1"},
        {"shift": 0.1},
        {"shift": (1,)},
        {"shift": (1, 2, 3)},
        {"shift": "ab"},
        {"expression": [1, 2]},
        {"expression": "smile"},
        {"expression": np.full(4, np.nan)},
        {"expression": STILL},
        {"strength": None},
        {"mode": None},
    ],
    ids=str,
)
def test_an_edit_is_made_of_numbers(asked: dict[str, Any]) -> None:
    line(reenact.edit, STILL, **asked)


def test_ways_and_transfers_are_of_motions_that_fit() -> None:
    other, broken = STILL.replace(expression=np.zeros(9, np.float32)), STILL.replace(head_pose=np.full(3, np.nan, np.float32))
    for end in (None, other, broken, STILL.vector()):
        assert "motion" in line(reenact.interpolate, STILL, end, 0.5)
        assert "motion" in line(reenact.transfer, STILL, end, STILL, "relative")
    for motion in (None, broken, STILL.vector()):
        assert "motion" in line(reenact.edit, motion, yaw=0.1)
    for share in (None, "x", float("nan")):
        assert "`share`" in line(reenact.interpolate, STILL, STILL, share)
    assert "`reference`" in line(reenact.transfer, STILL, STILL, None, "relative")
    assert reenact.edit(STILL, expression=[1, 0, 0, 0]).expression[0] == 1
