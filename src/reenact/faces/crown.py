"""What of a head the photo cuts off: a cap that closes the head's outline, hair and skin going on in it, the backdrop around it.

Without it the edge of the photo goes on outwards (fill.py): a head that is cut through the forehead grows a tower of lines, one
that is cut through the cheek bars from there to the rim.
Nothing is learnt here: the outline is half an ellipse on what of the edge is the person, as high as heads are; its colours
are those below the edge, their texture mirrored as far as the brows. All of it ours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from PIL import Image as PILImage
from PIL import ImageFilter

from reenact.core.shapes import Bool, Float32
from reenact.core.types import Image, Placement
from reenact.faces.crop import covered, points_in
from reenact.faces.fill import smooth_colours

HEAD_TOP = 0.45
"""ours: how far the crown of a head lies above the highest point of the face mesh, hair and all, in heights of the mesh"""
SIDE_OUT = 0.1
"""ours: how far hair and ears lie beside the face mesh of a head from the front, in widths of the mesh; the head's ellipse of
nn/background.py, which has no ears, .075"""
JAW = 0.05
"""ours: the cap beside a cheek ends so far below the mesh, in its heights; neck and shoulders go on as they are"""
WIDER = 0.035
"""ours: in sides"""
LOWEST = 0.1
"""ours: height of the flattest cap, in widths of what is cut"""
NARROWEST = 0.1
"""ours: in sides; where less of the edge is the person, it is a lock of hair and not a head"""
SURELY_NOBODY = 0.2
"""ours: from here on down a pixel's colour is the backdrop's"""
STRIP = 0.03
"""ours: rows below the edge that say what goes on there, in sides"""
SPANNED = 0.012
"""ours: rows below the edge that say how wide the head is there, in sides"""
BROWS = 0.25
"""ours: down to here the head may still widen, in heights of the mesh from its highest point"""
NARROWED = 0.2
"""ours: from here on the outline says by itself where it ends: sqrt(1 - (width at the edge / greatest)^2)"""
GRAIN = 0.14
"""ours: how far the mirrored texture of hair reaches, in sides, at most"""
GRAIN_LEFT = 0.4
"""ours: share of it further up, where it is mirrored to and fro"""
CALM = 0.1
"""ours: in sides; so far above the edge its colours have run into their mean"""
EDGE = 0.006
"""ours: of the outline's blur, in sides"""


def cut_off_above(placement: Placement) -> bool:
    """Does an upright square reach over the photo's upper edge?"""
    return placement.centre_y < placement.side / 2


def cut_off_beside(placement: Placement, image: Image) -> tuple[bool, bool]:
    """Does an upright square reach over the photo's left edge, and its right one?"""
    half = placement.side / 2
    return placement.centre_x < half, placement.centre_x + half > image.shape[1]


def is_cut_off(placement: Placement, image: Image) -> bool:
    """Is there anything to close?"""
    return cut_off_above(placement) or any(cut_off_beside(placement, image))


def closed_cut(
    close: Callable[..., Image],
    crop: Image,
    image: Image,
    placement: Placement,
    landmarks: Float32[np.ndarray, "478 2"],
    person: Float32[np.ndarray, "height width"],
) -> Image:
    """`crowned` or `closed_beside` (close), of a square that was cut from the photo at any size. landmarks: px of the photo;
    person: of any size."""
    size = crop.shape[0]
    if person.shape[0] != size:
        person = np.asarray(PILImage.fromarray(person).resize((size, size), PILImage.Resampling.BILINEAR))
    return close(crop, covered(placement, size, image), person, points_in(landmarks, placement, size))


def crowned(
    crop: Image,
    inside: Bool[np.ndarray, "size size"],
    person: Float32[np.ndarray, "size size"],
    points: Float32[np.ndarray, "point 2"],
) -> Image:
    """The crop with the rows above the photo, if there are any, filled anew; as it is where no head reaches the photo's edge.

    inside: which pixels the photo has. person: how much of each pixel is the person, 0..1, of which only what is inside counts.
    points: the face mesh in the crop, px.
    """
    size, edge = crop.shape[0], int(inside.any(1).argmax())
    if not 0 < edge < size // 2:
        return crop
    rows = max(2, round(SPANNED * size))
    span = _span(person[edge : edge + rows].mean(0), float(points[:, 0].mean()), NARROWEST * size)
    if span is None:
        return crop
    out = crop.copy()
    out[:edge] = _closing(crop, inside, person, points, span, _dome(person, edge, span, points))
    return out


def closed_beside(
    crop: Image,
    inside: Bool[np.ndarray, "size size"],
    person: Float32[np.ndarray, "size size"],
    points: Float32[np.ndarray, "point 2"],
) -> Image:
    """The same for columns beside the photo, down to the jaw: a cheek that its edge cuts is closed."""
    size = crop.shape[0]
    for left in (False, True):
        if left:
            crop, inside, person = crop[:, ::-1], inside[:, ::-1], person[:, ::-1]
            points = np.stack([size - points[:, 0], points[:, 1]], 1)
        # lying on its left side, the head has its right edge above
        lying = [np.ascontiguousarray(np.rot90(part)) for part in (crop, inside, person)]
        crop = np.rot90(_closed_right(*lying, np.stack([points[:, 1], size - points[:, 0]], 1)), -1)
    return np.ascontiguousarray(crop[:, ::-1])


def _closed_right(crop: Image, inside: np.ndarray, person: np.ndarray, points: np.ndarray) -> Image:
    size, edge = crop.shape[0], int(inside.any(1).argmax())
    if not 0 < edge < size // 2:
        return crop
    top, bottom = float(points[:, 0].min()), float(points[:, 0].max())
    jaw = min(size, round(bottom + JAW * (bottom - top)))
    who = person[edge : edge + max(2, round(STRIP * size))].mean(0)
    span = _span(np.where(np.arange(size) < jaw, who, 0), (top + bottom) / 2, NARROWEST * size)
    if span is None:
        return crop
    out = crop.copy()
    above = np.arange(size) < jaw  # cloth below is no backdrop, whatever the network takes it for
    closing = _closing(crop, inside & above, _widened(person), points, span, (_least(points, edge, span, SIDE_OUT), 0.0))
    share = np.clip((jaw + JAW * size - np.arange(size)) / (JAW * size), 0, 1).astype(np.float32)
    was = crop[:edge].astype(np.float32)
    out[:edge] = (was + share[None, :, None] * (closing - was)).round().clip(0, 255).astype(np.uint8)
    return out


def _closing(
    crop: Image, inside: np.ndarray, person: np.ndarray, points: np.ndarray, span: tuple[int, int], dome: tuple[float, float]
) -> Image:
    """What replaces the rows above the photo. dome: as in `_cap`."""
    size, edge = crop.shape[0], int(inside.any(1).argmax())
    cap = _cap(size, edge, span, *dome)
    backdrop = smooth_colours(crop, (inside & (person < SURELY_NOBODY)).astype(np.float32)[..., None])
    hair = _hair(crop, edge, span, max(2, round(STRIP * size)), _room(edge, points, size))
    drawn = backdrop[:edge] + cap[..., None] * (hair - backdrop[:edge])
    return drawn.round().clip(0, 255).astype(np.uint8)


def _span(who: Float32[np.ndarray, " size"], middle: float, least: float) -> tuple[int, int] | None:
    """First and last column of the person at the edge, around the face's middle; None where the head does not reach it."""
    columns = np.flatnonzero(who > 0.5)
    columns = columns[np.abs(columns - middle) < 0.5 * len(who)]
    if not len(columns) or columns[-1] - columns[0] < least or not columns[0] < middle < columns[-1]:
        return None
    return int(columns[0]), int(columns[-1])


def _widened(person: np.ndarray) -> np.ndarray:
    """By a few pixels: hair at its edge is no backdrop."""
    width = 2 * round(WIDER * len(person) / 2) + 1
    return np.asarray(PILImage.fromarray(np.float32(255 * person).astype(np.uint8)).filter(ImageFilter.MaxFilter(width))) / 255


def _least(points: np.ndarray, edge: int, span: tuple[int, int], beyond: float) -> float:
    """How high a cap is of a head that is as wide as it gets where it is cut, px. beyond: as HEAD_TOP."""
    top, bottom = float(points[:, 1].min()), float(points[:, 1].max())
    return max(edge - (top - beyond * (bottom - top)), LOWEST * (span[1] - span[0] + 1))


def _dome(person: np.ndarray, edge: int, span: tuple[int, int], points: np.ndarray) -> tuple[float, float]:
    """How far above the edge the head's outline ends, and how far below it the middle of that ellipse lies, px. Where the head
    narrows towards the edge already, little of it is missing: an ellipse as wide as the head at its widest, down to the brows,
    and as wide at the edge as it is cut there."""
    top, bottom = float(points[:, 1].min()), float(points[:, 1].max())
    height, half = _least(points, edge, span, HEAD_TOP), (span[1] - span[0] + 1) / 2
    rows = person[edge : max(edge + 2, round(top + BROWS * (bottom - top)))] > 0.5
    middle = (span[0] + span[1]) / 2
    wide = np.array([_half_width(row, middle) for row in rows])
    widest = int((wide >= 0.98 * wide.max()).argmax())
    narrowed = float(np.sqrt(max(1 - (half / max(wide.max(), half)) ** 2, 0)))
    whole = height + widest
    if narrowed > NARROWED:
        whole = min(whole, widest / narrowed)
    return max((1 - narrowed) * whole, 1.0), narrowed * whole


def _half_width(row: np.ndarray, middle: float) -> float:
    """Half of how many pixels of a row belong to the head, without a gap, px."""
    gaps = np.flatnonzero(~row)
    left, right = gaps[gaps < middle], gaps[gaps > middle]
    return ((right[0] if len(right) else len(row)) - (left[-1] + 1 if len(left) else 0)) / 2


def _cap(size: int, edge: int, span: tuple[int, int], height: float, below: float) -> Float32[np.ndarray, "edge size"]:
    """How much of each pixel above the edge is the head, 0..1: what of an ellipse lies above the edge. height: how far it goes
    beyond the edge; below: how far under the edge its middle lies, px."""
    half, whole = (span[1] - span[0] + 1) / 2, height + below
    x = (np.arange(size) + 0.5 - (span[0] + half)) / (half - EDGE * size)
    y = (edge - np.arange(edge) - 0.5)[:, None]
    level = (1 - (below / whole) ** 2) * x**2
    outline = whole * np.sqrt(np.clip(1 - level, 0, None)) - below
    return np.clip((outline[None] - y) / (EDGE * size) + 0.5, 0, 1).astype(np.float32) * (np.abs(x) < 1)


def _room(edge: int, points: np.ndarray, size: int) -> int:
    """Rows from the edge down to the brows, which must not be seen twice."""
    return round(min(max(0.8 * (points[:, 1].min() - edge), 0.02 * size), GRAIN * size))


def _hair(crop: Image, edge: int, span: tuple[int, int], strip: int, room: int) -> Float32[np.ndarray, "edge size 3"]:
    """Colours of the cap: those of the strip below the edge, smoother with height, with the texture of the mirrored rows."""
    size = crop.shape[0]
    rows = crop[edge : edge + strip].astype(np.float32).mean(0)
    rows[: span[0]], rows[span[1] + 1 :] = rows[span[0]], rows[span[1]]
    up = (edge - 1 - np.arange(edge)).astype(np.float32)
    calm = np.clip(up / (CALM * size), 0, 1)[:, None, None]
    smooth = _blurred(rows, 0.02 * size)
    mean = _blurred(rows, 0.12 * size)
    colours = smooth + calm * (mean - smooth)
    block = crop[edge : edge + room].astype(np.float32)
    grain = block - _blurred(block, 0.02 * size)
    there_and_back = room - 1 - np.abs(up.astype(int) % (2 * room) - room + 0.5).astype(int)
    left = GRAIN_LEFT * min(1.0, room / (GRAIN * size))  # mirrored often, little of it would be a pattern
    fade = left + (1 - left) * np.clip(1 - up / room, 0, 1)[:, None, None]
    return colours + fade * grain[there_and_back]


def _blurred(rows: np.ndarray, sigma: float) -> np.ndarray:
    """Gaussian along the columns (the last axis but one)."""
    reach = int(3 * sigma) + 1
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2)
    kernel = (kernel / kernel.sum()).astype(np.float32)
    padded = np.pad(rows, [(0, 0)] * (rows.ndim - 2) + [(reach, reach), (0, 0)], mode="edge")
    return np.asarray(sum(weight * padded[..., i : i + rows.shape[-2], :] for i, weight in enumerate(kernel)))
