"""Input from real life: what ends in one line, exit code 2 and no file, and what must work all the same.

Runs the command line in this process, with the fake method of fake_method.py for speed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from click.testing import Result
from PIL import Image as PILImage
from typer.testing import CliRunner

from clips import face, moving_face, read_clip, scenery, turn_by_header, write_clip
from fake_method import write_fake_method
from places import SOURCE
from reenact.cli import app

EXIF_ORIENTATION = 0x0112
TURN_LEFT_TO_STORE = 8
"""EXIF: to be shown turned by 90 degrees counter-clockwise"""

Case = Callable[[Path], list[str]]
"""makes the input files in a folder and gives the arguments; {face} and {clip} stand for a good photo and clip"""


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("shared")
    PILImage.fromarray(face()).save(folder / "face.png")
    write_clip(folder / "clip.mp4", moving_face(3), audio=True)
    return {
        "face": str(folder / "face.png"),
        "clip": str(folder / "clip.mp4"),
        "fake": str(write_fake_method(folder / "fake")),
    }


def run(shared: dict[str, str], folder: Path, arguments: list[str]) -> tuple[Result, Path]:
    """`reenact animate` with the fake method on the CPU, unless the arguments say other; output in `folder`/out."""
    out = folder / "out"
    out.mkdir()
    filled = [argument.format(**shared, here=folder, out=out) for argument in arguments]
    defaults = {"--out": str(out / "out.mp4"), "--method": shared["fake"], "--device": "cpu"}
    extra = [part for name, value in defaults.items() if name not in filled for part in (name, value)]
    return CliRunner().invoke(app, ["animate", *filled, *extra]), out


def photo(folder: Path, image: np.ndarray | PILImage.Image, name: str = "photo.png", **options) -> str:
    picture = image if isinstance(image, PILImage.Image) else PILImage.fromarray(image)
    picture.save(folder / name, **options)
    return str(folder / name)


def file(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


def folder(inside: Path) -> str:
    (inside / "folder.mp4").mkdir()
    return str(inside / "folder.mp4")


def shortened(folder: Path, movflags: str = "") -> str:
    whole = write_clip(folder / "whole.mp4", moving_face(8), movflags=movflags).read_bytes()
    return file(folder, "short.mp4", whole[: len(whole) * 2 // 3])


def two_faces() -> np.ndarray:
    """A large face on the left, a smaller one on the right."""
    picture = np.full((320, 560, 3), 128, np.uint8)
    picture[:, :320] = face(320)
    picture[60:260, 350:550] = face(200)
    return picture


BAD: dict[str, tuple[Case, str]] = {
    "missing portrait": (lambda f: ["{here}/none.jpg", "{clip}"], "no such file"),
    "missing driving video": (lambda f: ["{face}", "{here}/none.mp4"], "no such file"),
    "empty portrait": (lambda f: [file(f, "empty.jpg", b""), "{clip}"], "empty"),
    "empty driving video": (lambda f: ["{face}", file(f, "empty.mp4", b"")], "empty"),
    "text renamed .jpg": (lambda f: [file(f, "text.jpg", b"no picture\n" * 99), "{clip}"], "not a photo"),
    "text renamed .mp4": (lambda f: ["{face}", file(f, "text.mp4", b"no video\n" * 99)], "not a video"),
    "a call as driver": (lambda f: ["{face}", file(f, "call.rnct", b"RNCT" * 99)], "reenact decode PORTRAIT"),
    "folder as portrait": (lambda f: ["{here}", "{clip}"], "not a file"),
    "cut-off photo": (lambda f: [file(f, "half.png", Path(photo(f, face())).read_bytes()[:20000]), "{clip}"], "damaged"),
    "truncated mp4": (lambda f: ["{face}", shortened(f)], "cut off"),
    "truncated mp4, index in front": (lambda f: ["{face}", shortened(f, "faststart")], "cut off"),
    "audio-only mp4": (lambda f: ["{face}", str(write_clip(f / "sound.mp4", [], audio=True))], "no pictures"),
    "portrait without a face": (lambda f: [photo(f, scenery()), "{clip}"], "no face found in the portrait"),
    "video without any face": (
        lambda f: ["{face}", str(write_clip(f / "sea.mp4", [scenery()] * 3))],
        "no face found in any frame",
    ),
    "output folder missing": (lambda f: ["{face}", "{clip}", "--out", "{here}/none/out.mp4"], "folder does not exist"),
    "output is a folder": (lambda f: ["{face}", "{clip}", "--out", folder(f)], "a folder"),
    "output of unknown kind": (lambda f: ["{face}", "{clip}", "--out", "{out}/out.txt"], "must end in .mp4"),
    "output is the input": (lambda f: ["{face}", "{clip}", "--out", "{clip}"], "also an input"),
    "unknown method": (lambda f: ["{face}", "{clip}", "--method", "nonesuch"], "unknown method 'nonesuch': choose one of"),
    "unknown device": (lambda f: ["{face}", "{clip}", "--device", "tpu"], "auto, cpu, cuda, openvino"),
    "unknown motion": (lambda f: ["{face}", "{clip}", "--motion", "both"], "relative, absolute"),
    "unknown output mode": (lambda f: ["{face}", "{clip}", "--output", "film"], "crop, photo"),
    "face that is not there": (lambda f: [photo(f, two_faces()), "{clip}", "--face", "3"], "2 faces"),
    "face zero": (lambda f: ["{face}", "{clip}", "--face", "0"], "counts from 1"),
    "start beyond the end": (lambda f: ["{face}", "{clip}", "--start", "99"], "--start"),
    "start that is no time": (lambda f: ["{face}", "{clip}", "--start", "soon"], "'soon' is no time"),
    "end before start": (lambda f: ["{face}", "{clip}", "--start", "0.1", "--end", "0.05"], "--end"),
    "fps that is no rate": (lambda f: ["{face}", "{clip}", "--fps", "30/0"], "no rate"),
    "fps out of range": (lambda f: ["{face}", "{clip}", "--fps", "100000"], "between 1 and 240"),
    "threads below zero": (lambda f: ["{face}", "{clip}", "--threads", "-3"], "threads"),
}


@pytest.mark.parametrize("name", BAD)
def test_ends_in_one_line(name: str, shared: dict[str, str], tmp_path: Path):
    make, words = BAD[name]
    clip_before = Path(shared["clip"]).read_bytes()
    result, out = run(shared, tmp_path, make(tmp_path))
    assert result.exit_code == 2, result.output
    assert isinstance(result.exception, SystemExit)  # no traceback
    assert result.stdout == ""
    assert result.stderr.startswith("error: ") and words in result.stderr
    assert result.stderr.count("\n") == 1 and result.stderr.endswith("\n")
    assert list(out.iterdir()) == []
    assert not list(tmp_path.glob(".*.part"))
    assert Path(shared["clip"]).read_bytes() == clip_before


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_read_only_folder_ends_in_one_line(shared: dict[str, str], tmp_path: Path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    result, _ = run(shared, tmp_path, ["{face}", "{clip}", "--out", "{here}/locked/out.mp4"])
    assert result.exit_code == 2 and result.stderr.count("\n") == 1


def upright_by_exif(folder: Path) -> str:
    stored = PILImage.fromarray(np.rot90(face(), -1).copy())  # turned clockwise, to be shown turned back
    exif = stored.getexif()
    exif[EXIF_ORIENTATION] = TURN_LEFT_TO_STORE
    return photo(folder, stored, "turned.jpg", exif=exif)


def phone_video(folder: Path) -> str:
    lying = [np.rot90(image).copy() for image in moving_face(3)]  # the header turns them back, clockwise
    return str(turn_by_header(write_clip(folder / "phone.mp4", lying)))


def with_alpha(folder: Path) -> str:
    alpha = np.full((256, 256, 1), 255, np.uint8)
    alpha[:8] = 0
    return photo(folder, np.concatenate([face(), alpha], 2))


def sixteen_bit(folder: Path) -> str:
    gray = np.asarray(PILImage.fromarray(face()).convert("L")).astype(np.uint16) * 257
    return photo(folder, PILImage.fromarray(gray))


def large(folder: Path) -> str:
    picture = PILImage.fromarray(face()).resize((1080, 1080))
    wide = PILImage.new("RGB", (1920, 1080), "gray")
    wide.paste(picture, (420, 0))
    return photo(folder, wide.resize((7680, 4320), PILImage.Resampling.NEAREST), "large.jpg")


def gap(folder: Path) -> str:
    images = moving_face(6)
    images[2] = images[3] = np.full_like(images[0], 90)
    return str(write_clip(folder / "gap.mp4", images))


WORKS: dict[str, tuple[Case, int, str]] = {
    "plain": (lambda f: ["{face}", "{clip}"], 3, ""),
    "absolute": (lambda f: ["{face}", "{clip}", "--motion", "absolute", "--seed", "1", "--threads", "1"], 3, ""),
    "several faces, the largest": (lambda f: [photo(f, two_faces()), "{clip}"], 3, ""),
    "several faces, the second": (lambda f: [photo(f, two_faces()), "{clip}", "--face", "2"], 3, ""),
    "photo turned by EXIF": (lambda f: [upright_by_exif(f), "{clip}"], 3, ""),
    "rotated phone video": (lambda f: ["{face}", phone_video(f)], 3, ""),
    "variable frame rate": (
        lambda f: ["{face}", str(write_clip(f / "v.mp4", moving_face(5), times_ms=[0, 20, 100, 160, 200])), "--fps", "25"],
        6,
        "",
    ),
    "alpha PNG": (lambda f: [with_alpha(f), "{clip}"], 3, ""),
    "grayscale": (lambda f: [photo(f, PILImage.fromarray(face()).convert("L")), "{clip}"], 3, ""),
    "16-bit PNG": (lambda f: [sixteen_bit(f), "{clip}"], 3, ""),
    "8K photo": (lambda f: [large(f), "{clip}"], 3, ""),
    "8K photo, pasted back": (
        lambda f: [large(f), "{clip}", "--output", "photo", "--end", "0.04"],
        1,
        "warning: the photo, 7680 x 4320 pixels, is rendered at 3840 x 2160",
    ),
    "64x64 photo": (lambda f: [photo(f, face(64)), "{clip}"], 3, "warning: the head fills only"),
    "one-frame video": (lambda f: ["{face}", str(write_clip(f / "one.mp4", moving_face(1)))], 1, ""),
    "some frames without a face": (lambda f: ["{face}", gap(f)], 6, "2 of 6 driving frames show no face"),
    "odd sides": (lambda f: [photo(f, face(255)), "{clip}", "--output", "photo"], 3, ""),
    "part, as h:mm:ss": (lambda f: ["{face}", "{clip}", "--start", "0:00.04", "--end", "0:00:00.08"], 1, ""),
}


@pytest.mark.parametrize("name", WORKS)
def test_works(name: str, shared: dict[str, str], tmp_path: Path):
    make, frames, words = WORKS[name]
    arguments = make(tmp_path)
    result, out = run(shared, tmp_path, arguments)
    assert result.exit_code == 0, result.output
    assert words in result.stderr
    assert ("warning" in result.stderr) == ("warning" in words)
    assert [path.name for path in out.iterdir()] == ["out.mp4"]
    count, rate, size = read_clip(out / "out.mp4")
    assert (count, rate) == (frames, Fraction(25))
    if "--output" in arguments:
        assert min(size) >= 256
    else:  # as large as the photo has the head
        assert size[0] == size[1] and 256 <= size[0] <= 1024


def test_the_second_face_is_another_crop(shared: dict[str, str], tmp_path: Path):
    from reenact import load

    method = load(shared["fake"], "cpu")
    first, second = (method.encode_source(two_faces(), face=n).placement for n in (1, 2))
    assert first.centre_x < 320 < second.centre_x
    assert first.side > second.side


def test_as_a_module_without_a_traceback(tmp_path: Path):
    command = [sys.executable, "-m", "reenact", "animate", "none.jpg", "none.mp4", "-o", "out.mp4"]
    environment = os.environ | {"PYTHONPATH": SOURCE}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, timeout=60)
    assert done.returncode == 2
    assert done.stderr == "error: none.jpg: no such file; give the path of a photo\n" and done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_bench_writes_its_table_and_json(shared: dict[str, str], tmp_path: Path):
    import json

    arguments = ["bench", "--json", str(tmp_path / "b.json"), "--portrait", shared["face"], "--driving", shared["clip"]]
    arguments += ["--method", shared["fake"], "--device", "cpu", "--runs", "3"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    figures = json.loads((tmp_path / "b.json").read_text())
    assert "render path" in result.stdout and figures["animate_frames"] == 3
    assert all(figures[name] > 0 for name in ("motion_ms", "render_ms", "render_path_fps", "animate_fps"))
