"""Whose pose, whose scale, whose eyes and mouth: each part of a motion from the source, the driver or a constant."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from difflib import get_close_matches

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.core.values import is_within, written
from reenact.faces.eyes import between
from reenact.geometry.rotation import euler_angles, partial_turn, rotation_matrix
from reenact.motion import gaze
from reenact.motion.expression import PRESETS, ExpressionMap, preset

STRENGTH_MAX = 3.0
"""ours: three times the driver's motion is a caricature already"""


@dataclass(frozen=True)
class Share:
    """So much of the driver's: 0 is the source's own, 1 the driver's, between is between, beyond 1 exaggerates."""

    factor: float = 1.0


@dataclass(frozen=True)
class Fixed:
    """A constant in the unit of `Motion`'s field, whatever the driver does."""

    value: tuple[float, ...]


@dataclass(frozen=True)
class Named:
    """A named expression (expression.py: PRESETS) in place of the portrait's own."""

    name: str


DRIVER, SOURCE = Share(1.0), Share(0.0)
Part = Share | Fixed | Named


@dataclass(frozen=True)
class Parts:
    """Where each part of the portrait's motion comes from. eyes, mouth: None goes with `expression`."""

    pose: Part = DRIVER
    scale: Part = DRIVER
    translation: Part = DRIVER
    expression: Part = DRIVER
    eyes: Part | None = None
    mouth: Part | None = None
    gaze: Part | None = None
    """None goes with the eyes, or with `expression` where they do"""

    @property
    def wants_map(self) -> bool:
        """Whether an `ExpressionMap` is needed: eyes or mouth apart from the rest, or an expression by name."""
        faces = (self.expression, self.eyes, self.mouth)
        return self.eyes is not None or self.mouth is not None or any(isinstance(part, Named) for part in faces)

    def check(self) -> None:
        """Raises ReenactError for a part that is none, or means nothing there: a constant expression, a pose by name."""
        for name in NAMES:
            part = getattr(self, name)
            length = _LENGTHS.get(name)
            if part is None and name in ("eyes", "mouth", "gaze"):
                continue
            good = isinstance(part, Share)
            if isinstance(part, Fixed):
                good = length is not None and len(part.value) == length
            if isinstance(part, Named):
                good = part.name in PRESETS and (length is None or name == "gaze")
            if not good:
                made = f"reenact.parse_parts('{name}=source') makes them of the command line's text"
                raise ReenactError(f"`parts` {name} cannot be {written(part)}: {made}")


ALL_DRIVEN = Parts()
KEEP_PLACE = replace(ALL_DRIVEN, scale=SOURCE, translation=SOURCE)
"""the head stays where the portrait has it"""
NAMES = tuple(field.name for field in fields(Parts))
ONLY = "only"
_LENGTHS = {"pose": 3, "scale": 1, "translation": 2, "gaze": 2}


def parse_parts(text: str, base: Parts = ALL_DRIVEN) -> Parts:
    """'pose=driver*0.5,expression=source,mouth=driver,scale=1.0' -> Parts; what is not named is as in `base`.

    A value is driver, source, driver*FACTOR, or a constant: pose=YAW/PITCH/ROLL in degrees, scale=1.0, translation=X/Y in
    [-1, 1] of the crop, gaze=YAW/PITCH in degrees of the eyes in the head; a named expression for expression, eyes
    and mouth. only=mouth, only=pose+eyes: these are the driver's, all others the source's, in place of `base`. Raises
    ReenactError for anything else.
    """
    found: dict[str, Part] = {}
    for item in filter(None, (item.strip() for item in text.split(","))):
        name, _, value = (piece.strip() for piece in item.partition("="))
        if name == ONLY and value:
            base = _only([one.strip() for one in value.split("+")])
            continue
        if name not in NAMES or not value:
            near = get_close_matches(name, NAMES, 1)
            meant = f"did you mean {near[0]}? W" if near and name not in NAMES else "w"
            raise ReenactError(f"`parts` {item!r}: {meant}rite PART=driver, source or a constant, PART being {', '.join(NAMES)}")
        if name in found:
            raise ReenactError(f"`parts` names {name} twice: leave one out")
        found[name] = _parse(name, value)
    return replace(base, **found)


def _only(names: list[str]) -> Parts:
    """The driver's in these parts, the source's in all others."""
    for name in names:
        if name not in NAMES:
            raise ReenactError(f"`parts` {ONLY}={name}: choose among {', '.join(NAMES)}, several with +, as {ONLY}=pose+mouth")
    alone: dict[str, Part] = dict.fromkeys(("pose", "scale", "translation", "expression"), SOURCE)
    return replace(ALL_DRIVEN, **alone | dict.fromkeys(names, DRIVER))


def locked(parts: Parts, names: Iterable[str]) -> Parts:
    """The same, with these parts held at the source's own. Raises ReenactError for a name that is no part."""
    for name in names:
        if name not in NAMES:
            raise ReenactError(f"`locked` {name!r}: choose among {', '.join(NAMES)}")
        parts = replace(parts, **{name: SOURCE})
    return parts


def compose(
    source: Motion, moved: Motion, parts: Parts = ALL_DRIVEN, strength: float = 1.0, expressions: ExpressionMap | None = None
) -> Motion:
    """The portrait's motion, part by part between its own (`source`) and the fully driven one (`moved`).

    strength multiplies every share of the driver's. A head turns by a share of the angle, about the same axis; a scale
    changes by a share of the factor. eyes and mouth are separated by `expressions`: approximate, since the map is linear
    and the same for everyone; what no blendshape explains goes with `expression`. With all shares equal nothing is lost.
    Raises ReenactError for a strength out of 0..3, and where `expressions` is needed and absent.
    """
    check_strength(strength)
    if parts == ALL_DRIVEN and strength == 1.0:
        return moved
    if parts.wants_map and expressions is None:
        raise ReenactError("eyes, mouth and named expressions need the weights' expression map: see docs/editing.md")
    change = moved.translation - source.translation
    pose = _value(parts.pose, strength, lambda share: _turned(source.head_pose, moved.head_pose, share))
    scale = _value(parts.scale, strength, lambda share: source.scale * (moved.scale / source.scale) ** share)
    place = _value(parts.translation, strength, lambda share: source.translation + share * change)
    code = source.expression + _code_change(source, moved, parts, strength, expressions)
    look = _gaze(source, moved, parts, strength)
    return Motion(*(np.asarray(value, np.float32) for value in (pose, scale, place, code)), gaze=look)


def check_strength(strength: float) -> None:
    """Raises ReenactError for a strength out of 0..3."""
    if not is_within(strength, 0, STRENGTH_MAX):
        raise ReenactError(f"`strength` must lie between 0 and {STRENGTH_MAX:g}, not {written(strength)}")


def _value(part: Part, strength: float, at: Callable[[float], np.ndarray]) -> np.ndarray:
    if isinstance(part, Fixed):
        return np.array(part.value)
    assert isinstance(part, Share), "parse_parts names expressions for faces only"
    return at(part.factor * strength)


def _gaze(source: Motion, moved: Motion, parts: Parts, strength: float) -> gaze.Gaze | None:
    part = next((part for part in (parts.gaze, parts.eyes, parts.expression) if part is not None), DRIVER)
    if source.gaze is None:
        return None
    if isinstance(part, Named):
        return (source.gaze + gaze.of_names(preset(part.name))).astype(np.float32)
    if isinstance(part, Fixed):
        return gaze.of_angles(*part.value)
    return between(source.gaze, moved.gaze, part.factor * strength)


def _turned(source: np.ndarray, moved: np.ndarray, share: float) -> np.ndarray:
    own = rotation_matrix(source.astype(np.float64))
    turn = rotation_matrix(moved.astype(np.float64)) @ own.T
    return euler_angles(partial_turn(turn, share) @ own)


def _code_change(
    source: Motion, moved: Motion, parts: Parts, strength: float, expressions: ExpressionMap | None
) -> Float32[np.ndarray, " code"]:
    """What is added to the source's code: the face's change, and in the eyes' and the mouth's subspaces their own."""

    def change(part: Part) -> np.ndarray:
        if isinstance(part, Named):
            assert expressions is not None
            return expressions.with_expression(source.expression, preset(part.name)) - source.expression
        assert isinstance(part, Share), "a code is no constant that one can write"
        return part.factor * strength * (moved.expression - source.expression)

    face = change(parts.expression)
    total = face
    for region, part in (("eyes", parts.eyes), ("mouth", parts.mouth)):
        if part is not None:
            assert expressions is not None
            total = total + (change(part) - face) @ expressions.region(region)  # type: ignore[arg-type]
    return total


def _parse(name: str, value: str) -> Part:
    if value in ("driver", "source"):
        return DRIVER if value == "driver" else SOURCE
    try:
        if value.startswith("driver*"):
            factor = float(value.removeprefix("driver*"))
            if not 0 <= factor <= STRENGTH_MAX:
                raise ReenactError(f"`parts` {name}={value}: the factor must lie between 0 and {STRENGTH_MAX:g}")
            return Share(factor)
        if name not in _LENGTHS:
            if value not in PRESETS:
                known = ", ".join(PRESETS)
                raise ReenactError(f"`parts` {name}={value}: write driver, source, driver*FACTOR or a named expression ({known})")
            return Named(value)
        numbers = [float(number) for number in value.split("/")]
    except ValueError:
        numbers = []
    if len(numbers) != _LENGTHS[name] or not np.isfinite(numbers).all():
        turns = {"pose": "YAW/PITCH/ROLL in degrees", "gaze": "YAW/PITCH in degrees"}
        form = {**turns, "scale": "a number such as 1.0", "translation": "X/Y"}[name]
        raise ReenactError(f"`parts` {name}={value}: write driver, source, driver*FACTOR or {form}")
    if name in ("pose", "gaze"):
        numbers = [float(number) for number in np.radians(numbers)]
    if name == "scale" and not 0.2 <= numbers[0] <= 5.0:
        raise ReenactError(f"`parts` scale={value}: keep the scale within 0.2..5")
    return Fixed(tuple(numbers))
