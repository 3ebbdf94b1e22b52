"""How finely a film is encoded: one number for every kind of film, as photographers know it from JPEG."""

from __future__ import annotations

from reenact.core.errors import ReenactError

FILM_QUALITIES = (1, 100)
FILM_QUALITY = 90
"""ours: hardly visible loss: crf 16, WebP's quality 90"""
CRF_MAX = 51


def check_film_quality(quality: int) -> None:
    """Raises ReenactError for a film's quality out of 1..100."""
    least, most = FILM_QUALITIES
    if not least <= quality <= most:
        raise ReenactError(f"`film_quality` must lie between {least} and {most} (the default is {FILM_QUALITY}), not {quality}")


def crf_of(quality: int) -> float:
    """x264's constant rate factor of a film's quality, 1..100: 16 of 90, 22 of 75, 28 of 60, at most 51 (ours)."""
    return min(52 - 0.4 * quality, CRF_MAX)
