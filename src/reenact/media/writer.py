"""A film out, one frame at a time, with the sound of another clip: whole, or not there at all."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from types import TracebackType
from typing import Any

import av
import av.error
import numpy as np

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.files import Unfinished, explained, unwritable
from reenact.core.types import Image
from reenact.media.audio import Sound, open_output
from reenact.media.encoders import ENCODERS, FASTEST, H264, Encoder
from reenact.media.film import FILM_QUALITY, SILENT, check_film_quality, container_format


class VideoWriter:
    """A context manager that writes frames at a constant rate beside the target and renames them when all is written.

    Any exception inside it, KeyboardInterrupt too, leaves nothing behind and an older file untouched.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: Fraction,
        audio_from: str | os.PathLike[str] | None = None,
        start: Fraction | None = None,
        end: Fraction | None = None,
        *,
        finish: Callable[[Path], None] | None = None,
        tags: Mapping[str, str] | None = None,
        film_quality: int = FILM_QUALITY,
    ) -> None:
        """rate: frames a second. start, end: the part of `audio_from` that is carried over, seconds; it never outlasts
        the pictures. finish: called with the unfinished file when all is written and before it has its name. tags: what the
        container says of itself; .mkv keeps any, .mp4 and .mov those that FFmpeg knows, .webp and .gif none.
        film_quality: 1..100, as of JPEG; .gif has but one.
        Raises ReenactError at once when the target cannot be written, or the quality is none."""
        check_film_quality(film_quality)
        self.path, self.rate = Path(path), Fraction(rate)
        self._finish = finish
        kind = container_format(self.path)
        with explained(self.path):
            self._file = Unfinished(self.path)
        self._kind, self._tags, self._quality = kind, dict(tags or {}), film_quality
        if kind == "gif" and film_quality != FILM_QUALITY:
            told = f"{self.path}: `film_quality` does nothing for .gif, which has 256 colours a frame; .webp, .mp4, .mov and .mkv"
            warnings.warn(f"{told} have a quality", ReenactWarning, stacklevel=3)
        self._start, self._end = Fraction(start or 0), None if end is None else Fraction(end)
        if self.rate > (most := FASTEST.get(kind, self.rate)):
            told = f"{path}: {self.path.suffix} shows {most} frames a second at most; of {float(self.rate):g} some are left out"
            warnings.warn(told, ReenactWarning, stacklevel=3)
        self._container: Any = None
        self._sound: Sound | None = None
        self._encoder: Encoder | None = None
        self.frames = 0
        """how many were written"""
        try:
            if audio_from is not None:
                self._sound = self._heard(audio_from)
            # Before the sound is laid under, mp4: it keeps the decoder's order, which Matroska does not.
            self._container = open_output(self.part, kind if self._sound is None else "mp4", self._tags)
        except BaseException:
            self._discard()
            raise

    @property
    def part(self) -> Path:
        """The unfinished file."""
        return self._file.part

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, image: Image) -> None:
        """Append one frame. All have the size of the first; odd sides get one more row or column of their edge."""
        height, width = image.shape[:2]
        if height % 2 or width % 2:
            image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
        if self._encoder is None:
            rows, columns = image.shape[:2]
            self._encoder = ENCODERS.get(self._kind, H264)(self._container, self.rate, rows, columns, self._quality)
        stream = self._encoder.stream
        if image.shape[:2] != (stream.height, stream.width):
            raise ValueError(f"frame is {width}x{height}, the first was {stream.width}x{stream.height}")
        self._put(self._encoder, image)
        self.frames += 1

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            self._discard()
            return
        try:
            if self._encoder is None:
                raise ReenactError(f"{self.path}: not written, there was no frame to write")
            self._put(self._encoder, None)
            self._container.close()
            self._add_sound()
            if self._finish is not None:
                self._finish(self.part)
            self._file.finish()
        except (OSError, av.error.FFmpegError) as problem:
            raise unwritable(self.path, problem) from None
        finally:
            self._discard()

    def _heard(self, path: str | os.PathLike[str]) -> Sound | None:
        """What is laid under the pictures."""
        sound = Sound.of(path, self._start)
        if sound is not None and self._kind in SILENT:
            warnings.warn(f"{self.path}: {self.path.suffix} has no sound; .mp4, .mov and .mkv do", ReenactWarning, stacklevel=4)
            return None
        return sound

    def _add_sound(self) -> None:
        if self._sound is not None:
            length = self.frames / self.rate
            part = length if self._end is None else min(length, self._end - self._start)
            self._sound.lay_under(self._file, self._kind, part, self._tags)

    def _put(self, encoder: Encoder, image: Image | None) -> None:
        try:
            for packet in encoder.packets(image, self.frames, self.rate):
                self._container.mux(packet)
        except av.error.FFmpegError as problem:
            raise unwritable(self.path, problem) from None

    def _discard(self) -> None:
        """Close what is open and remove the unfinished file, if there is one."""
        try:
            if self._container is not None:
                self._container.close()
        except (OSError, av.error.FFmpegError):
            pass
        finally:
            self._file.discard()
