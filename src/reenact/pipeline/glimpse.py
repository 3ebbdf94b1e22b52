"""A look at a video's first seconds, in threads of its own: the driver's calmest face is looked for there (motion/reference.py)
while the portrait is encoded and networks load. Every n-th frame is enough; all of them would double the start."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

from reenact.core.errors import ReenactError
from reenact.core.prefetch import ahead
from reenact.core.types import Method, Motion
from reenact.faces.landmarker import Landmarker
from reenact.media.video import VideoReader
from reenact.motion.reference import SAMPLED, SEARCH, sampled_every
from reenact.pipeline.heads import Head, heads, read

FACES_MAX = 2 * round(SEARCH * SAMPLED)
"""ours: nothing is waited for: more than there can be"""


@contextmanager
def glimpse(reader: VideoReader, rate: Fraction, method: Method, landmarker: Landmarker) -> Iterator[Iterator[Motion]]:
    """The faces, as they are read; leaving the block ends the threads.

    reader: of the video, whose file is opened once more; rate: frames a second that its motion is followed at. Where it cannot be
    read faces end early: who follows the video says so.
    """
    with ahead(_seen(reader, rate, method.size, landmarker)) as seen, ahead(read(method, seen), FACES_MAX) as ready:

        def faces() -> Iterator[Motion]:
            with suppress(ReenactError):
                for _, motion in ready:
                    if motion is not None:
                        yield motion

        yield faces()


def _seen(reader: VideoReader, rate: Fraction, size: int, landmarker: Landmarker) -> Iterator[tuple[Fraction, Head | None]]:
    """Heads `SAMPLED` a second; half a frame is allowed for, since times in files are rounded."""
    every = sampled_every(rate)
    start, until = reader.start, reader.start + round(SEARCH)
    end = until if reader.end is None else min(until, reader.end)
    with VideoReader(reader.path, start, end, apart=(every - Fraction(1, 2)) / rate) as again:
        frames = ((frame.time, frame.image) for frame in again)
        yield from heads(frames, landmarker.twin(), size, every)
