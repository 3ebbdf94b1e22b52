"""A driver's motion, encoded once and kept (motion/takes.py)."""

from __future__ import annotations

from reenact.core.files import check_output
from reenact.motion.takes import Take, check_suffix
from reenact.pipeline.inputs import warn_of_still
from reenact.pipeline.options import WHOLE, Clip, Progress, StrPath, check_options
from reenact.pipeline.sinks import TakeSink, pump
from reenact.pipeline.sources import DrivingFile
from reenact.runtime.engine import ENGINE, Engine


def record_file(
    driving: StrPath, output: StrPath, *, engine: Engine = ENGINE, clip: Clip = WHOLE, progress: Progress | None = None
) -> Take:
    """Encodes the motion of a video and writes it as a take, .npz or .json: every frame, with its time from the first one.

    Raises ReenactError, also where no frame has a face.
    """
    check_suffix(check_output(output, [driving]))
    check_options(engine=(engine, Engine), clip=(clip, Clip))
    with DrivingFile(driving, clip) as file:
        if file.still:
            warn_of_still(driving, "take")
        method = engine.load()
        source = file.source(method, method.landmarker, resampled=clip.fps is not None)
        with TakeSink(output, method, source.rate, source.reference) as sink:
            pump(source, sink, source.frames, progress)
    return sink.take
