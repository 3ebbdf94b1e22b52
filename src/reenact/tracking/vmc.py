"""VMC, the protocol of VSeeFace, Waidayo, Warudo, MocapForAll and others: OSC over UDP to port 39539 (protocol.vmc.info).

/VMC/Ext/Blend/Val name value, as often as there are shapes, then /VMC/Ext/Blend/Apply: that is a frame, in one packet or several.
/VMC/Ext/Bone/Pos says how bones are turned, each against its parent: head and neck together turn the head. Wants `python-osc`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Float64

from reenact.core.errors import ReenactError
from reenact.geometry.rotation import euler_angles
from reenact.tracking.reading import Reading, angles, coefficients, finite

PORT = 39539
LONGEST = 65_507
SHAPES_MAX = 512
"""ours: names that are remembered between two Apply; models have 52 to 200"""
TO_PICTURE = np.diag([-1.0, -1.0, 1.0])
"""Unity's axes of a model that faces us (x its right, y up, z forwards) -> those of docs/conventions.md"""


def _pair(value: float, *names: str) -> dict[str, float]:
    return {f"{name}{side}": value for name in names for side in ("Left", "Right")}


PRESETS: dict[str, dict[str, float]] = {
    "a": {"jawOpen": 0.6},
    "i": {**_pair(0.5, "mouthStretch"), "jawOpen": 0.1},
    "u": {"mouthPucker": 0.7, "jawOpen": 0.1},
    "e": {**_pair(0.3, "mouthStretch"), "jawOpen": 0.3},
    "o": {"mouthFunnel": 0.6, "jawOpen": 0.35},
    "blink": _pair(1.0, "eyeBlink"),
    "blink_l": {"eyeBlinkLeft": 1.0},
    "blink_r": {"eyeBlinkRight": 1.0},
    "joy": _pair(0.7, "mouthSmile"),
    "fun": {**_pair(0.5, "mouthSmile"), **_pair(0.3, "eyeSquint")},
    "angry": {**_pair(0.8, "browDown"), **_pair(0.3, "mouthPress")},
    "sorrow": {**_pair(0.5, "mouthFrown"), "browInnerUp": 0.6},
    "surprised": {**_pair(0.6, "browOuterUp"), "browInnerUp": 0.6, "jawOpen": 0.3},
}
"""ours: what VRM's own expressions are of the 52, for models without "perfect sync" """
PRESETS |= {
    new: PRESETS[old]
    for new, old in {
        "aa": "a", "ih": "i", "ou": "u", "ee": "e", "oh": "o", "blinkleft": "blink_l", "blinkright": "blink_r",
        "happy": "joy", "relaxed": "fun", "sad": "sorrow",
    }.items()
}  # fmt: skip
"""VRM 1.0 has other names"""


class Vmc:
    """Keeps what came since the last Apply: a frame may take several packets."""

    def __init__(self) -> None:
        """Raises ReenactError where python-osc is not installed."""
        try:
            from pythonosc import osc_packet
        except ModuleNotFoundError:
            raise ReenactError("VMC needs python-osc: pip install 'reenact[vmc]'") from None
        self._packet, self._error = osc_packet.OscPacket, osc_packet.ParseError
        self._shapes: dict[str, float] = {}
        self._turns = {"head": np.eye(3), "neck": np.eye(3)}
        self._place: np.ndarray | None = None
        self._time: float | None = None

    def parse(self, packet: bytes) -> Reading | None:
        """A frame, where this packet ends one; None otherwise, and for what is no OSC."""
        if len(packet) > LONGEST:
            return None
        try:
            messages = [timed.message for timed in self._packet(packet).messages]
            contents = [(message.address, list(message.params)) for message in messages]
        except (self._error, ValueError, TypeError, IndexError, RecursionError, OverflowError):
            return None
        reading = None
        for address, values in contents:
            reading = self._take(address, values) or reading
        return reading

    def _take(self, address: str, values: list[Any]) -> Reading | None:
        if address == "/VMC/Ext/Blend/Val" and len(values) == 2 and isinstance(values[0], str):
            number = finite(values[1])
            if number is not None and len(self._shapes) < SHAPES_MAX:
                self._shapes[values[0]] = number
        elif address == "/VMC/Ext/Bone/Pos" and len(values) == 8 and str(values[0]).lower() in self._turns:
            self._bone(str(values[0]).lower(), [finite(value) for value in values[1:]])
        elif address == "/VMC/Ext/T" and len(values) == 1:
            self._time = finite(values[0])
        elif address == "/VMC/Ext/Blend/Apply":
            return self._frame()
        return None

    def _bone(self, name: str, numbers: list[float | None]) -> None:
        found = np.array([np.nan if number is None else number for number in numbers])
        turn = _rotation(found[3:])
        if turn is not None:
            self._turns[name] = turn
        if name == "head" and np.isfinite(found[:3]).all() and np.abs(found[:3]).max() < 1e6:
            self._place = found[:3].astype(np.float32)

    def _frame(self) -> Reading:
        shapes, self._shapes = self._shapes, {}
        values, known = coefficients(shapes)
        if not known:
            mixed: dict[str, float] = {}
            for name, value in shapes.items():
                for shape, share in PRESETS.get(name.lower(), {}).items():
                    mixed[shape] = mixed.get(shape, 0.0) + share * min(max(value, 0.0), 1.0)
            values, _ = coefficients({shape: min(value, 1.0) for shape, value in mixed.items()})
        turn = TO_PICTURE @ self._turns["neck"] @ self._turns["head"] @ TO_PICTURE
        return Reading(self._time, values, angles(*euler_angles(turn)), self._place)


def _rotation(quaternion: Float64[np.ndarray, "4"]) -> Float64[np.ndarray, "3 3"] | None:
    """x, y, z, w -> matrix; None for what is no turn."""
    with np.errstate(all="ignore"):
        length = float(np.linalg.norm(quaternion))
    if not 1e-3 < length < 1e3:
        return None
    x, y, z, w = quaternion / length
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )
