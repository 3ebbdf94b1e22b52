"""Where a call's film began in its driver's file: written by encode, told by inspect, and where decode's sound begins."""

from __future__ import annotations

import json
from binascii import crc_hqx
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

import bitstream_spec
from clips import PORTRAIT, moving_face
from fake_method import write_fake_method
from media_clips import make_sound, sound_of, sound_shift
from reenact.cli import run
from reenact.codec.call import Call
from reenact.codec.notes import notes, read_start
from reenact.core.errors import ReenactError
from reenact.media.audio import Sound
from reenact.media.video import VideoWriter
from reenact.pipeline.calls import decode_file
from reenact.runtime.engine import Engine

FIRST = Fraction(1, 2)
"""of two frames a second the first that is due from .1 s on"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("calls")
    write_fake_method(folder / "fake")
    make_sound(folder / "sound.mp4", Fraction(2))
    with VideoWriter(folder / "driving.mp4", Fraction(2), folder / "sound.mp4") as writer:
        for image in moving_face(4):
            writer.write(image)
    for name, more in (("whole", []), ("part", ["--start", "0.1"]), ("late", ["--start", "1.5"])):
        assert call(folder, "encode", folder / "driving.mp4", "-o", folder / f"{name}.rnct", *more) == 0
    return folder


def call(here: Path, *arguments: object) -> int:
    where = [] if arguments[0] == "inspect" else ["--device", "cpu", "--threads", "1"]
    return run([*map(str, arguments), "--method", str(here / "fake"), *where])


@pytest.mark.parametrize(
    ("name", "more", "begins"),
    [("whole", (), 0), ("part", (), FIRST), ("part", ("--sound-start", "0"), 0), ("whole", ("--sound-start", "0.5"), FIRST)],
)
def test_a_sound_begins_where_the_call_s_film_did(here: Path, name: str, more: tuple[str, ...], begins: Fraction, tmp_path: Path):
    out = tmp_path / "out.mp4"
    driving = here / "driving.mp4"
    assert call(here, "decode", PORTRAIT, here / f"{name}.rnct", "-o", out, "--sound", driving, *more) == 0
    assert abs(sound_shift(sound_of(driving), sound_of(out), Fraction(begins))) < 0.03


def test_python_says_where_too(here: Path, tmp_path: Path):
    engine = Engine(str(here / "fake"), "cpu", 1)
    heard = Sound(here / "driving.mp4", FIRST)
    decode_file(PORTRAIT, here / "whole.rnct", tmp_path / "out.mp4", engine=engine, sound=heard)
    assert abs(sound_shift(sound_of(heard.path), sound_of(tmp_path / "out.mp4"), FIRST)) < 0.03


def test_inspect_tells_it_and_other_calls_are_what_they_were(here: Path, capsys: pytest.CaptureFixture):
    whole, part = (Call.open(here / f"{name}.rnct") for name in ("whole", "part"))
    assert (whole.start, part.start) == (0, FIRST)
    assert b"NOTE" not in whole.data and part.data.endswith(notes(FIRST))
    assert call(here, "inspect", part.path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    packets = len(part.data) - part.begin - len(notes(FIRST))
    assert found["start"] == 0.5 and found["once_bytes"] == part.begin + len(notes(FIRST))
    assert found["kbps"]["total"] == pytest.approx(8 * packets / 1.5 / 1000, abs=1e-4)
    assert call(here, "inspect", part.path) == 0
    assert "from 0.5 s of the driver on" in capsys.readouterr().out


@pytest.mark.parametrize("start", [Fraction(1, 2), Fraction(7200) + Fraction(1001, 30000), Fraction(1, 3), Fraction(9_999_999)])
def test_a_second_reader_finds_the_same(start: Fraction, here: Path):
    whole = Call.open(here / "whole.rnct")
    data = whole.data + notes(start)
    above, below = bitstream_spec.began(data, len(whole.data))
    assert read_start(data, whole.begin) == Fraction(above, below) == start
    assert len(bitstream_spec.decode(data, here / "fake", 3)) == 4, "readers that know no notes pass over them"


def test_a_reader_passes_over_what_it_does_not_know(here: Path):
    whole = Call.open(here / "whole.rnct")
    body = b"NOTE" + b"\x07\x03abc" + notes(FIRST)[4:-2] + b"\x09\x00"
    told = body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")
    assert read_start(whole.data + told, whole.begin) == FIRST
    for other in (b"", b"N", b"padding" * 9, b"\0" * 40):
        assert read_start(whole.data + other, whole.begin) == 0


def test_damaged_notes_cost_the_start_alone(here: Path, tmp_path: Path):
    part, random = (here / "part.rnct").read_bytes(), np.random.default_rng(0)
    end = len(part) - len(notes(FIRST))
    for at in range(end + 4, len(part)):
        bad = bytearray(part)
        bad[at] ^= 1 << int(random.integers(8))
        (tmp_path / "bad.rnct").write_bytes(bad)
        with pytest.warns(UserWarning, match="where its film began is damaged"):
            assert Call.open(tmp_path / "bad.rnct").start == 0
    for cut in range(end + 4, len(part)):
        (tmp_path / "cut.rnct").write_bytes(part[:cut])
        with pytest.warns(UserWarning, match="where its film began is damaged"):
            assert Call.open(tmp_path / "cut.rnct").start == 0
    huge = notes(FIRST)[:6] + bytes([255] * 8) + b"\0\0\0\1"
    for claim in (huge, notes(FIRST)[:6] + bytes(12)):
        told = claim + crc_hqx(claim, 0xFFFF).to_bytes(2, "big")
        assert read_start(part[:end] + told, Call.open(here / "whole.rnct").begin) is None


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["part.rnct", "--sound-start", "1"], "--sound-start says where in a sound the film begins: add --sound FILE"),
        (["part.rnct", "--sound", "driving.mp4", "--sound-start", "-1"], "--sound-start must lie between 0 and"),
        (["part.rnct", "--sound", "driving.mp4", "--sound-start", "soon"], "--sound-start 'soon' is no time"),
        (["part.rnct", "--sound", "driving.mp4", "--sound-start", "99"], "ends before 99.00 s, where the call's film began"),
    ],
)
def test_a_sound_that_cannot_be_is_one_line(arguments: list[str], words: str, here: Path, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(here)
    assert call(here, "decode", PORTRAIT, *arguments, "-o", tmp_path / "out.mp4") == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1 and not list(tmp_path.iterdir())


def test_a_sound_that_ends_before_the_call_began_says_what_to_do(here: Path, tmp_path: Path):
    short = make_sound(tmp_path / "short.mp4", Fraction(1))
    with pytest.raises(ReenactError, match="say where to begin with `sound_start` 0"):
        Sound(short, Fraction(10)).check()
