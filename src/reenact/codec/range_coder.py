"""Binary range coder with adaptive probabilities: integers only, so every platform gives the same bytes.

Ours rather than a library: constriction, the best kept one, writes whole 32-bit words (two bytes lost in each packet of
some ten) and its bitstream is specified by its source alone.

A probability is that of bit 0, in 1/65536. Bytes after the end of a message read as zero, and a message's trailing zero
bytes are not sent.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import log2
from typing import Protocol, runtime_checkable

TOP = 1 << 24
FULL = (1 << 32) - 1
RATE = 5
"""ours: each bit moves its probability by 1/32 of the way"""
HALF = 1 << 15
ESCAPE_BITS = 24
"""longest prefix of an escape: no message makes a number larger than 2^25"""


@runtime_checkable
class BitCoder(Protocol):
    """What writing and reading share, so that one function walks both ways."""

    spent: float
    """bits so far, as the probabilities say"""

    def bit(self, states: list[int], at: int, bit: int) -> int:
        """Code `bit` with the probability states[at] and adapt it; a reader ignores its argument. Gives the bit."""
        ...

    def plain(self, bit: int) -> int:
        """The same at probability 1/2, without a state."""
        ...


class BitWriter:
    """Bits -> bytes. Implements `BitCoder`."""

    def __init__(self) -> None:
        self._low, self._range, self._shifts = 0, FULL, 0
        self.spent = 0.0

    def bit(self, states: list[int], at: int, bit: int) -> int:
        chance = states[at]
        self.spent -= log2((65536 - chance if bit else chance) / 65536)
        self._split((self._range >> 16) * chance, bit)
        states[at] = adapted(chance, bit)
        return bit

    def plain(self, bit: int) -> int:
        self.spent += 1.0
        self._split((self._range >> 16) * HALF, bit)
        return bit

    def _split(self, bound: int, bit: int) -> None:
        if bit:
            self._low += bound  # Python's integers have no end: a carry runs by itself
            self._range -= bound
        else:
            self._range = bound
        while self._range < TOP:
            self._range <<= 8
            self._low <<= 8
            self._shifts += 1

    def finish(self) -> bytes:
        """The shortest message that decodes to these bits."""
        size = 4 + self._shifts
        for zeros in range(8 * size, -1, -8):
            value = (self._low + (1 << zeros) - 1) >> zeros << zeros
            if value < self._low + self._range:
                return value.to_bytes(size + 1, "big")[1:].rstrip(b"\0")
        raise AssertionError("the interval is never empty")


class BitReader:
    """Bytes -> bits; any bytes at all give some bits. Implements `BitCoder`."""

    def __init__(self, message: Sequence[int]) -> None:
        self._message, self._next, self._range = message, 4, FULL
        self._code = int.from_bytes(bytes(message[:4]).ljust(4, b"\0"), "big")
        self.spent = 0.0

    @property
    def overrun(self) -> int:
        """How many bytes were read beyond the end, where zeros are."""
        return max(0, self._next - len(self._message))

    def bit(self, states: list[int], at: int, bit: int = 0) -> int:
        chance = states[at]
        bit = self._split((self._range >> 16) * chance)
        self.spent -= log2((65536 - chance if bit else chance) / 65536)
        states[at] = adapted(chance, bit)
        return bit

    def plain(self, bit: int = 0) -> int:
        self.spent += 1.0
        return self._split((self._range >> 16) * HALF)

    def _split(self, bound: int) -> int:
        bit = 0 if self._code < bound else 1
        if bit:
            self._code -= bound
            self._range -= bound
        else:
            self._range = bound
        while self._range < TOP:
            byte = self._message[self._next] if self._next < len(self._message) else 0
            self._next += 1
            self._range <<= 8
            self._code = (self._code << 8 | byte) & FULL
        return bit


def adapted(chance: int, bit: int) -> int:
    """The probability after `bit`; stays within 31..65505 when it starts within 1..65535."""
    return chance - (chance >> RATE) if bit else chance + ((65536 - chance) >> RATE)


def escape(coder: BitCoder, value: int) -> int:
    """A number >= 0 as Exp-Golomb of order 0 (a run of 1s, a 0, then as many bits), each bit at probability 1/2."""
    length = 0
    while length < ESCAPE_BITS and coder.plain(int((value + 1) >> (length + 1) > 0)):
        length += 1
    rest = 0
    for place in range(length - 1, -1, -1):
        rest = rest << 1 | coder.plain((value + 1) >> place & 1)
    return (1 << length) + rest - 1
