"""Where live pictures go: a video device that meetings see as a camera, a file, raw RGB in a pipe. Constant rate, by holding."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import sys
import threading
import time
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, Protocol, runtime_checkable

import av
import av.error
import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.media.film import FILM_QUALITY
from reenact.provenance.output import MarkedOutput

FORMS = "v4l2:/dev/videoN, a file (.mp4, .mov, .mkv) or - (raw RGB in a pipe)"
LOOPBACK = "sudo modprobe v4l2loopback exclusive_caps=1 card_label=reenact"
SIZES = (64, 2048)
"""ours: sides of the picture, px"""
BEHIND = 25
"""ours: slots that are made up for at most, of a file whose machine stood still; beyond, the file is shorter than the time"""


class ReaderGone(ReenactError):
    """Whoever read the pictures has closed the pipe: an end, not a failure."""


@runtime_checkable
class Output(Protocol):
    """What takes a picture every slot."""

    realtime: bool
    """whether a slot that was missed is over, as for a device; a file makes up for it"""

    def write(self, image: Image) -> None:
        """Raises ReenactError when it cannot go on."""
        ...

    def close(self, failed: bool) -> None:
        """failed: leave nothing behind."""
        ...


class Sink:
    """A context manager around an output: shows the newest picture every slot, in a thread of its own."""

    def __init__(self, output: Output, rate: Fraction = Fraction(25), size: int | None = None) -> None:
        """rate: slots a second; size: side of the picture, px, by default the method's. Raises ReenactError for bad ones."""
        check_pace(rate, size)
        self._output, self._rate, self._size = output, rate, size
        self._image: Image | None = None
        self._changed, self._stop = threading.Lock(), threading.Event()
        self._first = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reenact-sink", daemon=True)
        self.error: ReenactError | None = None
        """why nothing is written any more"""

    def __enter__(self) -> Sink:
        self._thread.start()
        return self

    def show(self, image: Image) -> None:
        """From the next slot on; returns at once. Raises ReenactError once the output has failed."""
        if self.error is not None:
            raise self.error
        with self._changed:
            self._image = image
        self._first.set()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: object) -> None:
        """Raises what the output has failed at; a reader that has gone is an end like any other."""
        self._stop.set()
        self._first.set()
        self._thread.join()
        self._output.close(failed=kind is not None or self.error is not None)
        if kind is None and self.error is not None and not isinstance(self.error, ReaderGone):
            raise self.error

    def _run(self) -> None:
        self._first.wait()
        began, slots = time.monotonic(), 0
        try:
            while True:
                self._write()
                slots += 1
                due = began + slots / float(self._rate)
                late = time.monotonic() - due
                if self._output.realtime or late * float(self._rate) > BEHIND:
                    began += max(0.0, late)
                if self._stop.wait(max(0.0, due - time.monotonic())):
                    return
        except ReenactError as problem:
            self.error = problem

    def _write(self) -> None:
        with self._changed:
            image = self._image
        if image is None:
            return
        if self._size is not None and image.shape[0] != self._size:
            image = np.asarray(PILImage.fromarray(image).resize((self._size, self._size), PILImage.Resampling.BICUBIC))
        self._output.write(image)


def check_pace(rate: Fraction, size: int | None) -> None:
    """Raises ReenactError for a rate out of 1..120 or a size that no codec takes."""
    if not 1 <= rate <= 120:
        raise ReenactError(f"`fps` must lie between 1 and 120, not {float(rate):g}")
    if size is not None and (not SIZES[0] <= size <= SIZES[1] or size % 2):
        raise ReenactError(f"`size` must be even and between {SIZES[0]} and {SIZES[1]}, not {size}")


class FileOutput:
    """A video file, whole and labelled at the end; its pictures come with their watermark."""

    realtime = False

    def __init__(self, path: str | Path, rate: Fraction, film_quality: int = FILM_QUALITY) -> None:
        """film_quality: 1..100. Raises ReenactError when it cannot be written."""
        self._writer = MarkedOutput(path).film(rate, film_quality=film_quality)

    def write(self, image: Image) -> None:
        """One more frame."""
        self._writer.write(image)

    def close(self, failed: bool) -> None:
        """Finishes the file, or leaves nothing behind."""
        error = ReenactError("stopped") if failed or not self._writer.frames else None
        self._writer.__exit__(None if error is None else type(error), error, None)


class DeviceOutput:
    """A video device of v4l2loopback, which every program on this Linux sees as a camera."""

    realtime = True

    def __init__(self, path: str, rate: Fraction, format: str = "v4l2") -> None:
        """format: FFmpeg's name; tests write to a plain file. Raises ReenactError where it is no such device or forbidden."""
        self._path, self._rate, self._format = path, rate, format
        self._container: Any = None
        self._stream: Any = None
        check_device(path, format)

    def write(self, image: Image) -> None:
        """One frame, I420."""
        try:
            container = self._container or self._begin(*image.shape[:2])
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuv420p")
            frame.pts = None
            container.mux(self._stream.encode(frame))
        except (av.error.FFmpegError, OSError) as error:
            raise self._refused(error) from None

    def close(self, failed: bool) -> None:
        """The device is free again."""
        if self._container is not None:
            with contextlib.suppress(av.error.FFmpegError, OSError):
                self._container.close()

    def _begin(self, height: int, width: int) -> Any:
        self._container = av.open(self._path, "w", format=self._format)
        self._stream = self._container.add_stream("rawvideo", rate=self._rate)
        self._stream.width, self._stream.height, self._stream.pix_fmt = width, height, "yuv420p"
        return self._container

    def _refused(self, error: Exception) -> ReenactError:
        number = getattr(error, "errno", None)
        if number == errno.EBUSY:
            return ReenactError(f"{self._path}: another program writes to it; end it or choose another device")
        if number in (errno.ENOTTY, errno.EINVAL):
            return ReenactError(f"{self._path}: no device that can be written to, or of another size; {LOOPBACK}")
        return ReenactError(f"{self._path}: {getattr(error, 'strerror', None) or error}; {LOOPBACK}")


def check_device(path: str, format: str = "v4l2") -> None:
    """Raises ReenactError where there is no such device, it is none or may not be written to."""
    if not os.path.exists(path):
        raise ReenactError(f"{path}: no such device; make one: {LOOPBACK}")
    if format == "v4l2" and not stat.S_ISCHR(os.stat(path).st_mode):
        raise ReenactError(f"{path}: no video device; make one: {LOOPBACK}")
    if not os.access(path, os.W_OK):
        raise ReenactError(f"{path}: may not be written to; sudo usermod -aG video $USER, then log in again")


def hidden_from_browsers(folder: Path = Path("/sys/module/v4l2loopback/parameters")) -> bool:
    """Whether v4l2loopback runs without exclusive_caps=1: then Chrome and what is made of it do not list the device."""
    file = folder / "exclusive_caps"
    return file.is_file() and not file.read_text(encoding="utf-8").upper().lstrip().startswith(("Y", "1"))


class PipeOutput:
    """Raw RGB, 3 bytes a pixel, frame after frame."""

    realtime = True

    def __init__(self, stream: BinaryIO) -> None:
        """Raises ReenactError for a terminal."""
        if stream.isatty():
            raise ReenactError("`LiveOptions.output` - writes raw pictures: pipe it into a program, as | ffplay -f rawvideo -")
        self._stream = stream

    def write(self, image: Image) -> None:
        """One frame."""
        try:
            self._stream.write(np.ascontiguousarray(image).tobytes())
            self._stream.flush()
        except (OSError, ValueError):
            raise ReaderGone("whoever read the pictures has gone") from None

    def close(self, failed: bool) -> None:
        """The stream is left to whoever opened it."""


def open_output(text: str, rate: Fraction, film_quality: int = FILM_QUALITY) -> Output:
    """The output that LiveOptions.output names; film_quality: 1..100, where it is a film.

    Raises ReenactError for what cannot be written."""
    if text == "-":
        return PipeOutput(sys.stdout.buffer)
    kind, _, path = text.partition(":")
    if kind == "v4l2" and path:
        if not sys.platform.startswith("linux"):
            remedy = "elsewhere let OBS take the page of `reenact serve` (docs/live.md)"
            raise ReenactError(f"`LiveOptions.output` v4l2 is for Linux; {remedy}")
        return DeviceOutput(path, rate)
    if not Path(text).suffix or kind == "v4l2":
        raise ReenactError(f"`LiveOptions.output` {text!r}: write {FORMS}")
    return FileOutput(text, rate, film_quality)
