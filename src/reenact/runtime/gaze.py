"""Moves a portrait's irises: what the photo shows between the lids, drawn out on one side of the iris and pressed together on
the other, goes where the flow brings the eye. ours.

The rendered eye is the warped photo, nearly all of it, and no keypoint moves an iris sideways. So the photo's eye is moved
as if it had looked elsewhere, and what that changes is carried by the same flow and added to the frame. Lids that close cover it,
since the flow then finds no pixel between them.
"""

from __future__ import annotations

import numpy as np

from reenact.core.shapes import Float, Float32, UInt8
from reenact.core.types import Image
from reenact.faces.eyes import LIDS, OPEN, Gaze, opened
from reenact.runtime.around import sampled

LEAST = 0.004
"""ours: eye widths; a tenth of a pixel"""
ENDS = 0.2
"""ours: how near to a corner an iris's centre may come, eye widths; people reach .22"""
HIGHEST = 0.15
"""ours: how far an iris goes up or down, eye widths: half of an open eye's height"""
BESIDE = 1.25
"""ours: radii from an iris's middle to where the eye is surely white"""
DISC = 1.05
"""ours: so much of the iris's radius is moved as a whole"""
SOFT = 0.035
"""ours: eye widths over which a lid's edge goes into the eye"""
REACH = 0.15
"""ours: eye widths around the eye in which the flow is looked for"""
SHUT, WIDE = 0.4, 0.65
"""ours: of the height that the photo's eye has at the frame's size so much is seen: nothing is moved; all is. A slit between lids
holds no iris to move"""
NARROWEST = 0.25
"""ours: of its width an eye is taken to show at least so much; where the flow tears, neighbours come from far apart"""
LIKE, UNLIKE = 12.0, 36.0
"""ours: of 255; a frame that differs from the warped photo by so much shows the photo's eye (turns and smiles: 5 to 9 on the
mean); shows something else, as a lid that the generator has drawn (24 to 48)"""
NEAR = 0.08
"""ours: eye widths over which that difference is averaged"""


class GazeMover:
    """One portrait's eyes. Frames are changed in place."""

    def __init__(self, crop: Image, eyes: Float32[np.ndarray, "2 23 2"]) -> None:
        """crop: the portrait at the frames' side; eyes: their outlines in it (faces/eyes.py)."""
        side = crop.shape[0]
        shut = opened(eyes) < OPEN
        self._eyes = [None if closed else _Eye(crop, eye * side - 0.5) for eye, closed in zip(eyes, shut, strict=True)]

    def put(
        self,
        frame: UInt8[np.ndarray, "side side 3"],
        grid: Float32[np.ndarray, "1 size size 2"],
        change: Gaze,
        size: float = 1.0,
    ) -> UInt8[np.ndarray, "side side 3"]:
        """The frame with the gaze changed by so much. grid: where each of its pixels was taken from, [-1, 1] of the crop; size:
        the frame's head in sizes of the portrait's."""
        for eye, away in zip(self._eyes, change, strict=True):
            if eye is not None and np.abs(away).max() >= LEAST:
                eye.put(frame, grid[0], away, size)
        return frame


class _Eye:
    def __init__(self, crop: Image, points: Float[np.ndarray, "23 2"]) -> None:
        """points: px of the crop. Below, a is along the line from corner to corner, b at a right angle to it, in eye widths."""
        self._crop, self._corner = crop, points[0]
        reach = points[LIDS - 1] - points[0]
        self._width = float(np.linalg.norm(reach))
        self._along = reach / self._width
        self._down = np.array([-self._along[1], self._along[0]])
        self._upper, self._lower = (self._lid(points[first : first + LIDS]) for first in (0, LIDS))
        self._iris = self._within(points[2 * LIDS])
        rim = np.linalg.norm(points[2 * LIDS + 1 :] - points[2 * LIDS], axis=1)
        self._radius = DISC * float(rim.mean()) / self._width
        upper, lower = self._lids(np.linspace(0, 1, 33))
        self._area = max(float((lower - upper).clip(0).mean()) * self._width**2, 1.0)
        around = REACH * self._width
        low, high = points[: 2 * LIDS].min(0) - around, points[: 2 * LIDS].max(0) + around
        self._box = (np.stack([low, high]) + 0.5) * 2 / crop.shape[0] - 1

    def _within(self, points: np.ndarray) -> np.ndarray:
        away = points - self._corner
        return np.stack([away @ self._along, away @ self._down], -1) / self._width

    def _lid(self, points: np.ndarray) -> np.ndarray:
        """From corner to corner, never back."""
        within = self._within(points)
        return np.stack([np.maximum.accumulate(within[:, 0]), within[:, 1]], -1)

    def put(self, frame: Image, grid: Float32[np.ndarray, "size size 2"], change: Float32[np.ndarray, "2"], size: float) -> None:
        found = self._seen(grid)
        if found is None:
            return
        rows, columns = found
        part, taken = _enlarged(grid, rows, columns, frame.shape[0] / grid.shape[0], frame.shape[0])
        taken = (taken + 1) * (self._crop.shape[0] / 2) - 0.5
        inside = self._within(taken)
        share = self._share(inside)
        seen = (float((share * self._narrowed(inside[..., 0], size)).sum()) / (size * self._area) - SHUT) / (WIDE - SHUT)
        if seen <= 0:
            return
        share *= min(1.0, seen)
        shown = frame[part].astype(np.float32)
        as_was = sampled(self._crop, taken[..., 0], taken[..., 1])
        source = self._source(inside, change)
        moved = sampled(self._crop, source[..., 0], source[..., 1])
        away = _averaged(np.abs(shown - as_was).max(-1), max(1, round(NEAR * size * self._width)))
        like = ((UNLIKE - away) / (UNLIKE - LIKE)).clip(0, 1)
        frame[part] = (shown + (share * like)[..., None] * (moved - as_was)).round().clip(0, 255).astype(np.uint8)

    def _seen(self, grid: np.ndarray) -> tuple[slice, slice] | None:
        """Where in the frame the flow finds this eye, in cells of the grid."""
        (left, top), (right, bottom) = self._box
        x, y = grid[..., 0], grid[..., 1]
        hit = (x > left) & (x < right) & (y > top) & (y < bottom)
        rows, columns = np.flatnonzero(hit.any(1)), np.flatnonzero(hit.any(0))
        return (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)) if len(rows) else None

    def _narrowed(self, along: Float32[np.ndarray, "height width"], size: float) -> np.ndarray:
        """How many px of the crop, along the eye, each of the frame's holds: many where the head is small or turned away. That
        is not so where lids close, which is across the eye."""
        if min(along.shape) < 2:
            return np.full(along.shape, 1 / size)
        return (self._width * np.hypot(*np.gradient(along))).clip(0, 1 / (NARROWEST * size))

    def _share(self, inside: np.ndarray) -> np.ndarray:
        """1 between the lids, 0 beyond."""
        a, b = inside[..., 0], inside[..., 1]
        upper, lower = self._lids(a)
        edge = np.minimum(np.minimum(b - upper, lower - b), np.minimum(a, 1 - a))
        return (edge / SOFT).clip(0, 1).astype(np.float32)

    def _lids(self, a: np.ndarray, inside: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """b of both lids' edges, or of a line so far inside."""
        upper, lower = (np.interp(a, lid[:, 0], lid[:, 1]) for lid in (self._upper, self._lower))
        return upper + inside, lower - inside

    def _source(self, inside: np.ndarray, change: np.ndarray) -> np.ndarray:
        """Where the moved eye's pixels were, px of the crop: the iris as a whole, beside it evenly up to the corners."""
        was = float(self._iris[0])
        now, radius = float(np.clip(was + change[0], min(ENDS, was), max(1 - ENDS, was))), self._radius
        edges = np.array([max(now - radius, 0.01), min(now + radius, 0.99)])
        a = np.interp(inside[..., 0], [0, *edges, 1], [0, *(edges + was - now).clip(0.002, 0.998), 1])
        b = inside[..., 1] - float(np.clip(change[1], -HIGHEST, HIGHEST))
        upper, lower = self._lids(a, SOFT)
        aside = a - was
        white = (np.abs(aside) < radius) & (aside**2 + (b - self._iris[1]) ** 2 > radius**2) & (b > lower)
        if white.any():  # an iris that rises shows what is white below it, as it is beside it
            a = np.where(white, (was + np.copysign(BESIDE * radius, aside)).clip(0.08, 0.92), a)
            upper, lower = self._lids(a, SOFT)
        b = np.minimum(np.maximum(b, upper), np.maximum(lower, upper))
        return self._corner + self._width * (a[..., None] * self._along + b[..., None] * self._down)


def _averaged(values: Float32[np.ndarray, "height width"], radius: int) -> Float32[np.ndarray, "height width"]:
    """The mean of the square around each pixel; beyond the edge the edge."""
    for axis in (0, 1):
        ends = [(radius + 1, radius) if axis == each else (0, 0) for each in (0, 1)]
        total = np.pad(values, ends, mode="edge").cumsum(axis)
        count = values.shape[axis]
        last, first = (total.take(range(start, start + count), axis) for start in (2 * radius + 1, 0))
        values = (last - first) / np.float32(2 * radius + 1)
    return values


def _enlarged(
    grid: Float32[np.ndarray, "size size 2"], rows: slice, columns: slice, times: float, side: int
) -> tuple[tuple[slice, slice], Float32[np.ndarray, "height width 2"]]:
    """A part of the grid at the frame's side, bilinear, and which part of the frame that is."""
    if times == 1:
        return (rows, columns), grid[rows, columns]
    spans = [(int(part.start * times), min(side, int(np.ceil(part.stop * times)))) for part in (rows, columns)]
    out = grid
    for axis, (first, last) in enumerate(spans):
        at = ((np.arange(first, last) + 0.5) / times - 0.5).clip(0, grid.shape[axis] - 1.001)
        low = at.astype(int)
        share = (at - low).astype(np.float32).reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
        out = out.take(low, axis) * (1 - share) + out.take(low + 1, axis) * share
    return (slice(*spans[0]), slice(*spans[1])), out
