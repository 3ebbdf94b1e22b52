"""iFacialMocap and Facemotion3d (iPhone, Android): text over UDP, asked for by a word (ifacialmocap.com/for-developer).

    mouthSmile_R-12|jawOpen-40|...|=head#x,y,z,px,py,pz|rightEye#x,y,z|leftEye#x,y,z|

Coefficients count to 100; with `|sendDataVersion=v2` after the word, & stands in place of -, so that values may be negative.
Facemotion3d writes the names out (mouthSmileRight) and always &. Angles are degrees.
"""

from __future__ import annotations

import numpy as np

from reenact.tracking.reading import Reading, angles, coefficients, finite

PORT = 49983
HELLO = b"iFacialMocap_sahuasouryya9218sauhuiayeta91555dy3719|sendDataVersion=v2"
FACEMOTION_PORT = 49993
FACEMOTION_HELLO = b"FACEMOTION3D_OtherStreaming"
LONGEST = 16_384
"""ours: characters; a packet has 1,200"""
DEGREE = np.pi / 180


def parse(packet: bytes) -> Reading | None:
    """One packet; None for what is none. x is taken as pitch, y as yaw, z as roll."""
    try:
        text = packet[:LONGEST].decode("utf-8")
    except UnicodeDecodeError:
        return None
    named: list[tuple[str, str]] = []
    head: list[str] = []
    for item in text.split("|"):
        key, found, rest = item.partition("#")
        if found:
            head = rest.split(",") if key.strip().lstrip("=") == "head" else head
            continue
        name, _, value = item.partition("&") if "&" in item else item.partition("-")
        named.append((name.strip(), value))
    values, known = coefficients(named, 100.0)
    if not known:
        return None
    turned = angles(head[1], head[0], head[2], DEGREE) if len(head) >= 3 else np.zeros(3, np.float32)
    return Reading(None, values, turned, _place(head[3:6]))


def _place(numbers: list[str]) -> np.ndarray | None:
    found = [finite(number) for number in numbers]
    return np.array(found, np.float32) if len(found) == 3 and None not in found else None
