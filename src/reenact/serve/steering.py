"""What a page asks of its session, checked and converted."""

from __future__ import annotations

import json
import math
from typing import Any

from reenact.core.errors import ReenactError
from reenact.live.session import Steer
from reenact.motion.compose import parse_parts
from reenact.serve.numbers import number

DEGREES_MAX, SHIFT_MAX = 89.0, 1.0
"""ours: beyond both no face is left in the picture"""

_ANGLES, _NUMBERS, _TEXTS = ("yaw", "pitch", "roll"), ("scale", "strength", "smooth", "settle"), ("mode", "expression")


def read_object(text: str | None) -> dict[str, Any]:
    """A text message as an object. Raises ReenactError."""
    try:
        held = json.loads(text or "")
    except (ValueError, RecursionError):
        raise ReenactError("a message is no JSON: reload the page") from None
    if not isinstance(held, dict):
        raise ReenactError("a message must be a JSON object: reload the page")
    return held


def parse_steer(given: dict[str, Any]) -> Steer:
    """A page's object as a `Steer`: angles in degrees, parts as on the command line, mode "" or "default" for
    what the weights say. Raises ReenactError."""
    known = {*_ANGLES, *_NUMBERS, *_TEXTS, "parts", "shift", "blendshapes", "calibrate", "type"}
    if unknown := [name for name in given if name not in known]:
        raise ReenactError(f"unknown slider {str(unknown[0])[:30]!r}")
    held: dict[str, Any] = {name: math.radians(_number(name, given[name], DEGREES_MAX)) for name in _ANGLES if name in given}
    held |= {name: _number(name, given[name]) for name in _NUMBERS if name in given}
    held |= {name: str(given[name]) for name in _TEXTS if given.get(name) is not None}
    held |= {"mode": "default"} if held.get("mode") == "" else {}
    if "parts" in given:
        held["parts"] = parse_parts(str(given["parts"]))
    if "shift" in given:
        x, y = given["shift"] if isinstance(given["shift"], list) and len(given["shift"]) == 2 else (None, None)
        held["shift"] = _number("shift", x, SHIFT_MAX), _number("shift", y, SHIFT_MAX)
    if "blendshapes" in given:
        shapes = given["blendshapes"]
        if not isinstance(shapes, dict):
            raise ReenactError("blendshapes must be an object of names and numbers")
        held["blendshapes"] = {str(name): _number(str(name), value) for name, value in shapes.items() if value}
    steer = Steer(calibrate=given.get("calibrate") is True, **held)
    steer.check()
    return steer


def _number(name: str, value: Any, most: float = math.inf) -> float:
    held = number(name, value)
    if abs(held) > most:
        raise ReenactError(f"{name} must lie between {-most:g} and {most:g}, not {held:g}")
    return held
