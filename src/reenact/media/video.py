"""Videos in and out, one frame at a time: memory does not grow with the clip.

Times are Fractions of a second from the first picture of the file. Rates are Fractions too: 30000/1001 stays that.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any

import av
import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import check_readable
from reenact.core.types import Image
from reenact.media.opening import open_media
from reenact.media.writer import VideoWriter

__all__ = ["VideoFrame", "VideoReader", "VideoWriter", "resample"]

MICROSECOND = Fraction(1, 1_000_000)
STANDARD_RATES = tuple(Fraction(n * 1000, d) for n in (12, 15, 24, 25, 30, 48, 50, 60, 120) for d in (1000, 1001))
SNAP = Fraction(2, 10_000)
"""ours: containers that keep times in ms state 29.97 as 19001/634; 30 and 30000/1001 differ by ten parts in 10,000"""


@dataclass(frozen=True)
class VideoFrame:
    """One picture and when it is shown."""

    image: Image
    time: Fraction
    """seconds from the first picture of the file"""


class VideoReader:
    """A context manager and iterator over the frames with start <= time < end, upright as a player shows them.

    Opening decodes the first frame, so that bad files fail before any other work is done. Raises ReenactError for what
    is missing, empty, cut off, not a video, or without a picture in the range.
    """

    rate: Fraction
    """frames a second, on average"""
    width: int
    height: int
    frames: int | None
    """about how many frames the iteration yields; None if the file does not say"""
    duration: Fraction | None
    """seconds, of the whole file; None if the file does not say"""
    has_audio: bool

    def __init__(self, path: str | os.PathLike[str], start: Fraction | None = None, end: Fraction | None = None) -> None:
        """start, end: seconds; None is the file's own."""
        self.path = check_readable(path, "video")
        self._start, self._end = Fraction(start or 0), None if end is None else Fraction(end)
        if self._start < 0 or (self._end is not None and self._end <= self._start):
            raise ReenactError("the start must be 0 or later and the end after it; change --start or --end")
        self._container = open_media(self.path)
        try:
            self._read_header()
            self._decoded = self._decode()
            self._first: VideoFrame | None = self._peek()
        except BaseException:
            self._container.close()
            raise
        self.height, self.width = self._first.image.shape[:2]

    def __enter__(self) -> VideoReader:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let the file go; the iteration ends."""
        self._decoded.close()
        self._first = None
        self._container.close()

    def __iter__(self) -> Iterator[VideoFrame]:
        return self

    def __next__(self) -> VideoFrame:
        if self._first is not None:
            first, self._first = self._first, None
            return first
        return next(self._decoded)

    def _read_header(self) -> None:
        streams = self._container.streams
        if not streams.video:
            raise ReenactError(f"{self.path}: has no pictures, only sound; give a video")
        self._stream = stream = streams.video[0]
        stream.thread_type = "AUTO"
        if _is_cut_off(stream, self.path.stat().st_size):
            raise ReenactError(f"{self.path}: the file is cut off before its end; copy or download it again")
        self.has_audio = bool(streams.audio)
        self._origin = (stream.start_time or 0) * stream.time_base
        self.duration = _duration(self._container, stream)
        self.rate = _rate(stream)
        self.frames = self._count()

    def _count(self) -> int | None:
        if self._start == 0 and self._end is None and self._stream.frames:
            return int(self._stream.frames)
        stops = [stop for stop in (self.duration, self._end) if stop is not None]
        return max(1, round((min(stops) - self._start) * self.rate)) if stops else None

    def _peek(self) -> VideoFrame:
        for frame in self._decoded:
            return frame
        length = f" (it lasts {float(self.duration):.2f} s)" if self.duration else ""
        if self._start or self._end is not None:
            raise ReenactError(f"{self.path}: no frame between --start and --end{length}; change them")
        raise ReenactError(f"{self.path}: not one picture can be decoded; convert it to an H.264 mp4")

    def _decode(self) -> Iterator[VideoFrame]:
        if self._start:
            self._container.seek(int((self._start + self._origin) / self._stream.time_base), stream=self._stream)
        last: Fraction | None = None
        try:
            for frame in self._container.decode(self._stream):
                time = _time(frame, self._origin, last, self.rate)
                last = time
                if self._end is not None and time >= self._end:
                    return
                if time >= self._start:
                    yield VideoFrame(_upright(frame), time)
        except av.FFmpegError as error:
            at = f" after {float(last):.2f} s" if last is not None else ""
            reason = error.strerror or type(error).__name__
            raise ReenactError(f"{self.path}: damaged{at} ({reason}); copy or convert it again") from None


def resample(frames: Iterable[VideoFrame], rate: Fraction) -> Iterator[VideoFrame]:
    """The same clip at a constant `rate`: each slot shows the frame that is due, up to half a slot early.

    The half slot takes up the jitter of rounded timestamps, so a clip already at `rate` comes back frame for frame.
    The first slot is at the first frame's time. Holds one frame.
    """
    step = 1 / Fraction(rate)
    shown: VideoFrame | None = None
    slot = first = Fraction(0)
    count, interval = 0, step
    for frame in frames:
        if shown is None:
            slot = first = frame.time
        else:
            interval = frame.time - shown.time
            while slot + step / 2 <= frame.time:
                yield VideoFrame(shown.image, slot)
                count += 1
                slot = first + count * step
        shown = frame
    if shown is None:
        return
    while count == 0 or slot + step / 2 <= shown.time + interval:
        yield VideoFrame(shown.image, slot)
        count += 1
        slot = first + count * step


def _is_cut_off(stream: Any, size: int) -> bool:
    """Whether the container's own index points beyond the end of the file (mp4 with its index in front)."""
    entries = stream.index_entries
    return any(entry.pos + entry.size > size for entry in (entries[i] for i in range(max(0, len(entries) - 1), len(entries))))


def _duration(container: Any, stream: Any) -> Fraction | None:
    if stream.duration:
        return stream.duration * stream.time_base
    return container.duration * MICROSECOND if container.duration else None


def _rate(stream: Any) -> Fraction:
    rate = Fraction(stream.average_rate or stream.guessed_rate or 25)
    for standard in STANDARD_RATES:
        if abs(rate / standard - 1) < SNAP:
            return standard
    return rate.limit_denominator(1001)


def _time(frame: Any, origin: Fraction, last: Fraction | None, rate: Fraction) -> Fraction:
    if frame.pts is None:
        return last + 1 / rate if last is not None else Fraction(0)
    return frame.pts * frame.time_base - origin


def _upright(frame: Any) -> Image:
    image = frame.to_ndarray(format="rgb24")
    # The display matrix says by how many degrees, counter-clockwise, a player turns the picture (FFmpeg display.h).
    turns = round(frame.rotation / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image
