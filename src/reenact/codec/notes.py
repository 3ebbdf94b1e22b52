"""What a file says behind the end of its stream (docs/bitstream.md): where its film began in the driver's file."""

from __future__ import annotations

from binascii import crc_hqx
from fractions import Fraction
from struct import Struct

from reenact.codec.container import read_packets, size_in_file
from reenact.media.clock import LATEST_START

MAGIC = b"NOTE"
START = 1
"""kind of the note that says where the clip begins, seconds"""
FRACTION = Struct(">QI")
FINEST = 1_000_000
"""ours: largest denominator that is written"""


def notes(start: Fraction) -> bytes:
    """What follows the end mark of a call whose first frame is at `start` seconds of its driver's file; nothing at 0."""
    if not start:
        return b""
    near = start.limit_denominator(FINEST)
    value = FRACTION.pack(near.numerator, near.denominator)
    body = MAGIC + bytes([START, len(value)]) + value
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


def read_start(data: bytes, at: int) -> Fraction | None:
    """At which second of its driver's file a call's first frame is: 0 where it says nothing of it, None where that is damaged.

    data: a whole file, whose packets begin at byte `at`. Raises ReenactError where it is cut off before its end mark."""
    end = at + sum(map(size_in_file, read_packets(data, at))) + 1
    body, check = data[end:-2], data[-2:]
    if data[end : end + len(MAGIC)] != MAGIC:
        return Fraction(0)
    if len(data) < end + len(MAGIC) + 2 or crc_hqx(body, 0xFFFF) != int.from_bytes(check, "big"):
        return None
    return _start(body[len(MAGIC) :])


def _start(body: bytes) -> Fraction | None:
    """Of notes whose check is right. Kinds that are not known are passed over."""
    found = Fraction(0)
    while len(body) >= 2:
        kind, value, body = body[0], body[2 : 2 + body[1]], body[2 + body[1] :]
        if kind == START:
            if len(value) != FRACTION.size:
                return None
            above, below = FRACTION.unpack(value)
            if not below or above > LATEST_START * below:
                return None
            found = Fraction(above, below)
    return found
