"""What an option cannot be is said before a file is read or a network loaded, in every command that has the option."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import NoReturn

import pytest

from clips import PORTRAIT, moving_face, write_clip
from fake_method import write_fake_method
from reenact.cli import app, register, run
from reenact.core.errors import ReenactError
from reenact.pipeline.animate import animate_file
from reenact.runtime import engine as engines
from reenact.runtime.engine import Engine
from reenact.serve.settings import Settings

BAD = {
    "parts": ("--parts", "foo=1", "--parts 'foo=1': write"),
    "lock": ("--lock", "chin", "--lock 'chin': choose"),
    "strength": ("--strength", "9", "--strength must lie"),
    "smooth": ("--smooth", "99", "--smooth must lie"),
    "settle": ("--settle", "-1", "--settle must lie"),
    "motion": ("--motion", "odd", "unknown motion 'odd'"),
    "reference": ("--reference", "soon", "--reference 'soon': "),
    "output": ("--output", "film", "unknown output 'film'"),
    "face": ("--face", "0", "--face"),
    "end": ("--end", "-1", "change --start or --end"),
    "fps": ("--fps", "0", "--fps must lie"),
    "method": ("--method", "nonesuch", "unknown method 'nonesuch'"),
    "device": ("--device", "tpu", "unknown device 'tpu'"),
    "precision": ("--precision", "int4", "unknown precision 'int4'"),
    "threads": ("--threads", "-3", "threads must be"),
    "renderer": ("--renderer", "quick", "unknown renderer 'quick'"),
    "background": ("--background", "painted", "--background 'painted' is unknown"),
    "size": ("--size", "7", "--size"),
    "film_quality": ("--film-quality", "0", "--film-quality must lie"),
    "sign_key": ("--sign-key", "none.pem", "--sign-cert and --sign-key go together"),
    "key_seconds": ("--key-seconds", "0", "--key-seconds must lie"),
    "share": ("--share", "2", "--share must lie"),
}
COMMANDS = {
    "animate": ["a.jpg", "b.mp4"],
    "batch": ["."],
    "edit": ["a.jpg", "--sweep", "yaw", "-5", "5"],
    "interpolate": ["a.jpg", "b.jpg"],
    "live": ["a.jpg", "--from", "b.mp4", "--to", "out.mp4"],
    "record": ["b.mp4"],
    "encode": ["b.mp4"],
    "decode": ["a.jpg", "b.rnct"],
    "serve": ["a.jpg"],
    "describe": ["a.jpg"],
    "mix": ["a.jpg", "one.json", "other.json"],
}
OTHERWISE = (("describe", "motion"), ("batch", "face"), ("live", "size"), ("interpolate", "end"))
"""parameters of the same name that mean something else"""


def cases() -> list[tuple[str, str]]:
    register()
    found = {one.callback.__name__: one.callback for one in app.registered_commands if one.callback}
    named = [(command, name) for command in COMMANDS for name in inspect.signature(found[command]).parameters if name in BAD]
    return [case for case in named if case not in OTHERWISE]


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where every file is there and none can be read as what it should be."""
    for name in ("a.jpg", "b.jpg", "b.mp4", "b.rnct", "one.json", "other.json"):
        (tmp_path / name).write_text("neither\n" * 9)

    def none(*_, **__) -> NoReturn:
        raise AssertionError("a network is loaded before the options are checked")

    monkeypatch.setattr(engines, "load", none)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("command", "name"), cases())
def test_an_option_that_cannot_be_is_said_first(command: str, name: str, here: Path, capsys: pytest.CaptureFixture):
    option, value, words = BAD[name]
    before = sorted(here.iterdir())
    assert run([command, *COMMANDS[command], option, value]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1 and words in said
    assert sorted(here.iterdir()) == before


def test_so_does_the_name_of_the_film(here: Path, capsys: pytest.CaptureFixture):
    assert run(["animate", "a.jpg", "b.mp4", "-o", "x.txt"]) == 2
    assert "must end in .mp4" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["edit", "a.jpg", "--expression"], ["interpolate", "a.jpg"], ["bench", "--driving"]])
def test_a_file_that_is_not_there_is_said_before_networks_are_loaded(arguments: list[str], here: Path, capsys):
    (here / "empty").touch()
    (here / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    more = ["--portrait", "a.jpg"] if arguments[0] == "bench" else []
    assert run([*arguments, "empty", *more]) == 2
    assert "the file is empty" in capsys.readouterr().err


def test_an_expression_of_a_file_that_is_no_photo_is_said_before_networks_are_loaded(here: Path, capsys):
    (here / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    for more in ([], ["--sweep", "yaw", "-5", "5"]):
        assert run(["edit", "a.jpg", "--expression", "b.jpg", *more]) == 2
        said = capsys.readouterr().err
        assert said.startswith("error: b.jpg: ") and said.count("\n") == 1


def test_a_fast_renderer_that_is_not_there_is_said_first(weights: Path):
    with pytest.raises(ReenactError, match="has no fast renderer"):
        Engine(str(weights), renderer="fast").check()


def test_settings_check_what_a_session_would_fail_at(tmp_path: Path):
    for bad in ({"method": "nonesuch"}, {"device": "tpu"}, {"smooth": 99.0}, {"precision": "int4"}, {"background": "x"}):
        with pytest.raises(ReenactError):
            Settings(tmp_path, **bad).check()


def test_a_video_moved_by_a_photo_is_the_wrong_way_round(here: Path, capsys: pytest.CaptureFixture):
    """It was warned of, after the search for the video's best frame, and a film nobody wanted was made."""
    write_clip(here / "my driving.mp4", moving_face(3))
    (here / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    (here / "take.npz").write_bytes(b"PK")
    for portrait, command in (("my driving.mp4", "a.jpg 'my driving.mp4' -o out.mp4"), ("take.npz", "a.jpg take.npz -o out.mp4")):
        assert run(["animate", portrait, "a.jpg"]) == 2
        said = capsys.readouterr().err
        assert f"the photo comes first: reenact animate {command}" in said and said.count("\n") == 1
        with pytest.raises(ReenactError, match="the photo comes first"):
            animate_file(portrait, "a.jpg", "out.mp4")
    (here / "b.rnct").write_bytes(b"RNCT\1")
    assert run(["decode", "b.rnct", "a.jpg"]) == 2
    assert "b.rnct is the call: the photo comes first: reenact decode a.jpg b.rnct" in capsys.readouterr().err
    assert not (here / "out.mp4").exists()


def test_both_readings_of_two_photos_or_two_videos_are_valid(here: Path, monkeypatch: pytest.MonkeyPatch):
    write_clip(here / "one.mp4", moving_face(1))
    write_clip(here / "two.mp4", moving_face(2))
    (here / "a.jpg").write_bytes(PORTRAIT.read_bytes())
    for portrait, driving in (("a.jpg", "a.jpg"), ("two.mp4", "two.mp4"), ("one.mp4", "a.jpg")):
        with pytest.raises(AssertionError, match="network"):
            animate_file(portrait, driving, "out.mp4")
