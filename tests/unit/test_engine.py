"""Networks that load while the rest of a command is imported and its files are opened."""

from __future__ import annotations

import threading
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from clips import PORTRAIT, moving_face, write_clip
from fake_method import write_fake_method
from reenact.core.errors import ReenactError
from reenact.pipeline.animate import animate_file
from reenact.runtime import onnx_method
from reenact.runtime.engine import Engine


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    return Engine(str(write_fake_method(tmp_path / "fake")), "cpu", 2)


def test_the_method_that_was_begun_is_the_one_that_is_loaded(engine: Engine) -> None:
    with engine.begun() as begun:
        method = begun.load(series=True)
        assert begun.load(series=True) is method
        assert begun.load() is not method, "frames one at a time take another"
        assert engine.load(series=True) is not method
    assert all(getattr(begun, name) == value for name, value in asdict(engine).items())


def test_what_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    for engine in (Engine("nobody"), Engine(device="abacus"), Engine(background="gone")):  # type: ignore[arg-type]
        with pytest.raises(ReenactError), engine.begun():
            pytest.fail("it began")


def test_an_error_inside_leaves_the_rest_unloaded(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a thread is loaded only where it is used after all."""
    held, opened = threading.Event(), []
    real = onnx_method.Landmarker

    def slow(threads: int) -> object:
        held.wait(20)
        return real(threads)

    monkeypatch.setattr(onnx_method, "Landmarker", slow)
    monkeypatch.setattr(onnx_method, "lane_count", lambda threads: 1)  # one thread, which the landmarker holds
    with pytest.raises(ZeroDivisionError), engine.begun() as begun:
        method = begun.load(series=True)
        opened.extend(method._encoders._coming.values())
        raise ZeroDivisionError
    assert opened
    assert all(coming.cancelled() for coming in opened)
    held.set()
    frame = np.full((256, 256, 3), 51, np.uint8)
    assert float(method.encode_motion(frame).expression[0]) == pytest.approx(0.2, abs=1e-3)


def test_begun_or_not_the_film_is_the_same(engine: Engine, tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "driving.mp4", moving_face(4))
    reports = [animate_file(PORTRAIT, clip, tmp_path / "plain.mp4", engine=engine)]
    with engine.begun() as begun:
        reports.append(animate_file(PORTRAIT, clip, tmp_path / "begun.mp4", engine=begun))
    assert reports[0].frames == reports[1].frames == 4
    assert (tmp_path / "plain.mp4").stat().st_size == (tmp_path / "begun.mp4").stat().st_size
