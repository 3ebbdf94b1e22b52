"""How finely films are encoded: one number in every command that writes one."""

from __future__ import annotations

import inspect
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from clips import moving_face
from reenact.cli import app, register, run
from reenact.core.errors import ReenactError
from reenact.live.sinks import open_output
from reenact.media.film import FILM_QUALITY, check_film_quality, crf_of
from reenact.media.video import VideoReader, VideoWriter
from reenact.pipeline.portrait import Output
from reenact.serve.kinds import checked

COMMANDS = {
    "animate": ["animate", "none.jpg", "none.mp4"],
    "batch": ["batch", "none"],
    "edit": ["edit", "none.jpg", "--sweep", "yaw", "-5", "5"],
    "interpolate": ["interpolate", "none.jpg", "none.png"],
    "live": ["live", "none.jpg", "--to", "out.mp4"],
    "decode": ["decode", "none.jpg", "none.rnct"],
}


def film(path: Path, **options: int) -> Path:
    with VideoWriter(path, Fraction(25), **options) as writer:
        for image in moving_face(4):
            writer.write(image)
    return path


def error_of(path: Path) -> float:
    with VideoReader(path) as reader:
        return float(np.mean([np.abs(frame.image - image.astype(float)) for frame, image in zip(reader, moving_face(4))]))  # noqa: B905


def test_a_quality_is_a_constant_rate_factor():
    assert [crf_of(quality) for quality in (90, 75, 60, 1)] == [16, 22, 28, 51]
    for quality in (0, 101, -1):
        with pytest.raises(ReenactError, match=f"`film_quality` must lie between 1 and 100 .the default is 90., not {quality}"):
            check_film_quality(quality)
        with pytest.raises(ReenactError, match="`film_quality`"):
            Output(film_quality=quality).check()


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "webp"])
def test_finer_films_are_larger_and_nearer(suffix: str, tmp_path: Path):
    made = {quality: film(tmp_path / f"{quality}.{suffix}", film_quality=quality) for quality in (20, 60, 90, 100)}
    sizes = [path.stat().st_size for path in made.values()]
    assert sizes == sorted(sizes) and sizes[0] < 0.5 * sizes[2]
    usual = film(tmp_path / f"usual.{suffix}").stat().st_size
    assert usual == made[FILM_QUALITY].stat().st_size
    if suffix != "webp":
        away = [error_of(path) for path in made.values()]
        assert away == sorted(away, reverse=True)


def test_a_gif_has_but_one(tmp_path: Path):
    with pytest.warns(UserWarning, match="`film_quality` does nothing for .gif"):
        film(tmp_path / "a.gif", film_quality=50)
    assert (tmp_path / "a.gif").stat().st_size == film(tmp_path / "b.gif").stat().st_size


def test_live_writes_a_film_as_fine_as_asked(tmp_path: Path):
    sizes = []
    for quality in (20, 90):
        output = open_output(str(tmp_path / f"{quality}.mp4"), Fraction(25), quality)
        for image in moving_face(4):
            output.write(image)
        output.close(failed=False)
        sizes.append((tmp_path / f"{quality}.mp4").stat().st_size)
    assert sizes[0] < 0.7 * sizes[1]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_writes_a_film_has_it(command: str, tmp_path: Path, monkeypatch, capsys):
    """And says what is none before it looks at a file."""
    register()
    (found,) = [one.callback for one in app.registered_commands if one.callback and one.callback.__name__ == command]
    assert "film_quality" in inspect.signature(found).parameters
    monkeypatch.chdir(tmp_path)
    assert run([*COMMANDS[command], "--film-quality", "0"]) == 2
    said = capsys.readouterr().err
    assert said.startswith("error: --film-quality must lie between 1 and 100") and said.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_what_people_call_it_elsewhere_is_understood(capsys):
    for name in ("--crf", "--quality"):
        assert run(["animate", "a", "b", name, "20"]) == 2
        assert "did you mean --film-quality" in capsys.readouterr().err
    assert run(["edit", "a.jpg", "--film-quality", "50"]) == 2
    assert "--film-quality belongs to a sweep" in capsys.readouterr().err


def test_jobs_have_it_too():
    for kind in ("animate", "sweep", "decode"):
        assert checked(kind, {"film_quality": 40})["film_quality"] == 40
        with pytest.raises(ReenactError, match="film_quality"):
            checked(kind, {"film_quality": 400})
    with pytest.raises(ReenactError, match="edit has no option 'film_quality'"):
        checked("edit", {"film_quality": 40})
