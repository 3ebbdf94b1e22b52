"""An invisible mark in the pixels of a rendered head: it says "drawn by reenact", of nobody and with no payload.

One fixed pattern of 8 to 40 cycles across the head's square (so at every size the same), as strong as the texture hides. It never
changes over time: what an encoder skips keeps its mark. Whoever reads this file can take the mark out: docs/provenance.md.

The detector subtracts what a median filter explains of the picture, which leaves a mark of 2 gray levels and little of the
face, and correlates. Its unit is exact: of a picture that has nothing to do with the pattern's random phases, z is a sum of
cosines with variance 1, so P(z >= 6) is below exp(-18) for any picture, and 1e-9 where many waves (here 2,383) have part in it.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32, Float64
from reenact.core.types import Image, check_picture

VERSION = 1
"""of the pattern, so of what the detector looks for; how strong it is where may change"""
SEED = 20260802
"""ours: of the phases; the day from which EU law asks for a mark"""
SLOWEST, FASTEST = 8, 40
"""ours: cycles across the square: periods of 32 to 6.4 px of 256. Slower, faces have too much of it; faster, copies lose it."""
SLOPE = 0.5
"""ours: amplitude falls as frequency^-SLOPE"""
STRENGTH = 1.9
"""ours: root mean square in gray levels that no head exceeds, so 42.4 dB at least; measured: results/provenance.json"""
STRONGEST = 2.2
"""ours: of the pattern where the mask is 1; holds the mark down where a picture has little texture"""
GRID = 32
"""cells of the mask across the square"""
COARSE = 64
"""ours: side that texture is measured at, so that it is as large as the pattern is: the grain of skin hides no slow wave"""
REFERENCE, POWER = 8.0, 0.6
"""ours: gray levels of texture at which the mask is 1, and how it grows with texture"""
FAINTEST, LARGEST = 0.28, 3.2
"""ours: the mask's limits"""
PEAK = 2.4
"""ours: of the pattern as it is laid on, in root mean squares; so that on walls it is nowhere more than one gray level"""
SMOOTH = 4.0
"""ours: second differences, across plus down, that skin, walls and rounding have: no texture"""
DARK = 50.0
"""ours: gray level below which the mark fades; in the dark a change of 1 is seen more easily"""
DARKEST = 0.15
"""ours: what is left of it there"""
FOUND = 6.0
"""a place with this z or more is a mark"""
LOOK = 128
"""side of the square as the reader sees it, pixels"""
CLIP = 3.0
"""ours: gray levels; what is left of the face after the median filter is mostly larger, the mark is not"""
MEDIAN = 2
"""radius of the median filter, pixels of LOOK"""


def mark(image: Image) -> Image:
    """A square head with the mark in it. Any side from 96 px; below, it stays as it is, as too little would survive. Raises
    ReenactError for what is no square picture."""
    check_picture(image)
    side = image.shape[0]
    if image.shape[1] != side:
        raise ReenactError(f"the mark goes on a square, not on {image.shape[1]}x{side}: cut the head out first")
    if side < 96:
        return image
    change = np.array(PILImage.fromarray(_mask(image)).resize((side, side), PILImage.Resampling.BILINEAR))
    change *= _laid_out(side)
    out = image.reshape(side, 3 * side).astype(np.int16)
    out += np.rint(change, out=change).astype(np.int16).repeat(3, 1)
    return np.clip(out, 0, 255, out=out).astype(np.uint8).reshape(image.shape)


def _mask(image: Image) -> Float32[np.ndarray, "grid grid"]:
    """Gray levels (root mean square) that each cell hides. Beside an edge it is that of the flatter side: no halo."""
    small = PILImage.fromarray(np.ascontiguousarray(image[..., 1])).resize((COARSE, COARSE), PILImage.Resampling.BOX)
    green = np.asarray(small, np.float32)
    texture = (_least(_cells(_bends(green))) - np.float32(SMOOTH)).clip(0)
    mask = ((texture / np.float32(REFERENCE)) ** np.float32(POWER)).clip(FAINTEST, LARGEST)
    mask *= (_cells(green) / np.float32(DARK)).clip(DARKEST, 1)
    mask = _mean3(mask)
    return mask * min(STRONGEST, STRENGTH / float(np.sqrt(np.square(mask).mean()) + 1e-6))


def _bends(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """Second differences, across and down: a slope, however steep, hides nothing."""
    twice = values * np.float32(2)
    out = np.zeros_like(values)
    out[:, 1:-1] = np.abs(values[:, 2:] + values[:, :-2] - twice[:, 1:-1])
    out[1:-1] += np.abs(values[2:] + values[:-2] - twice[1:-1])
    return out


def _cells(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "grid grid"]:
    """The mean of each cell; rows and columns beyond a whole number are left out."""
    tall, wide = (n // GRID for n in values.shape)
    return values[: GRID * tall, : GRID * wide].reshape(GRID, tall, GRID, wide).mean((1, 3))


def _least(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """The least of each 3 x 3."""
    padded = np.pad(values, 1, mode="edge")
    rows = np.minimum(np.minimum(padded[:-2], padded[1:-1]), padded[2:])
    return np.minimum(np.minimum(rows[:, :-2], rows[:, 1:-1]), rows[:, 2:])


def _mean3(values: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    padded = np.pad(values, 1, mode="edge")
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return (rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]) / np.float32(9)


@lru_cache(maxsize=4)
def _laid_out(side: int) -> Float32[np.ndarray, "side side"]:
    """The pattern as frames take it. Not by a product of matrices, whose threads would go on spinning beside the networks'."""
    return pattern(side).clip(-PEAK, PEAK).astype(np.float32)


@lru_cache(maxsize=8)
def pattern(side: int) -> Float64[np.ndarray, "side side"]:
    """The pattern on side x side pixels of the square, root mean square 1. Read-only."""
    y, x, waves = _waves()
    spectrum = np.zeros((side, side // 2 + 1), np.complex128)
    half = np.exp(1j * np.pi * (x + y) / side)  # pixel i of n has its centre at (i + 0.5) / n
    spectrum[y % side, x] = waves * half
    drawn = np.fft.irfft2(spectrum, (side, side))
    drawn /= np.sqrt(np.square(drawn).mean())
    drawn.setflags(write=False)
    return drawn


@lru_cache(maxsize=1)
def _waves() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cycles down and across the square, and complex amplitudes: random phases, drawn in an order that no size changes."""
    y, x = np.meshgrid(np.arange(-FASTEST, FASTEST + 1), np.arange(1, FASTEST + 1), indexing="ij")
    size = np.hypot(y, x)
    within = (size >= SLOWEST) & (size <= FASTEST)
    phases = np.random.Generator(np.random.PCG64(SEED)).random(size.shape)
    return y[within], x[within], (size**-SLOPE * np.exp(2j * np.pi * phases))[within]


def residual(luma: Float32[np.ndarray, "h w"]) -> Float32[np.ndarray, "h w"]:
    """What a median filter leaves of a picture (gray levels), within +-CLIP. The square should be about LOOK pixels wide."""
    width = 2 * MEDIAN + 1
    around = sliding_window_view(np.pad(luma, MEDIAN, mode="edge"), (width, width)).reshape(*luma.shape, width * width)
    middle = np.partition(around, width * width // 2, axis=2)[..., width * width // 2]
    return (luma - middle).clip(-CLIP, CLIP)


def z_of(left: Float32[np.ndarray, "look look"]) -> float:
    """How many standard deviations a residual (or a sum of several frames') agrees with the pattern by."""
    y, x, waves = _waves()
    half = np.exp(1j * np.pi * (x + y) / LOOK)
    seen = np.fft.rfft2(left, (LOOK, LOOK))[y % LOOK, x] * np.conj(waves * half)
    unit = float(np.sqrt(np.square(np.abs(seen)).sum() / 2))
    return float(seen.real.sum() / unit) if unit > 1e-9 else 0.0
