"""One eye's lids or one brow alone. ours.

Hardly anybody in the data winks, so codes hold no wink: asked for one closed eye, both close. So a face with unlike eyes is
rendered twice, once as its left and once as its right eye and brow are, and the pictures are joined along the face's middle,
where they are alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Image, Motion
from reenact.geometry.rotation import rotation_matrix

Side = Literal["Left", "Right"]
BRIDGE = (0.0, -0.13, 0.4)
"""in the head's frame, face heights: between the eyes"""
WIDTH = 0.12
"""ours: over which one picture becomes the other, face heights"""


def _eye(name: str) -> str | None:
    """A lid's or a brow's name without its side; None for the rest, gaze among it, which both eyes share."""
    stem = name.removesuffix("Left").removesuffix("Right")
    return stem if stem != name and stem.startswith(("eye", "brow")) and not stem.startswith("eyeLook") else None


def unlike(values: Mapping[str, float]) -> bool:
    """Whether the two eyes or brows are asked for unlike things."""
    stems = {stem for name in values if (stem := _eye(name)) is not None}
    return any(values.get(f"{stem}Left", 0.0) != values.get(f"{stem}Right", 0.0) for stem in stems)


def sided(values: Mapping[str, float], side: Side | None) -> dict[str, float]:
    """The same with both eyes and brows as those of one side; None: as they are."""
    if side is None:
        return dict(values)
    out = {name: value for name, value in values.items() if _eye(name) is None}
    for stem in {stem for name in values if (stem := _eye(name)) is not None}:
        out |= {f"{stem}{each}": values.get(f"{stem}{side}", 0.0) for each in get_args(Side)}
    return out


def joined(left: Image, right: Image, motion: Motion) -> Image:
    """The picture with the person's left eye of the one and the right eye of the other. motion: where the head is
    in the picture (core/types.py: Framing.seen)."""
    share = left_of_face(motion, left.shape[0])[..., None]
    return (right + share * (left.astype(np.float32) - right)).round().clip(0, 255).astype(np.uint8)


def left_of_face(motion: Motion, side: int) -> Float32[np.ndarray, "side side"]:
    """1 on the person's left of the face's middle, 0 on the right of it."""
    turn = rotation_matrix(motion.head_pose)
    scale = float(motion.scale[0])
    middle = motion.translation + scale * (turn @ np.array(BRIDGE))[:2]
    across = np.array([turn[1, 1], -turn[0, 1]])  # at a right angle to the face's height, as it is seen
    across *= np.sign(across @ turn[:2, 0]) / max(float(np.linalg.norm(across)), 1e-6)
    steps = ((np.arange(side) + 0.5) / side * 2 - 1).astype(np.float32)
    away = (steps[None] - middle[0]) * across[0] + (steps[:, None] - middle[1]) * across[1]
    share = np.clip(away / (WIDTH * scale) + 0.5, 0, 1).astype(np.float32)
    return share * share * (3 - 2 * share)
