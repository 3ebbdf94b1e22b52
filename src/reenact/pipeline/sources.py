"""Where a driver's motion comes from: video, pictures as they come, a take, blendshapes, a call. One loop consumes them all."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain
from numbers import Rational
from pathlib import Path
from types import TracebackType

import numpy as np

from reenact.codec.call import Call
from reenact.codec.profile import Profile
from reenact.core.errors import ReenactError
from reenact.core.files import check_readable
from reenact.core.prefetch import ahead
from reenact.core.types import Image, Method, Motion, check_picture
from reenact.core.values import written
from reenact.faces import eyes
from reenact.faces.crop import cut, head_crop
from reenact.faces.landmarker import Landmarker
from reenact.faces.portrait import find_face
from reenact.media.clock import SLACK, to_the_microsecond
from reenact.media.image import is_still, read_image
from reenact.media.video import VideoReader, resample
from reenact.motion.arkit import is_coefficients, read_coefficients
from reenact.motion.expression import expression_map
from reenact.motion.reference import sampled_every
from reenact.motion.takes import SUFFIXES, Take
from reenact.pipeline.glimpse import glimpse
from reenact.pipeline.heads import Moment, Timed, heads, read
from reenact.pipeline.inputs import STILL_SECONDS
from reenact.pipeline.options import WHOLE, Clip, StrPath

Driving = StrPath | Take | Iterable[Image] | Iterable[Timed]
"""a file (video, take, blendshapes), a take, or pictures as they come, with their times or without"""
NO_FACE = "no face found in any frame of the driving video: choose one that shows a face"
RATE = Fraction(25)
"""of pictures that say no time"""


@dataclass(frozen=True)
class MotionSource:
    """A driver's motion, frame by frame; iterated once."""

    moments: Generator[Moment, None, None]
    rate: Fraction
    """frames a second, on average"""
    frames: int | None = None
    """about how many there will be; None: not known"""
    reference: Motion | None = None
    """the driver's neutral; None: to be found (motion/reference.py)"""
    timed: bool = False
    """whether frames come when they come, and their times count; else one after the other at `rate`"""
    ahead: bool = True
    """whether frames may be read before those before them are rendered; a camera's may not"""
    placed: bool = True
    """whether the motions say where the head is and how large; blendshapes do not"""
    glimpse: Iterable[Motion] = ()
    """faces of the first seconds (glimpse.py), for the reference to be found among; none: the first moments are waited for"""

    def __iter__(self) -> Iterator[Moment]:
        return self.moments

    def close(self) -> None:
        """The iteration ends, and the thread that reads ahead, if there is one."""
        self.moments.close()


def of_video(reader: VideoReader, method: Method, landmarker: Landmarker, rate: Fraction | None = None) -> MotionSource:
    """A video's, ahead of the rendering: one thread decodes and tracks, another encodes motion. rate: frames a second, evenly;
    None: every frame, with its own time.

    The second runs the motion encoder, whose graph no other verb uses once the portrait is encoded. Close it before the video.
    """
    frames = reader if rate is None else resample(reader, rate, reader.end)

    def moments() -> Generator[Moment, None, None]:
        tracked = heads(((frame.time, frame.image) for frame in frames), landmarker, method.size)
        with ahead(tracked) as cropped, ahead(read(method, cropped)) as ready:
            yield from ready

    rate = rate or reader.rate
    expected = None if reader.seconds is None else max(1, round(reader.seconds * rate))
    return MotionSource(moments(), rate, expected)


def of_pictures(
    pictures: Iterable[Image] | Iterable[Timed], method: Method, landmarker: Landmarker, rate: Fraction = RATE
) -> MotionSource:
    """Pictures as they come (a list, a camera); each is asked for when it is to be encoded. rate: of those that say no time.

    All say their time, or none does. Raises ReenactError for what is no picture, and times that do not run forwards.
    """
    if isinstance(pictures, np.ndarray) and pictures.ndim == 3:
        raise ReenactError("one picture is no driver: give a list of pictures, or the path of a file")
    coming = iter(pictures)
    first = next(coming, None)
    timed = isinstance(first, tuple)

    def frames() -> Iterator[Timed]:
        before: Fraction | None = None
        for count, shown in enumerate(chain([] if first is None else [first], coming)):
            if isinstance(shown, tuple) != timed:
                raise ReenactError(f"picture {count + 1} has {'no' if timed else 'a'} time: give one to all of them, or to none")
            if isinstance(shown, tuple) and len(shown) != 2:
                raise ReenactError(f"picture {count + 1} is a tuple of {len(shown)}: give (seconds, picture)")
            time, image = (_second(shown[0], count), shown[1]) if isinstance(shown, tuple) else (count / rate, shown)
            check_picture(image)
            if before is not None and time <= before:
                raise ReenactError(
                    f"picture {count + 1} is not after the one before it ({float(time):g} s): sort them by their time"
                )
            before = time
            yield time, image

    return MotionSource(read(method, heads(frames(), landmarker, method.size)), rate, timed=timed, ahead=False)


def _second(time: object, count: int) -> Fraction:
    """Of picture `count`, from 0. Raises ReenactError for what is no finite number."""
    try:
        return Fraction(time if isinstance(time, Rational) else float(time))  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        raise ReenactError(f"the time of picture {count + 1} is {written(time)}: give seconds, a finite number") from None


def of_still(path: StrPath, method: Method, landmarker: Landmarker, clip: Clip = WHOLE) -> MotionSource:
    """A picture's: it holds still, and the portrait goes to it. clip: may end it sooner."""
    image, rate = read_image(path), clip.rate or RATE
    face = find_face(image, landmarker)
    shown = method.encode_motion(cut(image, head_crop(face), method.size)).replace(gaze=eyes.gaze(face.landmarks))
    asked = STILL_SECONDS if clip.end is None else min(STILL_SECONDS, clip.end - (clip.start or 0))
    count = max(1, round(asked * rate))
    return MotionSource(((i / rate, shown) for i in range(count)), rate, count, placed=False)


def of_take(take: Take, method: Method, clip: Clip = WHOLE) -> MotionSource:
    """A take's, at a constant rate. Raises ReenactError where other weights made it, or the clip holds no frame."""
    take.check(method.name, method.fingerprint, method.code_size)
    rate = clip.rate or take.rate
    count = take.count(rate, clip.start, clip.end)
    moments = ((i / rate, motion) for i, motion in enumerate(take.frames(rate, clip.start, clip.end)))
    return MotionSource(moments, rate, count, take.reference)


def of_call(call: Call, profile: Profile) -> MotionSource:
    """A call's, decoded as it is played. Raises ReenactError where the file is damaged."""
    rate = call.header.rate
    moments = ((i / rate, motion) for i, motion in enumerate(call.motions(profile)))
    return MotionSource(moments, rate, call.header.frames or None)


class DrivingFile:
    """A file that drives: a video, a take, or blendshapes. A context manager.

    Opening checks it as far as that goes without a method, so that bad files fail before one is loaded: a video's first frame is
    decoded. Raises ReenactError.
    """

    def __init__(self, path: StrPath, clip: Clip = WHOLE) -> None:
        self.path = Path(path)
        self._clip = clip
        self._held = ExitStack()
        self._reader: VideoReader | None = None
        self.still = False
        """whether it is one picture, which has no motion: the portrait goes to its face (Control.mode: decaying)"""
        if is_take(self.path):
            check_readable(self.path, "video or a take")
        elif is_still(self.path):
            self.still = True
        else:
            self._reader = self._held.enter_context(VideoReader(self.path, clip.start, clip.end))

    @property
    def sound(self) -> Path | None:
        """The file whose sound goes with it; None where there is none."""
        return None if self._reader is None else self.path

    @property
    def shown(self) -> Clip:
        """The clip from its first picture on, which need not be due just at the clip's start: what the sound is cut to."""
        return self._clip if self._reader is None else replace(self._clip, start=self._reader.begin)

    def second(self, asked: float) -> float:
        """A second of the file, counted from the first picture of the clip. Raises ReenactError where the clip lacks it."""
        start, end = self._clip.start or Fraction(0), self._clip.end
        if self._reader is not None and self._reader.duration is not None:
            last = self._reader.duration + SLACK
            end = last if end is None else min(end, last)
        if asked < float(start) or (end is not None and asked >= float(end)):
            part = f"from {float(start):g} s on" if end is None else f"from {float(start):g} to {float(end):g} s"
            raise ReenactError(f"`reference` {asked:g} is not in the part of {self.path} that is followed, {part}")
        return max(0.0, asked - float(self.shown.start or 0))

    def source(self, method: Method, landmarker: Landmarker, resampled: bool = True) -> MotionSource:
        """resampled: a video's frames evenly, at the clip's rate or its own; else each as it comes."""
        if self.still:
            return of_still(self.path, method, landmarker, self._clip)
        if self._reader is None:
            coded = is_coefficients(self.path)
            take = read_coefficients(self.path, expression_map(method)) if coded else Take.load(self.path)
            return replace(of_take(take, method, self._clip), placed=not coded)
        rate = (self._clip.rate or self._reader.rate) if resampled else None
        source = of_video(self._reader, method, landmarker, rate)
        self._held.callback(source.close)
        return source

    def glimpsed(self, source: MotionSource, method: Method, landmarker: Landmarker) -> MotionSource:
        """The same source; from now on a thread of its own looks at a video's first seconds for the driver's calmest face.

        The method's `encode_motion` must stand being called from several threads, as an `OnnxMethod`'s does.
        """
        if self._reader is None or sampled_every(source.rate) == 1:
            return source
        return replace(source, glimpse=self._held.enter_context(glimpse(self._reader, source.rate, method, landmarker)))

    def __enter__(self) -> DrivingFile:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._held.close()


@contextmanager
def open_source(
    driving: Driving, method: Method, landmarker: Landmarker, rate: Fraction | float | None = None, *, looked_at: bool = False
) -> Iterator[MotionSource]:
    """The motion of whatever drives, every frame of it. rate: of pictures that say no time; looked_at: as `DrivingFile.glimpsed`,
    where it is a video. Raises ReenactError."""
    if isinstance(driving, Take):
        yield of_take(driving, method)
    elif isinstance(driving, str | os.PathLike):
        with DrivingFile(driving) as file:
            source = file.source(method, landmarker, resampled=False)
            yield file.glimpsed(source, method, landmarker) if looked_at else source
    else:
        yield of_pictures(driving, method, landmarker, RATE if rate is None else stated(rate))


def stated(rate: Fraction | float) -> Fraction:
    """Frames a second that a caller says, exactly. Raises ReenactError for what is no number above 0."""
    try:
        exact = rate if isinstance(rate, Fraction) else to_the_microsecond(rate)
    except (TypeError, ValueError, OverflowError):
        exact = Fraction(0)
    if exact <= 0:
        raise ReenactError(f"a rate of {written(rate)}: give frames a second, a number above 0")
    return exact


def is_take(path: StrPath) -> bool:
    """Whether the file's name says motion or blendshapes rather than a video."""
    return Path(path).suffix.lower() in (*SUFFIXES, ".csv")


def open_take(path: StrPath, method: Method) -> Take:
    """A take from its file, or from one of blendshapes (arkit.py) through the method's expression map.

    Raises ReenactError for what can be neither.
    """
    if is_coefficients(Path(path)):
        return read_coefficients(path, expression_map(method))
    return Take.load(path)
