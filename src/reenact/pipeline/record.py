"""A driver's motion, read once and kept (takes.py)."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.faces.crop import CropTracker
from reenact.media.video import VideoReader
from reenact.motion.takes import Take, check_suffix
from reenact.pipeline.ahead import ahead
from reenact.pipeline.animate import Progress, check_files, crops
from reenact.runtime.engine import ENGINE, Engine
from reenact.runtime.onnx_method import OnnxMethod


def record_file(
    driving: Path,
    output: Path,
    *,
    engine: Engine = ENGINE,
    start: Fraction | None = None,
    end: Fraction | None = None,
    progress: Progress | None = None,
) -> Take:
    """Reads the motion of a video and writes it as a take, .npz or .json. Raises ReenactError, also where no frame has a face."""
    check_files([driving], output)
    check_suffix(output)
    with VideoReader(driving, start, end) as reader:
        take = record(reader, engine.load(), progress)
    take.save(output)
    return take


def record(reader: VideoReader, method: OnnxMethod, progress: Progress | None = None) -> Take:
    """The motion of every frame, with its time from the first one. Raises ReenactError where no frame has a face."""
    times: list[Fraction] = []
    rows: list[np.ndarray | None] = []

    def images() -> Iterator[Image]:
        for frame in reader:
            times.append(frame.time)
            yield frame.image

    with ahead(crops(images(), CropTracker(method.landmarker), method.size)) as ready:
        for crop in ready:
            rows.append(None if crop is None else method.encode_motion(crop).vector())
            if progress:
                progress(len(rows), reader.frames)
    seen = [row for row in rows if row is not None]
    if not seen:
        raise ReenactError("no face found in any frame of the driving video: choose one that shows a face")
    faces = np.array([row is not None for row in rows])
    held = np.maximum.accumulate(np.where(faces, np.arange(len(rows)), int(faces.argmax())))
    vectors = np.array([rows[i] for i in held], np.float32)
    origin = times[0]
    return Take(method.name, method.fingerprint, reader.rate, tuple(time - origin for time in times), vectors, faces)
