"""Videos in and out, one frame at a time: memory does not grow with the clip.

Times are Fractions of a second from where the pictures of the file begin. Rates are Fractions too: 30000/1001 stays that.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from types import TracebackType
from typing import Any, Literal

import numpy as np

from reenact.core.errors import InputError, ReenactError, ReenactWarning
from reenact.core.files import check_readable
from reenact.core.types import Image
from reenact.media.clock import LATEST_START, SLACK, Clock, check_range, finest_rate, stated_rate
from reenact.media.interlaced import without_combs
from reenact.media.opening import DAMAGE, Packets, film_of, is_cover, open_media
from reenact.media.pixels import check_film_picture, matrix_of
from reenact.media.writer import VideoWriter

__all__ = ["VideoFrame", "VideoReader", "VideoWriter", "resample"]

MICROSECOND = Fraction(1, 1_000_000)
SEEK_BACK = (0, 2, 10)
"""ours: seconds before the start to look for a picture that can be decoded by itself; transport streams have no index"""
ASPECT_MAX = 4
"""ours: of a pixel; beyond it the header is damaged"""
HIDDEN_SHARE = 2 / 3
"""ours: who trims a clip on a phone hides less of what stays in the file: the pictures since the last key frame"""
SCANNED = 3000
"""ours: frames whose times give the rate"""


@dataclass(frozen=True)
class VideoFrame:
    """One picture and when it is shown."""

    image: Image
    time: Fraction
    """seconds from where the pictures of the file begin"""


Pixels = Literal["shown", "stored"]


class VideoReader:
    """A context manager and iterator over the frames with start <= time < end, upright as a player shows them.

    Opening decodes the first frame, so that bad files fail before any other work is done. What of the pictures is damaged is
    left out and counted in a warning at the end. Raises ReenactError for what is missing, empty, cut off, not a video, or
    without a picture in the range.
    """

    rate: Fraction
    """frames a second: the mean, or where the rate varies, that of the bursts (clock.py)"""
    width: int
    height: int
    frames: int | None
    """about how many frames the iteration yields; None if the file does not say"""
    duration: Fraction | None
    """seconds, of the whole file; None if the file does not say"""
    has_audio: bool
    transfer: int
    """code of ITU-T H.273 for how light is coded (media/hdr.py); frames are given as they are coded"""
    begin: Fraction
    """when the first frame of the part is shown, seconds: at `start`, or after it where no picture is due there or the pictures
    before it cannot be decoded (a transport stream cut between key frames). What is made of the part begins here, sound too"""

    def __init__(
        self,
        path: str | os.PathLike[str],
        start: Fraction | int | None = None,
        end: Fraction | int | None = None,
        pixels: Pixels = "shown",
        apart: Fraction = Fraction(0),
    ) -> None:
        """start, end: seconds; None is the file's own. pixels: as a player shows them, or as they are stored, whatever aspect the
        header says: ready head crops that somebody scaled to a square keep their source's. apart: seconds between frames at the
        least; those between are passed over, and nothing is said of what is damaged."""
        self.path = check_readable(path, "video")
        self._pixels, self._apart = pixels, apart
        check_range(start, end)
        self._start, self._end = Fraction(start or 0), None if end is None else Fraction(end)
        self._container = open_media(self.path)
        try:
            self._read_header()
            self._decoded = self._decode()
            self._first: VideoFrame | None = self._peek()
        except BaseException:
            self._container.close()
            raise
        self.height, self.width = self._first.image.shape[:2]
        self.begin = self._first.time

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

    @property
    def start(self) -> Fraction:
        """From when it is read, seconds."""
        return self._start

    @property
    def end(self) -> Fraction | None:
        """Up to when it is read, seconds; None: to the file's end."""
        return self._end

    @property
    def seconds(self) -> Fraction | None:
        """Of the part that is read; None if the file does not say."""
        stops = [stop for stop in (self.duration, self._end) if stop is not None]
        return max(Fraction(0), min(stops) - self._start) if stops else None

    def _read_header(self) -> None:
        streams = self._container.streams
        if not streams.video:
            raise InputError(f"{self.path}: has no pictures, only sound; give a video")
        self._stream = stream = film_of(self._container)
        if is_cover(stream):
            raise InputError(f"{self.path}: has no pictures but its cover, only sound; give a video")
        if stream.codec_context is None:
            raise InputError(f"{self.path}: its pictures are of a kind that is not known here; convert it to an H.264 mp4")
        stream.thread_type = "AUTO"
        if _is_cut_off(stream, self.path.stat().st_size):
            raise InputError(f"{self.path}: the file is cut off before its end; copy or download it again")
        self.has_audio = bool(streams.audio)
        self.transfer = int(stream.codec_context.color_trc or 0)
        self._origin = (stream.start_time or 0) * stream.time_base
        self.duration = _duration(self._container, stream)
        mean = stated_rate(stream.average_rate, stream.guessed_rate)
        self.rate = self._true_rate(mean)
        if self._start > min((self.duration or LATEST_START) + SLACK, LATEST_START):
            raise self._nothing_there()
        self.frames = self._count(mean)

    def _true_rate(self, mean: Fraction) -> Fraction:
        """The mean, unless the file says itself that its rate varies."""
        stream = self._stream
        if not stream.base_rate or abs(stream.base_rate / mean - 1) < Fraction(1, 100):
            return mean
        entries = stream.index_entries
        count = min(len(entries), SCANNED)
        if stream.frames and len(entries) == stream.frames:
            return finest_rate([entries[i].timestamp * stream.time_base for i in range(count)], mean)
        other = open_media(self.path)
        try:
            found = zip(range(SCANNED), Packets(other, film_of(other)), strict=False)
            return finest_rate([packet.pts * packet.time_base for _, packet in found if packet.pts is not None], mean)
        finally:
            other.close()

    def _count(self, mean: Fraction) -> int | None:
        if self._start == 0 and self._end is None and self._stream.frames:
            return int(self._stream.frames)
        return None if self.seconds is None else max(1, round(self.seconds * mean))

    def _peek(self) -> VideoFrame:
        for frame in self._decoded:
            return frame
        if self._start or self._end is not None:
            raise self._nothing_there()
        raise InputError(f"{self.path}: not one picture can be decoded; convert it to an H.264 mp4")

    def _nothing_there(self) -> ReenactError:
        length = f" (it lasts {float(self.duration):.2f} s)" if self.duration else ""
        return ReenactError(f"{self.path}: no frame between `start` and `end`{length}; change them")

    def _decode(self) -> Generator[VideoFrame, None, None]:
        due = self._start
        for frame, time in self._timed():
            if self._end is not None and time >= self._end:
                break
            if time >= due and (image := self._shown(frame)) is not None:
                due = time + self._apart if self._apart else due
                yield VideoFrame(image, time)
        if not self._apart:
            self._tell()

    def _timed(self) -> Iterator[tuple[Any, Fraction]]:
        """Pictures and times from one at or before the start on, or from the first."""
        for back in SEEK_BACK if self._start else ():
            timed = self._from_place(self._start - back)
            first = next(timed, None)
            if first is not None and first[1] <= self._start:
                yield from chain([first], timed)
                return
        if self._start:
            self._container.close()
            self._container = open_media(self.path)
            self._stream = film_of(self._container)
            self._stream.thread_type = "AUTO"
        yield from self._from_place(None)

    def _from_place(self, start: Fraction | None) -> Iterator[tuple[Any, Fraction]]:
        if start is not None:
            try:
                self._container.seek(int((max(start, 0) + self._origin) / self._stream.time_base), stream=self._stream)
            except DAMAGE:
                return
        self._packets, self._clock = Packets(self._container, self._stream), Clock(self._origin, self.rate, start is None)
        for frame in without_combs(self._packets.frames(), self._stream.time_base):
            unit = frame.time_base or self._stream.time_base  # the decoder's last frames have none
            yield frame, self._clock.time(None if frame.pts is None else frame.pts * unit)

    def _shown(self, frame: Any) -> Image | None:
        """The picture as a player shows it: square pixels, upright; None where it cannot be had."""
        check_film_picture(self.path, frame.width, frame.height)
        try:
            aspect = self._stream.sample_aspect_ratio if self._pixels == "shown" else None
            width, height = _square(frame, aspect)
            image = frame.to_ndarray(format="rgb24", width=width, height=height, src_colorspace=matrix_of(frame))
            # The display matrix says by how many degrees, counter-clockwise, a player turns the picture (FFmpeg display.h).
            turns = round(frame.rotation / 90) % 4
        except DAMAGE:
            self._packets.lost += 1
            return None
        return np.ascontiguousarray(np.rot90(image, turns)) if turns else image

    def _tell(self) -> None:
        if lost := self._packets.lost:
            count = "1 picture is" if lost == 1 else f"{lost} pictures are"
            warnings.warn(f"{self.path}: {count} damaged and left out; the one before is held", ReenactWarning, stacklevel=1)
        if (hidden := self._packets.hidden) > HIDDEN_SHARE * self._packets.read:
            left = f"leaves out {hidden} of its {self._packets.read} pictures; should it be longer, convert it again"
            warnings.warn(f"{self.path}: its edit list {left}", ReenactWarning, stacklevel=1)
        if self._clock.jumps:
            told = f"{self.path}: its clock leaps; the pictures follow each other without the gap"
            warnings.warn(told, ReenactWarning, stacklevel=1)


def resample(frames: Iterable[VideoFrame], rate: Fraction, end: Fraction | None = None) -> Iterator[VideoFrame]:
    """The same clip at a constant `rate`: each slot shows the frame that is due, up to half a slot early.

    The half slot takes up the jitter of rounded timestamps, so a clip already at `rate` comes back frame for frame.
    The first slot is at the first frame's time. Holds one frame. end: the last frame is held no longer, seconds; None: as long as
    the one before it.
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
    until = shown.time + interval
    until = until if end is None else min(until, max(end, shown.time + step))
    while count == 0 or slot + step / 2 <= until:
        yield VideoFrame(shown.image, slot)
        count += 1
        slot = first + count * step


def _is_cut_off(stream: Any, size: int) -> bool:
    """Whether the container's own index points beyond the end of the file (mp4 with its index in front)."""
    entries = stream.index_entries
    return len(entries) > 0 and entries[-1].pos + entries[-1].size > size


def _duration(container: Any, stream: Any) -> Fraction | None:
    if stream.duration:
        return stream.duration * stream.time_base
    return container.duration * MICROSECOND if container.duration else None


def _square(frame: Any, aspect: Fraction | None) -> tuple[int, int]:
    """Width and height in square pixels; the shorter way is stretched, nothing is lost."""
    if not aspect or abs(aspect - 1) < Fraction(1, 100) or not Fraction(1, ASPECT_MAX) <= aspect <= ASPECT_MAX:
        return frame.width, frame.height
    return round(frame.width * max(aspect, Fraction(1))), round(frame.height / min(aspect, Fraction(1)))
