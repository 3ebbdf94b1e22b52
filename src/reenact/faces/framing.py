"""How much of the photo the square around a portrait's head holds: all of the head, hair and hat, and room above to move in.

Methods are trained on squares that mostly end where the crown does (faces/crop.py). What lies beyond the square cannot move, so
a photo that shows more is cut wider: else a head that nods or leans away leaves its crown where the photo has it. All of it ours.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from reenact.core.shapes import Bool, Float32
from reenact.core.types import Framing, Image, Placement
from reenact.faces.crop import points_in
from reenact.faces.landmarker import Face

LOOKED = 1.6
"""side of the square in which the person is looked for, in sides of `faces.crop.head_crop`"""
WIDEST = 1.25
"""of the same, the widest square: its head is .8 of the usual size, as in one training clip of ten"""
LEAST = 1.02
"""less than this is not worth another square"""
ABOVE, BESIDE = 0.13, 0.06
"""room above the crown, where frames fade into the photo (faces/crop.py: FEATHER) and the inpainted background ends, and beside
hair, in sides of the wider square"""
CUT = 0.03
"""a crown so near the photo's upper edge, in sides, is cut off there"""
BEYOND = 0.06
"""how far the square may reach beyond that edge for the room's sake; the backdrop goes on there (faces/fill.py)"""
SOMEBODY = 0.5
"""of a matte"""
MIDDLE = 0.25
"""the crown is the highest point that the person reaches in so much of the face's width, to each side"""
JAW = 0.8
"""hair beside the face counts down to here, in heights of the face's box; below are shoulders"""


def looked_at(placement: Placement) -> Placement:
    """The square in which `roomy` wants to know the person."""
    return replace(placement, side=LOOKED * placement.side)


def roomy(placement: Placement, face: Face, photo: Image, person: Float32[np.ndarray, "side side"]) -> Placement:
    """`placement`, or the wider square that holds it and all of the head, with room above.

    placement: `head_crop(face)`; person: of `looked_at(placement)`, 0..1. A head that the photo cuts off above is closed by
    faces/crown.py in the usual square.
    """
    crown, left, right = _extent(face, looked_at(placement), person)
    x, y, half = placement.centre_x, placement.centre_y, placement.side / 2
    if crown <= CUT * placement.side:
        return placement
    bottom, ends = y + half, (min(x - half, 0.0), max(x + half, float(photo.shape[1])))
    side = max((bottom - crown) / (1 - ABOVE), (right - left) / (1 - 2 * BESIDE), placement.side)
    most = max(bottom + BEYOND * placement.side, placement.side), ends[1] - ends[0], WIDEST * placement.side
    side = min(side, *most)
    if side < LEAST * placement.side:
        return placement
    middle = np.clip((left + right) / 2, x + half - side / 2, x - half + side / 2)
    middle = np.clip(middle, ends[0] + side / 2, ends[1] - side / 2)
    return replace(placement, centre_x=float(middle), centre_y=float(bottom - side / 2), side=float(side))


def framing(square: Placement, usual: Placement) -> Framing:
    """How a portrait's square lies to the usual one of its face."""
    half = usual.side / 2
    away = ((square.centre_x - usual.centre_x) / half, (square.centre_y - usual.centre_y) / half)
    return Framing(square.side / usual.side, *away)


def _extent(face: Face, seen: Placement, person: Float32[np.ndarray, "side side"]) -> tuple[float, float, float]:
    """The crown's y, and the x of the head's left and right, px of the photo: as far as the person goes on from the face."""
    unit = seen.side / person.shape[0]
    start_x, start_y = seen.centre_x - seen.side / 2, seen.centre_y - seen.side / 2
    (left, top), (right, bottom) = points_in(np.array(face.box, np.float32).reshape(2, 2), seen, person.shape[0])
    middle, somebody = (left + right) / 2, np.asarray(person > SOMEBODY)
    columns = slice(max(0, int(middle - MIDDLE * (right - left))), int(np.ceil(middle + MIDDLE * (right - left))) + 1)
    crown = _goes_on(np.asarray(somebody[:, columns].any(axis=1)), int(top), -1)
    sides = []
    for row in range(crown, int(top + JAW * (bottom - top)) + 1):
        sides.append([_goes_on(somebody[row], int(middle), step) for step in (-1, 1)])
    widest = np.array(sides)
    return (
        start_y + crown * unit,
        start_x + float(min(widest[:, 0].min(), left)) * unit,
        start_x + (float(max(widest[:, 1].max(), right)) + 1) * unit,
    )


def _goes_on(line: Bool[np.ndarray, " n"], start: int, step: int) -> int:
    """The last place of those from `start` on that are all true."""
    start = min(max(start, 0), len(line) - 1)
    ahead = line[start::step]
    ends = np.flatnonzero(~ahead)
    return start + step * max(0, (int(ends[0]) if len(ends) else len(ahead)) - 1)
