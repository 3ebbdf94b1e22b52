"""What `reenact bench` counts."""

from __future__ import annotations

from pathlib import Path

from clips import PORTRAIT, moving_face, write_clip
from fake_method import write_fake_method
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
