"""From the driver's motion to the portrait's. Pure functions on `Motion`, NumPy only."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Motion, check_motion
from reenact.geometry.rotation import euler_angles, rotation_matrix
from reenact.motion import gaze
from reenact.motion.compose import ALL_DRIVEN, Parts, compose
from reenact.motion.expression import ExpressionMap

Mode = Literal["relative", "absolute"]


def check_mode(mode: str) -> None:
    """Raises ReenactError for a mode that is none."""
    if mode not in get_args(Mode):
        raise ReenactError(f"unknown motion {mode!r}: choose one of {', '.join(get_args(Mode))}")


def transfer(
    source: Motion,
    driving: Motion,
    reference: Motion | None,
    mode: Mode,
    parts: Parts = ALL_DRIVEN,
    strength: float = 1.0,
    expressions: ExpressionMap | None = None,
) -> Motion:
    """The motion that the portrait takes on.

    relative: what changed in the driver since `reference` is added to the portrait's own motion, so that
    driving == reference leaves the portrait as it is; needs a reference.
    absolute: the driver's motion as it is: both crops are normalised alike, so scale and translation mean the same.
    parts, strength, expressions: which of it, and how much of that (compose.py). Raises ReenactError for motions that do not fit
    each other, and relative without a reference.
    """
    check_mode(mode)
    for motion in (source, driving) if reference is None else (source, driving, reference):
        check_motion(motion, source.expression.size if isinstance(source, Motion) else None)
    if mode == "absolute":
        return compose(source, driving, parts, strength, expressions)
    if reference is None:
        raise ReenactError("relative motion needs a `reference`: the driver's face at rest, or its first")
    moved = Motion(
        head_pose=_turned(source.head_pose, driving.head_pose, reference.head_pose),
        scale=(source.scale * driving.scale / reference.scale).astype(np.float32),
        translation=(source.translation + driving.translation - reference.translation).astype(np.float32),
        expression=(source.expression + driving.expression - reference.expression).astype(np.float32),
        gaze=gaze.since(source, driving, reference),
    )
    return compose(source, moved, parts, strength, expressions)


def _turned(source: np.ndarray, driving: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """[3] angles of R_driving R_reference^T R_source: the driver's turn since the reference, applied to the source."""
    turn = rotation_matrix(driving) @ rotation_matrix(reference).T
    return euler_angles(turn @ rotation_matrix(source)).astype(np.float32)
