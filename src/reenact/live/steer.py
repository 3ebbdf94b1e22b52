"""What may be changed while a session runs: reference, sliders, how the portrait follows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.motion.compose import Parts
from reenact.motion.edit import SCALE_MAX, SCALE_MIN, YAW_MAX, edit
from reenact.motion.expression import check_blendshapes, preset
from reenact.motion.gaze import Gaze, of_names, turned
from reenact.motion.sides import Side, sided, unlike
from reenact.pipeline.control import Alignment, Control
from reenact.pipeline.editing import Editor

_CONTROL = ("mode", "parts", "strength", "smooth", "settle")


@dataclass(frozen=True)
class Steer:
    """Changes from the next frame on; None leaves as it is. Sliders are added to what the driver does, or stand alone."""

    calibrate: bool = False
    """the next face becomes the reference"""
    blendshapes: Mapping[str, float] | None = None
    """all that are not 0; {} for none"""
    expression: str | None = None
    """a named one (motion/expression.py: PRESETS); "neutral" for none"""
    yaw: float | None = None
    """radians, as pitch and roll"""
    pitch: float | None = None
    roll: float | None = None
    scale: float | None = None
    """1 is no change"""
    shift: tuple[float, float] | None = None
    """x, y in [-1, 1] of the crop"""
    mode: Alignment | Literal["default"] | None = None
    """"default": as the weights say, again"""
    parts: Parts | None = None
    strength: float | None = None
    smooth: float | None = None
    settle: float | None = None

    def check(self) -> None:
        """Raises ReenactError for a name that is none or a number out of bounds."""
        check_blendshapes(self.blendshapes or {})
        if self.expression is not None:
            preset(self.expression)
        numbers = [value for value in (self.yaw, self.pitch, self.roll, self.scale) if value is not None]
        if not np.isfinite([*numbers, *(self.shift or ())]).all():
            raise ReenactError("a slider must be a finite number")
        if self.scale is not None and not SCALE_MIN <= self.scale <= SCALE_MAX:
            raise ReenactError(f"the scale must lie between {SCALE_MIN:g} and {SCALE_MAX:g}, not {self.scale:g}")
        self.control(Control()).check()

    def control(self, before: Control) -> Control:
        """`before`, with what is asked for."""
        given = {name: value for name in _CONTROL if (value := getattr(self, name)) is not None}
        return replace(before, **given | ({"mode": None} if self.mode == "default" else {}))

    def sliders(self, before: Sliders, editor: Editor) -> Sliders:
        """The same for sliders. Warns of blendshapes that move nothing; raises ReenactError where the weights have no map."""
        names = [field.name for field in fields(Sliders) if field.name not in ("code", "look", "halves")]
        given = {name: value for name in names if (value := getattr(self, name)) is not None}
        moved = replace(before, **given)
        if "blendshapes" not in given and "expression" not in given:
            return moved
        named = {} if moved.expression == "neutral" else preset(moved.expression)
        if not moved.blendshapes and not named:
            return replace(moved, code=None, look=None, halves=())

        def code(side: Side | None) -> Float32[np.ndarray, " code"]:
            return (editor.map.code(sided(moved.blendshapes, side)) + editor.map.code(sided(named, side))).astype(np.float32)

        look = of_names(moved.blendshapes) + of_names(named)
        sides = get_args(Side) if unlike(moved.blendshapes) or unlike(named) else ()
        return replace(moved, code=code(None), look=look, halves=tuple(map(code, sides)))


@dataclass(frozen=True)
class Sliders:
    """Where the sliders stand."""

    blendshapes: Mapping[str, float]
    expression: str = "neutral"
    yaw: float = 0.0
    pitch: float = 0.0
    roll: float = 0.0
    scale: float = 1.0
    shift: tuple[float, float] = (0.0, 0.0)
    code: Float32[np.ndarray, "code"] | None = None
    """what blendshapes and expression add to the code"""
    look: Gaze | None = None
    """and to the gaze"""
    halves: tuple[Float32[np.ndarray, "code"], ...] = ()
    """where eyes or brows are asked for unlike things: the code with both as on the left, and as on the right (motion/sides)"""

    def moved(self, motion: Motion, editor: Editor) -> Motion:
        """The motion with the sliders added; yaw and scale end where a picture of a face does, instead of raising."""
        motion = motion if self.look is None else turned(motion, self.look)
        if all(getattr(self, name) == getattr(NO_SLIDERS, name) for name in ("yaw", "pitch", "roll", "scale", "shift")):
            return motion if self.code is None else edit(motion, expression=self.code)
        yaw = float(np.clip(motion.head_pose[0] + self.yaw, -YAW_MAX, YAW_MAX) - motion.head_pose[0])
        scale = float(np.clip(motion.scale[0] * self.scale, SCALE_MIN, SCALE_MAX) / motion.scale[0])
        posed = edit(motion, yaw=yaw, pitch=self.pitch, roll=self.roll, scale=scale, shift=self.shift)
        return edit(editor.gain.reached(motion, posed), expression=self.code)

    def halved(self, motion: Motion, editor: Editor) -> list[Motion]:
        """The same for the left and the right half of the face, where they are unlike; else nothing."""
        return [replace(self, code=code).moved(motion, editor) for code in self.halves]


NO_SLIDERS = Sliders({})
