"""Where the watermark may lie in a picture or a film: near a first guess, over scale and place."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from reenact.core.shapes import Float32
from reenact.core.types import Image, Placement
from reenact.provenance.watermark import FOUND, LOOK, pattern, residual, z_of

MARGIN = 0.25
"""ours: how far the window goes beyond the guessed square, in sides: heads lean and turn, crops are cut"""
STEP = 1.015
"""ours: from one scale to the next; half a step moves the square's border by half a pixel of LOOK"""
FACE_SCALES = (0.74, 1.3)
"""ours: of the square around a found face; an open mouth, a turned head, another method's crop"""
WHOLE_SCALES = (1.0, 1.14)
"""ours: of a whole picture: it is the square, or was cut from it by an eighth at most"""
FINE = 0.5
"""pixels of LOOK by which the best places are moved about"""
BEST = 4
"""ours: places that are looked at closely"""
SURE = 2 * FOUND
"""ours: a guess as good as this needs no search"""
SEARCHED = 7.0
"""ours: what a place that was searched for must reach: a search is some million tests (P(z >= 7) is 1e-12)"""


@dataclass(frozen=True)
class Look:
    """The best place that was found for the mark."""

    z: float
    """standard deviations"""
    place: Placement | None = None
    """the square, in pixels of the picture; None where no guess was made"""
    searched: bool = False
    """is it far from every guess?"""

    @property
    def bar(self) -> float:
        """z from which it is a mark."""
        return SEARCHED if self.searched else FOUND

    @property
    def found(self) -> bool:
        """Is there a mark?"""
        return self.z >= self.bar


@dataclass(frozen=True)
class Guess:
    """A square that may hold the mark, and how much larger or smaller it may be."""

    place: Placement
    scales: tuple[float, float]


def whole(width: int, height: int) -> Guess:
    """The guess that a picture of this size is a head's square, or most of one."""
    return Guess(Placement(width / 2, height / 2, max(width, height)), WHOLE_SCALES)


def about(head: Placement) -> Guess:
    """The guess that the mark is where a head was found (faces/crop.py: head_crop)."""
    return Guess(head, FACE_SCALES)


def find(frames: Iterable[Image], guesses: list[Guess]) -> Look:
    """The best place for the mark in frames (a picture is one) that all have it in one place. Memory does not grow with them."""
    sums = [np.zeros((_window(), _window()), np.float32) for _ in guesses]
    for frame in frames:
        luma = _luma(frame)
        for total, guess in zip(sums, guesses, strict=True):
            total += residual_about(luma, guess.place)
    looks: list[Look] = []
    for total, guess in zip(sums, guesses, strict=True):
        looks.append(_best(total, guess))
        if looks[-1].z >= SURE:
            break
    return max(looks, key=lambda look: (look.found, look.z), default=Look(0.0))


def residual_about(luma: PILImage.Image, place: Placement) -> Float32[np.ndarray, "window window"]:
    """What the median filter leaves of the square, LOOK pixels wide, and MARGIN around it; 0 beyond the picture."""
    size, half = _window(), place.side * (0.5 + MARGIN)
    left, top = place.centre_x - half, place.centre_y - half
    unit = size / (2 * half)
    shown = [max(0.0, left), max(0.0, top), min(luma.width, left + 2 * half), min(luma.height, top + 2 * half)]
    first = [int(np.ceil((shown[axis] - start) * unit - 1e-6)) for axis, start in ((0, left), (1, top))]
    last = [int(np.floor((shown[axis + 2] - start) * unit + 1e-6)) for axis, start in ((0, left), (1, top))]
    out = np.zeros((size, size), np.float32)
    if min(last[0] - first[0], last[1] - first[1]) < 8:
        return out
    box = [start + at / unit for at, start in ((first[0], left), (first[1], top), (last[0], left), (last[1], top))]
    box = [min(max(value, 0.0), float(limit)) for value, limit in zip(box, 2 * luma.size, strict=True)]
    seen = luma.resize((last[0] - first[0], last[1] - first[1]), PILImage.Resampling.BICUBIC, tuple(box))  # type: ignore[arg-type]
    out[first[1] : last[1], first[0] : last[0]] = residual(np.asarray(seen, np.float32))
    return out


def _window() -> int:
    return round(LOOK * (1 + 2 * MARGIN))


def _luma(image: Image) -> PILImage.Image:
    return PILImage.fromarray(image.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32))


def _best(left: Float32[np.ndarray, "window window"], guess: Guess) -> Look:
    """The guess itself; where it is none, the peaks of the correlation at every scale, looked at closely."""
    middle = _window() / 2

    def look(at: tuple[float, float, float], searched: bool) -> Look:
        x, y, scale = at
        unit, place = guess.place.side / LOOK, guess.place
        x, y = place.centre_x + (x - middle) * unit, place.centre_y + (y - middle) * unit
        return Look(_z(left, *at), Placement(x, y, place.side * scale), searched)

    direct = max((look(at, False) for at in _near(middle, middle, 1.0)), key=lambda look: look.z)
    if direct.z >= SURE:
        return direct
    peaks = sorted((_peak(left, scale) for scale in _steps(guess.scales)), reverse=True)[:BEST]
    closer = [look(near, True) for _, at in peaks for near in _near(*at)]
    return max([direct, *closer], key=lambda look: (look.found, look.z))


def _steps(scales: tuple[float, float]) -> list[float]:
    count = int(np.ceil(np.log(scales[1] / scales[0]) / np.log(STEP)))
    return [float(scale) for scale in np.geomspace(*scales, count + 1)]


def _peak(left: Float32[np.ndarray, "window window"], scale: float) -> tuple[float, tuple[float, float, float]]:
    """The best place at one scale: its agreement, no z yet, and x, y of the square's centre in the window, scale."""
    size = round(left.shape[0] / scale)
    scale = left.shape[0] / size
    seen = np.asarray(PILImage.fromarray(left).resize((size, size), PILImage.Resampling.BICUBIC), np.float32)
    plane = np.fft.irfft2(np.fft.rfft2(seen) * np.conj(np.fft.rfft2(pattern(LOOK), (size, size))), (size, size))
    free = size - LOOK + 1
    agreement = plane[:free, :free] / np.sqrt(_energy(seen, free) + 1e-6)
    y, x = np.unravel_index(int(agreement.argmax()), agreement.shape)
    return float(agreement[y, x]), ((x + LOOK / 2) * scale, (y + LOOK / 2) * scale, scale)


def _energy(seen: Float32[np.ndarray, "size size"], free: int) -> np.ndarray:
    """The sum of squares in each LOOK x LOOK window."""
    total = np.pad(np.square(seen, dtype=np.float64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    rows = total[LOOK : LOOK + free] - total[:free]
    return rows[:, LOOK : LOOK + free] - rows[:, :free]


def _near(x: float, y: float, scale: float) -> Iterator[tuple[float, float, float]]:
    for factor in (STEP**-0.5, 1.0, STEP**0.5):
        for down in (-FINE, 0.0, FINE):
            for right in (-FINE, 0.0, FINE):
                yield x + right * scale, y + down * scale, scale * factor


def _z(left: Float32[np.ndarray, "window window"], x: float, y: float, scale: float) -> float:
    """z of the square of `scale` times LOOK pixels about x, y of the window."""
    half = LOOK * scale / 2
    size = left.shape[0]
    if min(x, y) - half < -1e-3 or max(x, y) + half > size + 1e-3:
        return -np.inf
    box = tuple(min(max(value, 0.0), float(size)) for value in (x - half, y - half, x + half, y + half))
    return z_of(np.asarray(PILImage.fromarray(left).resize((LOOK, LOOK), PILImage.Resampling.BICUBIC, box), np.float32))  # type: ignore[arg-type]
