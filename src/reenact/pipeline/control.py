"""How a portrait follows its driver: whose motion, how much of it, counted from which face. No network and no file in it, so that
what is asked for can be checked before any is opened."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import Literal, get_args

from reenact.core.errors import ReenactError, ReenactWarning
from reenact.core.types import Method
from reenact.core.values import check_kind, is_within, written
from reenact.motion.compose import DRIVER, SOURCE, Parts, check_strength
from reenact.motion.reference import SEARCHED, Reference, check_reference
from reenact.motion.smooth import check_smooth
from reenact.motion.transfer import Mode

Alignment = Mode | Literal["decaying"]
"""relative or absolute (transfer.py); decaying: relative at the first frame, so that the portrait begins as it is, absolute
after some seconds, so that no first frame is held against the driver for ever"""
ALIGNMENTS: tuple[str, ...] = (*get_args(Mode), "decaying")
SETTLE_MAX = 600.0


@dataclass(frozen=True)
class Control:
    """How the portrait follows its driver."""

    mode: Alignment | None = None
    """None: as the method's weights say ("alignment" in config.json), else relative"""
    parts: Parts = Parts()
    strength: float = 1.0
    """of the driver's motion, 0..3"""
    smooth: float = 1.0
    """of the temporal filter (smooth.py); 0 is off"""
    settle: float = 2.0
    """seconds until a decaying alignment is absolute"""
    reference: Reference = "rest"
    """the driver's neutral, which relative motion counts from (motion/reference.py); a second is one of the driver's file, as
    `start` and `end` of a clip are"""

    def check(self) -> None:
        """Raises ReenactError for a mode, parts, a strength or a filter that cannot be."""
        if self.mode is not None:
            check_alignment(self.mode)
        check_kind("parts", self.parts, Parts)
        self.parts.check()
        check_strength(self.strength)
        if not is_within(self.settle, 0, SETTLE_MAX) or not self.settle:
            raise ReenactError(f"`settle` must lie between 0 and {SETTLE_MAX:g} seconds, not {written(self.settle)}")
        check_smooth(self.smooth)
        check_reference(self.reference)

    def searches(self, method: Method) -> bool:
        """Whether the driver's calmest face is looked for."""
        return (self.mode or alignment(method)) == "relative" and self.reference in SEARCHED

    def warn_of_unused(self, method: Method) -> None:
        """Warns of what was chosen and means nothing with this alignment."""
        mode = self.mode or alignment(method)
        for name, wanted in (("settle", "decaying"), ("reference", "relative")):
            if mode != wanted and getattr(self, name) != getattr(Control, name):
                warnings.warn(f"`{name}` does nothing: it is of `motion` {wanted}, not {mode}", ReenactWarning, stacklevel=1)

    def in_place(self) -> Control:
        """The same for a driver that says nothing of where the head is and how large: the portrait keeps its own."""
        kept = {name: SOURCE for name in ("scale", "translation") if getattr(self.parts, name) == DRIVER}
        return replace(self, parts=replace(self.parts, **kept))


def check_alignment(name: str) -> None:
    """Raises ReenactError for an alignment that is none."""
    if name not in ALIGNMENTS:
        raise ReenactError(f"unknown motion {written(name)}: choose one of {', '.join(ALIGNMENTS)}")


def alignment(method: Method) -> Alignment:
    """The default transfer of motion: as the weights' config.json says, else relative."""
    chosen = method.config.get("alignment", "relative")
    check_alignment(chosen)
    return chosen
