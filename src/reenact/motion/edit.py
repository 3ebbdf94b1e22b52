"""Motion held in the hand: sliders on one `Motion`, ways between two. Pure functions, NumPy only."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.core.types import Motion, check_motion
from reenact.core.values import as_row, check_number, short, written
from reenact.faces.eyes import between
from reenact.geometry.rotation import euler_angles, partial_turn, rotation_matrix
from reenact.motion.transfer import Mode, check_mode

Way = Literal["lerp", "slerp"]
"""how a code goes from one to another"""
Ease = Literal["linear", "smooth"]

YAW_MAX = np.radians(89.0)
"""a quarter turn has no unique pitch and roll (docs/conventions.md)"""
SCALE_MIN, SCALE_MAX = 0.2, 5.0
"""ours: beyond this the head is a dot or only a nose"""
PARALLEL = 1e-3
"""ours: codes whose directions differ by less (radians), or are opposite, go by lerp: the arc is a line or is not unique"""


def edit(
    motion: Motion,
    *,
    yaw: float | None = None,
    pitch: float | None = None,
    roll: float | None = None,
    scale: float | None = None,
    shift: tuple[float, float] | None = None,
    expression: Float32[np.ndarray, " code"] | None = None,
    strength: float = 1.0,
    mode: Mode = "relative",
) -> Motion:
    """The motion with some of its numbers changed; what is not given stays.

    yaw, pitch, roll: radians; scale: 1 is no change, or (absolute) the mean face half as high as the crop; shift: x, y in
    [-1, 1] of the crop. relative adds (multiplies the scale) to what the motion has, absolute replaces it. expression, by
    `strength`: relative adds that change of the code, absolute goes that far from the motion's own code to this one.
    Raises ReenactError for a yaw beyond 89 degrees, a scale out of 0.2..5, what is no number, and a code of another length.
    """
    check_mode(mode)
    check_motion(motion)
    numbers = {"yaw": yaw, "pitch": pitch, "roll": roll, "scale": scale, "strength": strength}
    for name, value in numbers.items():
        if value is not None or name == "strength":
            check_number(name, value)
    place, code = _pair(motion, shift, mode), _code(motion, expression, strength, mode)
    relative = mode == "relative"
    asked = [yaw, pitch, roll]
    pose = [float(own) * (relative or value is None) + (value or 0.0) for own, value in zip(motion.head_pose, asked, strict=True)]
    size = float(motion.scale[0]) if scale is None else scale * (float(motion.scale[0]) if relative else 1.0)
    if abs(pose[0]) > YAW_MAX:
        raise ReenactError(f"the head's yaw would be {np.degrees(pose[0]):.0f} degrees: keep it within -89..89")
    if not SCALE_MIN <= size <= SCALE_MAX:
        raise ReenactError(f"the head's scale would be {size:.2f}: keep it within {SCALE_MIN:g}..{SCALE_MAX:g}")
    return Motion(*(np.asarray(part, np.float32) for part in (pose, [size], place, code)), gaze=motion.gaze)


def _pair(motion: Motion, shift: tuple[float, float] | None, mode: Mode) -> np.ndarray:
    """Where the head's origin goes."""
    if shift is None:
        return motion.translation
    made = as_row(shift)
    if made is None or made.shape != (2,) or not np.isfinite(made).all():
        raise ReenactError(f"`shift` must be x and y, finite numbers, not {written(shift)}")
    return made + (motion.translation if mode == "relative" else 0)


def _code(motion: Motion, expression: Float32[np.ndarray, " code"] | None, strength: float, mode: Mode) -> np.ndarray:
    """The expression code that is asked for."""
    own = motion.expression
    if expression is None:
        return own
    made = as_row(expression)
    if made is None or made.shape != own.shape or not np.isfinite(made).all():
        raise ReenactError(f"`expression` must be a code of {own.size} finite numbers, not {short(expression)}")
    wanted = np.asarray(expression)
    return own + strength * (wanted if mode == "relative" else wanted - own)


def interpolate(start: Motion, end: Motion, share: float, path: Way = "lerp") -> Motion:
    """The motion `share` of the way from start (0) to end (1); beyond both, it goes on.

    The head turns about one axis at an even rate, its scale changes by an even factor, its place along a line. The code
    goes along a line (lerp), or (slerp) its direction along an arc about the neutral code and its length evenly. Raises
    ReenactError for what is no motion, codes of two methods, and a share that is no finite number.
    """
    check_path(path)
    check_number("share", share)
    check_motion(start)
    check_motion(end, start.expression.size)
    start_turn = rotation_matrix(start.head_pose.astype(np.float64))
    turn = partial_turn(rotation_matrix(end.head_pose.astype(np.float64)) @ start_turn.T, share)
    code_between = _slerp if path == "slerp" else _lerp
    parts = (
        euler_angles(turn @ start_turn),
        start.scale * (end.scale / start.scale) ** share,
        _lerp(start.translation, end.translation, share),
        code_between(start.expression, end.expression, share),
    )
    return Motion(*(np.asarray(part, np.float32) for part in parts), gaze=between(start.gaze, end.gaze, share))


def eased(share: float, ease: Ease = "smooth") -> float:
    """Time 0..1 -> how far along 0..1: linear, or smooth (slow at both ends: 3 t^2 - 2 t^3)."""
    check_ease(ease)
    return share if ease == "linear" else share * share * (3 - 2 * share)


def there_and_back(frames: int, ease: Ease = "smooth") -> list[float]:
    """How far along each of `frames` frames is that go from 0 to 1 and back, so that the last leads into the first."""
    times = [1 - abs(1 - 2 * i / frames) for i in range(frames)]
    return [eased(time, ease) for time in times]


def check_path(path: str) -> None:
    """Raises ReenactError for a path that is none."""
    if path not in get_args(Way):
        raise ReenactError(f"unknown path {path!r}: choose one of {', '.join(get_args(Way))}")


def check_ease(ease: str) -> None:
    """Raises ReenactError for an ease that is none."""
    if ease not in get_args(Ease):
        raise ReenactError(f"unknown ease {ease!r}: choose one of {', '.join(get_args(Ease))}")


def _lerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    return start + share * (end - start)


def _slerp(start: np.ndarray, end: np.ndarray, share: float) -> np.ndarray:
    lengths = float(np.linalg.norm(start)), float(np.linalg.norm(end))
    if min(lengths) < PARALLEL:
        return _lerp(start, end, share)
    first, last = start / lengths[0], end / lengths[1]
    # atan2 of the half chords: exact for small angles too, where arccos is not.
    angle = 2 * float(np.arctan2(np.linalg.norm(last - first), np.linalg.norm(last + first)))
    if angle < PARALLEL or np.pi - angle < PARALLEL:
        return _lerp(start, end, share)
    direction = (np.sin((1 - share) * angle) * first + np.sin(share * angle) * last) / np.sin(angle)
    return direction * (lengths[0] + share * (lengths[1] - lengths[0]))
