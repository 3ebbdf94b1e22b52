"""Live Link Face, Epic's app for the iPhone, in its ARKit mode: UDP to port 11111, big-endian, one packet a frame.

u8 version; i32 length and the device's id; i32 length and the subject's name; the time; u8 61; 61 floats. Where no face is
seen the packet ends before the 61. The time: version 6: i32 frame, f32 part of a frame, i32 rate, i32 its denominator;
version 5: four i32 of timecode and u32 rate. After Unreal Engine's AppleARKitLiveLinkSource.cpp; the order of the floats is
its EARFaceBlendShape.
"""

from __future__ import annotations

import struct

import numpy as np

from reenact.tracking.reading import Reading, angles, coefficients, unseen

PORT = 11111
COUNT = 61
NAMES = (
    "EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft EyeWideLeft "
    "EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight EyeWideRight "
    "JawForward JawLeft JawRight JawOpen MouthClose MouthFunnel MouthPucker MouthLeft MouthRight MouthSmileLeft "
    "MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft MouthDimpleRight MouthStretchLeft MouthStretchRight "
    "MouthRollLower MouthRollUpper MouthShrugLower MouthShrugUpper MouthPressLeft MouthPressRight MouthLowerDownLeft "
    "MouthLowerDownRight MouthUpperUpLeft MouthUpperUpRight BrowDownLeft BrowDownRight BrowInnerUp BrowOuterUpLeft "
    "BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight NoseSneerLeft NoseSneerRight TongueOut"
).split()
"""of the first 52 floats; then HeadYaw, HeadPitch, HeadRoll and three angles of each eye (eyeLook... says the same)"""
TIMES = {6: ">ifii", 5: ">iiiiI"}
LONGEST_NAME = 256
"""ours: the device's id is a UUID, the subject's name what someone typed"""


def parse(packet: bytes) -> Reading | None:
    """One packet; None for what is none. Head angles are taken as radians, as in the app's CSV."""
    try:
        version = packet[0]
        at = _after_text(packet, _after_text(packet, 1))
        held = struct.unpack_from(TIMES[version], packet, at)
        at += struct.calcsize(TIMES[version])
        time = _seconds(version, held)
        if len(packet) == at:
            return unseen(time)
        if packet[at] != COUNT or len(packet) != at + 1 + 4 * COUNT:
            return None
        numbers = np.frombuffer(packet, ">f4", COUNT, at + 1).tolist()
    except (IndexError, KeyError, struct.error):
        return None
    values, _ = coefficients(zip(NAMES, numbers, strict=False))
    return Reading(time, values, angles(*numbers[52:55]))


def _after_text(packet: bytes, at: int) -> int:
    """Where the text that begins at `at` with its length ends. Raises IndexError for a length that cannot be."""
    (length,) = struct.unpack_from(">i", packet, at)
    if not 0 <= length <= LONGEST_NAME:
        raise IndexError(length)
    return at + 4 + length


def _seconds(version: int, held: tuple) -> float | None:
    """Of the day; None where the packet's rate is none."""
    if version == 5:
        hours, minutes, seconds, frames, rate = held
        return hours * 3600 + minutes * 60 + seconds + frames / rate if rate else None
    frame, part, rate, denominator = held
    found = (frame + part) * denominator / rate if rate else float("nan")
    return found if np.isfinite(found) else None
