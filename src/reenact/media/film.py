"""Kinds of films, by the endings of their names, and how finely they are encoded: one number for all, as of JPEG."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.core.files import check_output
from reenact.core.values import is_whole, written

FORMATS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webp": "webp", ".gif": "gif"}
"""FFmpeg's name of it, by the name's ending"""
SILENT = ("webp", "gif")
"""those without sound"""
FILM_QUALITIES = (1, 100)
FILM_QUALITY = 90
"""ours: hardly visible loss: crf 16, WebP's quality 90"""
CRF_MAX = 51


def check_film_quality(quality: int) -> None:
    """Raises ReenactError for a film's quality out of 1..100."""
    least, most = FILM_QUALITIES
    if not (is_whole(quality) and least <= quality <= most):
        bounds = f"between {least} and {most} (the default is {FILM_QUALITY})"
        raise ReenactError(f"`film_quality` must lie {bounds}, not {written(quality)}")


def crf_of(quality: int) -> float:
    """x264's constant rate factor of a film's quality, 1..100: 16 of 90, 22 of 75, 28 of 60, at most 51 (ours)."""
    return min(52 - 0.4 * quality, CRF_MAX)


def container_format(path: Path) -> str:
    """FFmpeg's name of it, by the name's ending. Raises ReenactError for one that we do not write."""
    if path.suffix.lower() not in FORMATS:
        raise ReenactError(f"{path}: the output's name must end in .mp4, .mov, .mkv, .webp or .gif")
    return FORMATS[path.suffix.lower()]


def check_film(path: str | os.PathLike[str], inputs: Iterable[str | os.PathLike[str]] = ()) -> None:
    """Raises ReenactError where no film can be written at `path`, by its name or its place, or it is one of the files that are
    read."""
    container_format(check_output(path, inputs))
