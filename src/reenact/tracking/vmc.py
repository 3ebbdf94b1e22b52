"""VMC, the protocol of VSeeFace, Waidayo, Warudo, MocapForAll and others: OSC over UDP to port 39539 (protocol.vmc.info).

/VMC/Ext/Blend/Val name value, as often as there are shapes, then /VMC/Ext/Blend/Apply: that is a frame, in one packet or several.
/VMC/Ext/Bone/Pos says how bones are turned, each against its parent: head and neck together turn the head. Wants `python-osc`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float64
from reenact.geometry.rotation import euler_angles
from reenact.tracking.reading import Reading, angles, coefficients, finite

PORT = 39539
LONGEST = 65_507
SHAPES_MAX = 512
"""ours: names that are remembered between two Apply; models have 52 to 200"""
BUNDLE, TIME_TAG = b"#bundle\0", 8
"""OSC 1.0: how a bundle begins, and the bytes of its time"""
TAGS, TAGS_MAX = b"sifdhTF", 32
"""OSC's types of arguments that are text, numbers or truth values; ours: how many of them a message has, with the comma"""
DEPTH_MAX = 4
"""ours: how deep bundles lie in bundles"""
MESSAGES_MAX = 4_096
"""ours: messages of a packet; the shortest that says something has 28 bytes"""
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
            from pythonosc import osc_message
        except ModuleNotFoundError:
            raise ReenactError("VMC needs python-osc: pip install 'reenact[vmc]'") from None
        self._message, self._error = osc_message.OscMessage, osc_message.ParseError
        self._shapes: dict[str, float] = {}
        self._turns = {"head": np.eye(3), "neck": np.eye(3)}
        self._place: np.ndarray | None = None
        self._time: float | None = None

    def parse(self, packet: bytes) -> Reading | None:
        """A frame, where this packet ends one; None otherwise, and for what is no OSC."""
        if len(packet) > LONGEST:
            return None
        try:
            messages = [self._message(part) for part in messages_of(packet)]
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


def messages_of(packet: bytes) -> list[bytes]:
    """The messages of an OSC packet, those inside bundles, too; without those that VMC has no use for. ValueError for what is
    no OSC. python-osc would say of each malformed part that it is, thousands a packet, and take most of a second over it."""
    found: list[bytes] = []
    left = [(packet, 0)]
    while left:
        part, depth = left.pop()
        if not part.startswith(BUNDLE):
            found += [part] if _useful(part) else []
            continue
        if depth == DEPTH_MAX:
            raise ValueError("bundles within bundles")
        at, parts = len(BUNDLE) + TIME_TAG, []
        while at < len(part):
            length = int.from_bytes(part[at : at + 4], "big")
            at += 4
            if not 4 <= length <= len(part) - at or len(found) + len(left) + len(parts) >= MESSAGES_MAX:
                raise ValueError("not a bundle")
            parts.append((part[at : at + length], depth + 1))
            at += length
        left += reversed(parts)
    return found


def _useful(message: bytes) -> bool:
    """Whether this is an OSC message of few arguments, all of them text, numbers or truth values."""
    if not message.startswith(b"/"):
        raise ValueError("neither a bundle nor a message")
    end = message.find(b"\0")
    tags = message[(end // 4 + 1) * 4 :].split(b"\0", 1)[0] if end > 0 else b""
    return 1 < len(tags) <= TAGS_MAX and tags.startswith(b",") and not tags[1:].strip(TAGS) or tags == b","


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
