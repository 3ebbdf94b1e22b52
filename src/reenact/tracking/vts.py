"""VTube Studio on the iPhone: JSON over UDP for as long as one keeps asking on port 21412.

After DenchiSoft/VTubeStudioBlendshapeUDPReceiverTest (README, VTubeStudioRawTrackingData.cs).
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np

from reenact.tracking.reading import Reading, angles, coefficients, finite, unseen

PORT = 21412
ASK_EVERY = 2.0
"""seconds; the app sends for `time` seconds, 0.5 to 10, after each request"""
LONGEST = 32_768
"""ours: bytes; a packet has 3,000"""
DEGREE = np.pi / 180


def hello(port: int) -> bytes:
    """What is sent to the phone; it answers to our `port`."""
    asked = {"messageType": "iOSTrackingDataRequest", "time": 2 * ASK_EVERY, "sentBy": "reenact", "ports": [port]}
    return json.dumps(asked).encode()


def parse(packet: bytes) -> Reading | None:
    """One packet; None for what is none. Rotation x is taken as pitch, y as yaw, z as roll, degrees."""
    if len(packet) > LONGEST:
        return None
    try:
        held = json.loads(packet)
    except (ValueError, RecursionError):
        return None
    shapes = held.get("BlendShapes") if isinstance(held, dict) else None
    if not isinstance(shapes, list):
        return None
    stamp = finite(held.get("Timestamp"))
    time = None if stamp is None else stamp / 1000
    if held.get("FaceFound") is False:
        return unseen(time)
    values, known = coefficients((shape.get("k", ""), shape.get("v")) for shape in shapes if isinstance(shape, dict))
    if not known:
        return None
    turned, place = _axes(held.get("Rotation")), [finite(value) for value in _axes(held.get("Position"))]
    held_place = None if None in place else np.array(place, np.float32)
    return Reading(time, values, angles(turned[1], turned[0], turned[2], DEGREE), held_place)


def _axes(held: Any) -> list[Any]:
    return [held.get(name) for name in "xyz"] if isinstance(held, dict) else [None, None, None]
