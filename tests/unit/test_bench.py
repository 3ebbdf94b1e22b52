"""What `reenact bench` counts."""

from __future__ import annotations

from pathlib import Path

import pytest

from clips import PORTRAIT, moving_face, write_clip
from fake_method import write_fake_method
from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.provenance import weights_digest
from reenact.pipeline.bench import bench
from reenact.runtime.engine import Engine


def test_the_first_frame_comes_after_the_start_and_before_the_last(tmp_path: Path) -> None:
    folder = write_fake_method(tmp_path / "weights")
    engine = Engine(str(folder), "cpu", 1)
    clip = write_clip(tmp_path / "driving.mp4", moving_face(5))
    found = bench(PORTRAIT, clip, engine=engine, runs=1)
    assert found.animate_frames == 5
    assert found.weights_sha256 == {"fake": weights_digest(folder)} and len(found.date) == 10
    assert 0 < found.animate_first_s < found.animate_start_s + 5 / found.animate_fps + 0.1


def test_a_video_may_be_the_portrait_and_only_a_video_the_driver(tmp_path: Path) -> None:
    """Both were found out when all the frames had been made."""
    engine = Engine(str(write_fake_method(tmp_path / "weights")), "cpu", 1)
    clip = write_clip(tmp_path / "driving.mp4", moving_face(3))
    with pytest.warns(ReenactWarning, match="is a video: the portrait is its frame"):
        assert bench(clip, clip, engine=engine, runs=1).animate_frames == 3
    with pytest.raises(ReenactError, match="not a video"):
        bench(PORTRAIT, _text(tmp_path / "take.json"), engine=engine, runs=1)


def _text(path: Path) -> Path:
    path.write_text("{}", encoding="utf-8")
    return path
