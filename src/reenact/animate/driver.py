"""Follows a driver frame by frame: encode, smooth, transfer, render."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from reenact.animate.expression import ExpressionMap
from reenact.animate.parts import Parts, check_strength
from reenact.animate.smooth import MotionFilter
from reenact.animate.transfer import Mode, check_mode, transfer
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Method, Motion, Portrait
from reenact.runtime.onnx_method import OnnxMethod


@dataclass(frozen=True)
class Control:
    """How the portrait follows its driver."""

    mode: Mode = "relative"
    parts: Parts = Parts()
    strength: float = 1.0
    """of the driver's motion, 0..3"""
    smooth: float = 1.0
    """of the temporal filter (smooth.py); 0 is off"""

    def check(self) -> None:
        """Raises ReenactError for a mode, a strength or a filter out of bounds."""
        check_mode(self.mode)
        check_strength(self.strength)
        MotionFilter(25, self.smooth)


class Driver:
    """Follows a driver crop by crop. The first crop is the reference; without a face the last picture is held."""

    def __init__(
        self,
        method: Method,
        portrait: Portrait,
        control: Control | Mode,
        rate: Fraction = Fraction(25),
        reference: Motion | None = None,
    ) -> None:
        """rate: frames a second, for the filter; reference: the driver's neutral, where it is known.

        Raises ReenactError for a bad control, or one that wants an expression map where the weights have none.
        """
        control = Control(control) if isinstance(control, str) else control
        control.check()
        self._method, self._portrait, self._control = method, portrait, control
        self._expressions = expression_map(method, portrait) if control.parts.wants_map else None
        self._filter = MotionFilter(rate, control.smooth, _code_spread(method, portrait))
        self._reference = reference
        self._last: Image | None = None
        self._gap = 1
        self.frames = 0
        self.missing = 0

    def step(self, crop: Image | None) -> Image:
        """The portrait for the next driving crop; None: that frame shows no face. size x size RGB."""
        return self.follow(None if crop is None else self._method.encode_motion(crop))

    def follow(self, driving: Motion | None) -> Image:
        """The same for a motion that has been read already."""
        self.frames += 1
        if driving is None:
            self.missing += 1
            self._gap += 1
            if self._last is None:
                self._last = self._method.render(self._portrait, self._portrait.motion)
            return self._last
        driving = self._filter.step(driving, self._gap)
        self._gap = 1
        if self._reference is None:
            self._reference = driving
        own, control = self._portrait.motion, self._control
        motion = transfer(own, driving, self._reference, control.mode, control.parts, control.strength, self._expressions)
        self._last = self._method.render(self._portrait, motion)
        return self._last

    def check(self) -> None:
        """Raises ReenactError when not one of the frames so far showed a face."""
        if self.frames and self.missing == self.frames:
            raise ReenactError("no face found in any frame of the driving video: choose one that shows a face")


def expression_map(method: Method, portrait: Portrait | None = None) -> ExpressionMap:
    """The map that lies beside the method's weights. Raises ReenactError where there is none."""
    if not isinstance(method, OnnxMethod):
        raise ReenactError(f"{method.name} runs from no weights folder: named expressions, eyes and mouth need one")
    size = method.config.get("expression_size") if portrait is None else portrait.motion.expression.size
    return ExpressionMap.load(method.folder, int(size), method.fingerprint)


def _code_spread(method: Method, portrait: Portrait):
    """The code's unit for the filter: measured, where the weights have a map of their own; else 1."""
    try:
        return expression_map(method, portrait).code_spread
    except ReenactError:
        return 1.0
