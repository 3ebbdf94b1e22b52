"""Skeleton."""

from __future__ import annotations

import os
from fractions import Fraction
from types import TracebackType

from reenact.core.types import Image


class VideoWriter:
    """H.264 in, with the audio of `audio_from`; whole or not there."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        rate: Fraction,
        audio_from: str | os.PathLike[str] | None = None,
        start: Fraction | None = None,
        end: Fraction | None = None,
    ) -> None:
        raise NotImplementedError

    def __enter__(self) -> VideoWriter:
        return self

    def write(self, image: Image) -> None:
        raise NotImplementedError

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        raise NotImplementedError
