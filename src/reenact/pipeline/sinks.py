"""Where pictures and motions go: a video, a picture, a take, a call, a function. Files appear whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self, TypeVar

from reenact.codec.call import CallOptions, pack, profile_of
from reenact.codec.container import Header, file_bytes, write_call
from reenact.codec.notes import notes
from reenact.core.errors import NoFaceError, ReenactError
from reenact.core.files import replaced
from reenact.core.types import Image, Method, Motion
from reenact.media.film import FILM_QUALITY
from reenact.media.image import check_image_name
from reenact.motion.takes import Take, check_suffix
from reenact.pipeline.heads import Moment
from reenact.pipeline.options import WHOLE, Clip, Progress, StrPath
from reenact.pipeline.sources import NO_FACE
from reenact.provenance.output import MarkedOutput

Item = TypeVar("Item", contravariant=True)
Carried = TypeVar("Carried")


class Sink(Protocol[Item]):
    """A context manager that is written to item by item; what it makes is there when the block ends well, and only then."""

    def write(self, item: Item, /) -> None:
        """The next item."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None: ...


def pump(items: Iterable[Carried], sink: Sink[Carried], total: int | None = None, progress: Progress | None = None) -> int:
    """Writes every item; gives their number. The sink's block is the caller's."""
    done = 0
    for item in items:
        sink.write(item)
        done += 1
        if progress:
            progress(done, total)
    return done


class _Sink:
    """What ends well or leaves nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is None:
            self.finish()

    def finish(self) -> None:
        """Called when the block ends well."""


class VideoSink:
    """Rendered crops to a video file, marked as synthetic (provenance/output.py)."""

    def __init__(
        self,
        output: MarkedOutput,
        rate: Fraction,
        place: Callable[[Image], Image],
        sound: StrPath | None = None,
        clip: Clip = WHOLE,
        film_quality: int = FILM_QUALITY,
    ) -> None:
        """place: what makes a frame of a crop (portrait.py: placer). sound, clip: a file, and which part of its sound goes with
        the pictures; film_quality: 1..100. Raises ReenactError where the file cannot be written."""
        self._frame = output.around(place)
        self._writer = output.film(rate, sound, clip.start, clip.end, film_quality)

    def write(self, image: Image) -> None:
        """The next crop."""
        self._writer.write(self._frame(image))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._writer.__exit__(kind, error, at)


class ImageSink(_Sink):
    """Rendered crops to a picture file (.png, .jpg, .webp), marked as synthetic: the last one that is written."""

    def __init__(self, output: MarkedOutput, place: Callable[[Image], Image]) -> None:
        """place: what makes a picture of a crop (portrait.py: placer). Raises ReenactError for another ending."""
        check_image_name(output.path)
        self._output = output
        self._frame = output.around(place)
        self._picture: Image | None = None

    def write(self, image: Image) -> None:
        """A crop, instead of the one before."""
        self._picture = image

    def finish(self) -> None:
        """Raises ReenactError where nothing was written, or the file cannot be."""
        if self._picture is None:
            raise ReenactError(f"{self._output.path}: not written, there was no picture to write")
        self._output.picture(self._frame(self._picture))


class CallbackSink(_Sink):
    """Anything to a function, one call an item."""

    def __init__(self, function: Callable[[Any], object]) -> None:
        self._function = function

    def write(self, item: Any) -> None:
        """Calls the function."""
        self._function(item)


class TakeSink(_Sink):
    """A source's moments to a take (.npz, .json); frames without a face hold the motion before them."""

    take: Take
    """what was written; there when the block has ended well"""

    def __init__(self, path: StrPath | None, method: Method, rate: Fraction, reference: Motion | None = None) -> None:
        """path: None keeps the take in memory; rate: frames a second, on average; reference: the driver's neutral, where it is
        known. Raises ReenactError for another ending."""
        self.path = None if path is None else Path(path)
        if self.path is not None:
            check_suffix(self.path)
        self._method, self._rate, self._reference = method, rate, reference
        self._moments: list[Moment] = []

    def write(self, moment: Moment) -> None:
        """The next moment."""
        self._moments.append(moment)

    def finish(self) -> None:
        """Raises ReenactError where no frame had a face, or the file cannot be written."""
        motions = [motion for _, motion in self._moments]
        if all(motion is None for motion in motions):
            raise NoFaceError(NO_FACE)
        origin = self._moments[0][0]
        times = tuple(time - origin for time, _ in self._moments)
        self.take = Take.of(self._method.name, self._method.fingerprint, self._rate, times, motions, self._reference)
        if self.path is not None:
            self.take.save(self.path)


class CallSink(_Sink):
    """A source's moments to a call (.rnct); they are coded together when the last is there."""

    once = stream = 0
    """bytes that are sent once (header, portrait, notes), and of the packets; there when the block has ended well"""

    def __init__(
        self,
        path: StrPath,
        method: Method,
        rate: Fraction,
        options: CallOptions,
        portrait: bytes = b"",
        start: Fraction = Fraction(0),
    ) -> None:
        """portrait: packed (codec/container.py: pack_portrait); start: second of the driver's file at which the first moment is.
        Raises ReenactError for bad options."""
        options.check()
        self.path, self._start = Path(path), start
        self._method, self._rate, self._options, self._portrait = method, rate, options, portrait
        self._moments: list[Moment] = []

    @property
    def missing(self) -> int:
        """Frames so far that showed no face."""
        return sum(motion is None for _, motion in self._moments)

    def write(self, moment: Moment) -> None:
        """The next moment."""
        self._moments.append(moment)

    def finish(self) -> None:
        """Raises ReenactError where no frame had a face, or the file cannot be written."""
        motions = held(motion for _, motion in self._moments)
        seen = any(motion.gaze is not None for motion in motions)
        profile = profile_of(self._method, motions[0].expression.size, seen)
        header = replace(Header.of(profile, self._rate), frames=len(motions), portrait=self._portrait)
        packets = pack(profile, header, motions, self._options)
        data = write_call(header, packets) + notes(self._start)
        self.stream = file_bytes(packets)
        self.once = len(data) - self.stream
        with replaced(self.path) as part:
            part.write_bytes(data)


def held(read: Iterable[Motion | None]) -> list[Motion]:
    """Frames without a face take the motion before them, or the first there is; those with shut eyes the gaze. Raises
    ReenactError where there is no face."""
    motions = list(read)
    last = next((motion for motion in motions if motion is not None), None)
    if last is None:
        raise NoFaceError(NO_FACE)
    gaze = next((motion.gaze for motion in motions if motion is not None and motion.gaze is not None), None)
    found = []
    for motion in motions:
        last = motion or last
        gaze = gaze if last.gaze is None else last.gaze
        found.append(last.replace(gaze=gaze))
    return found
