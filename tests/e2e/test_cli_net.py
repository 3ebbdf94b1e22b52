"""Whatever happens in a command, stderr has one line; names of files that the system refuses; folders of other people."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import reenact.cli.bench as bench_command
from reenact.cli import run

COMMANDS = ("animate", "edit", "interpolate", "record", "encode", "decode", "describe", "mix", "directions", "report", "evaluate")
LONG = "a" * 300
BENCH = ["bench", "--portrait", "a.jpg", "--driving", "b.mp4"]


def one_line(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int = 2) -> str:
    assert run(arguments) == code
    said = capsys.readouterr()
    assert said.out == "" and said.err.startswith("error: ") and said.err.count("\n") == 1, said.err
    return said.err


@pytest.mark.parametrize("command", COMMANDS)
def test_an_option_without_its_value(command: str, capsys: pytest.CaptureFixture[str]):
    assert f"(see reenact {command} --help)" in one_line(capsys, [command, "a", "b", "--out"])


@pytest.mark.parametrize("option", [["--shift", "1"], ["--absolute=3"], ["--sweep", "yaw"], ["--set"]])
def test_an_option_with_too_few_values_or_one_too_many(option: list[str], capsys: pytest.CaptureFixture[str]):
    assert option[0].partition("=")[0] in one_line(capsys, ["edit", "a.jpg", *option])


@pytest.fixture
def photo(tmp_path: Path) -> str:
    PILImage.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


OUTPUTS: dict[str, tuple[list[str], str]] = {
    "animate": (["animate", "{photo}", "{photo}"], ".mp4"),
    "edit": (["edit", "{photo}"], ".png"),
    "sweep": (["edit", "{photo}", "--sweep", "yaw", "0", "1"], ".mp4"),
    "interpolate": (["interpolate", "{photo}", "{photo}"], ".mp4"),
    "record": (["record", "{photo}"], ".npz"),
    "encode": (["encode", "{photo}"], ".rnct"),
    "describe": (["describe", "{photo}"], ".json"),
    "directions": (["directions", "--portrait", "{photo}"], ".png"),
}


@pytest.mark.parametrize("command", OUTPUTS)
@pytest.mark.parametrize("kind", ["empty", "long", "loop", "no folder", "below a file"])
def test_a_target_that_cannot_be_is_refused_before_any_work(
    command: str, kind: str, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    given, suffix = OUTPUTS[command]
    loop = tmp_path / f"loop{suffix}"
    loop.symlink_to(loop)
    names = {
        "empty": "",
        "long": str(tmp_path / f"{LONG}{suffix}"),
        "loop": str(loop),
        "no folder": str(tmp_path / "none" / f"x{suffix}"),
        "below a file": str(Path(photo) / f"x{suffix}"),
    }
    words = {
        "empty": "no name of a file",
        "long": "too long",
        "loop": "symbolic links",
        "no folder": "folder",
        "below a file": "folder",
    }
    before = sorted(tmp_path.iterdir())
    assert words[kind] in one_line(capsys, [*(item.format(photo=photo) for item in given), f"--out={names[kind]}"])
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("kind", ["long", "loop"])
def test_an_input_that_cannot_be(kind: str, photo: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    loop = tmp_path / "loop.mp4"
    loop.symlink_to(loop)
    name = str(loop) if kind == "loop" else f"{LONG}.mp4"
    for arguments in (["animate", photo, name], ["animate", name, photo], ["record", name]):
        suffix = ".npz" if arguments[0] == "record" else ".mp4"
        assert "cannot be opened" in one_line(capsys, [*arguments, "-o", str(tmp_path / f"x{suffix}")])


NEXT = "--- next ---"


def as_somebody_else(codes: list[str], folder: Path) -> list[str]:
    """What each code says on stderr, run in turn without the rights of root."""
    drop = "import os; os.setgroups([]); os.setgid(65534); os.setuid(65534)" if os.geteuid() == 0 else ""
    begin = f"import sys\nfrom reenact.cli import app, run\nimport numpy, PIL.PngImagePlugin\n{drop}\n"
    text = begin + f"\nprint({NEXT!r}, file=sys.stderr)\n".join(codes)
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}
    for parent in (folder, *folder.parents):
        if parent.owner() != "root" or parent.stat().st_mode & 0o001 == 0:
            parent.chmod(parent.stat().st_mode | 0o005)
        if parent.name.startswith("pytest-of"):
            break
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, env=environment, timeout=60)
    assert done.stdout == "2\n" * len(codes), done.stderr
    told = done.stderr.split(f"{NEXT}\n")
    assert len(told) == len(codes)
    assert all(one.startswith("error: ") and one.count("\n") == 1 for one in told), done.stderr
    return told


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="rights of this kind are Unix's")
def test_folders_without_rights(photo: str, tmp_path: Path):
    closed = tmp_path / "closed"
    closed.mkdir()
    (closed / "photo.png").write_bytes(Path(photo).read_bytes())
    closed.chmod(0o600)
    try:
        target = str(Path(tempfile.gettempdir()) / "x.png")
        kept = f"import os; os.environ['REENACT_CACHE'] = {str(closed)!r}\nfrom reenact.core.assets import fetch\n"
        codes = [
            f"print(run(['edit', {str(closed / 'photo.png')!r}, '-o', {target!r}]))",
            f"print(run(['edit', {photo!r}, '--expression', {str(closed / 'photo.png')!r}, '-o', {target!r}]))",
            f"print(run(['edit', {photo!r}, '-o', {str(closed / 'x.png')!r}]))",
            f"{kept}{TRY_FETCH}",
        ]
        given, look, written, fetched = as_somebody_else(codes, tmp_path)
        assert "Permission denied" in given and "give the path of a photo" in given
        assert "Permission denied" in look
        assert "cannot be written" in written
        assert "set REENACT_CACHE to a folder of your own" in fetched
    finally:
        closed.chmod(0o700)


TRY_FETCH = """
import sys
import tempfile
try:
    fetch('sface.onnx')
except Exception as error:
    print('error:', error, file=sys.stderr)
    print(2)
"""


class Surprise(Exception):
    pass


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Surprise("the cat"), 1, "Surprise: the cat"),
        (MemoryError(), 2, "not enough memory"),
        (OSError(28, "No space left on device", "/there"), 2, "/there: No space left on device"),
        (KeyError("x"), 1, "KeyError"),
    ],
)
def test_what_nobody_foresaw(error: Exception, code: int, words: str, monkeypatch, capsys: pytest.CaptureFixture[str]):
    def fail(*_, **__):
        raise error

    monkeypatch.setattr(bench_command, "measure", fail)
    assert words in one_line(capsys, BENCH, code)
    assert run([*BENCH, "--debug"]) == code
    told = capsys.readouterr().err
    assert told.startswith("Traceback") and words in told.splitlines()[-1]
    monkeypatch.setenv("REENACT_DEBUG", "1")
    assert run(BENCH) == code and capsys.readouterr().err.startswith("Traceback")


def test_outside_a_clone_bench_says_what_to_give(tmp_path: Path, monkeypatch, capsys: pytest.CaptureFixture[str]):
    monkeypatch.chdir(tmp_path)
    assert "--portrait PHOTO" in one_line(capsys, ["bench"])
    assert "--driving VIDEO" in one_line(capsys, ["bench", "--portrait", "x.jpg"])
    assert "--portrait PHOTO" in one_line(capsys, ["directions"])


def test_debug_shows_where_an_expected_error_came_from(capsys: pytest.CaptureFixture[str]):
    assert run(["--debug", "edit", "none.jpg"]) == 2
    told = capsys.readouterr().err
    assert told.startswith("Traceback") and told.splitlines()[-1].startswith("error: none.jpg: no such file")
    assert run(["edit", "none.jpg", "--", "--debug"]) == 2, "after -- it is a name"
    assert "Traceback" not in capsys.readouterr().err


def test_stopping_says_so(monkeypatch, capsys: pytest.CaptureFixture[str]):
    def stop(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(bench_command, "measure", stop)
    assert run(BENCH) == 130
    assert capsys.readouterr().err == "stopped\n"
