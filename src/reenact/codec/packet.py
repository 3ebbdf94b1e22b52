"""One packet: a header of two bytes, frames as range-coded bits, a checksum (docs/bitstream.md)."""

from __future__ import annotations

from binascii import crc_hqx
from dataclasses import dataclass

import numpy as np

from reenact.codec.frame import (
    HOLD,
    LARGEST_GAP,
    LIMIT,
    TREND,
    State,
    code_another,
    code_delta,
    code_gap,
    code_key,
    code_ramp,
    predicted,
)
from reenact.codec.profile import GAZE, Profile
from reenact.codec.range_coder import BitReader, BitWriter
from reenact.core.errors import ReenactError
from reenact.core.types import Motion

NUMBERS = 1024
"""frame numbers count modulo this"""
MOST_FRAMES = 64
"""in a packet"""
LONGEST_SPAN = 256
"""a packet's last frame comes fewer frames after its first"""
HEADER_BYTES, KEY_CHECK, DELTA_CHECK = 2, 2, 1


@dataclass(frozen=True)
class Point:
    """Where a later packet may go on from: the state after a packet, and the packet's checksum."""

    state: State
    check: int


@dataclass(frozen=True)
class Coded:
    """One frame that came out of a packet."""

    number: int
    """of the frame; of a fresh `Receiver`'s first packet modulo 1024, then without end"""
    motion: Motion
    since: int
    """number of the coded frame before it; its own number in a key frame"""
    ramp: bool
    """whether the frames between `since` and this one lie on a line; otherwise they repeat `since`"""


@dataclass(frozen=True)
class Opened:
    """A packet's frames and what follows from it."""

    frames: tuple[Coded, ...]
    point: Point


class PacketWriter:
    """Builds one packet, frame by frame."""

    def __init__(
        self,
        profile: Profile,
        tag: int,
        number: int,
        *,
        quality: int = 0,
        after: tuple[int, Point] | None = None,
        coder: BitWriter | None = None,
    ) -> None:
        """number: of the first frame. after: the frame number and point that it goes on from, at most 31 frames back; without
        it the packet is a key packet of `quality`. tag: `Header.tag`. coder: a fresh one, if not the usual."""
        self._profile, self._coder = profile, coder or BitWriter()
        self.first = self.last = number
        self.frames = 0
        self.key = after is None
        if after is None:
            self._check, self._field, self.distance = tag, quality, 0
            self.state = _fresh(profile, quality)
        else:
            self._check, self.distance = after[1].check, number - after[0]
            self._field, self.state = self.distance, after[1].state.copy()
            self.state.fields = {}
            if not 1 <= self.distance <= LARGEST_GAP:
                raise ValueError(f"a packet goes on from 1 to {LARGEST_GAP} frames back, not {self.distance}")

    def fits(self, number: int) -> bool:
        """Whether the packet may take this frame too."""
        close = self.frames == 0 or number - self.last <= LARGEST_GAP
        return close and self.frames < MOST_FRAMES and number - self.first < LONGEST_SPAN

    def add(self, number: int, motion: Motion, *, ramp: bool = False, dead_zone: float = 0.0) -> None:
        """Appends a frame. dead_zone: how much beyond half a step a change may be and still count as none, in steps."""
        wanted = self._profile.coefficients(motion, self.state.quality)
        gap = number - self.last if self.frames else self.distance
        if self.frames:
            code_another(self._coder, self.state, 1)
            code_gap(self._coder, self.state, gap)
        if self.key and not self.frames:
            code_key(self._coder, self.state, [int(v) for v in np.floor(wanted + 0.5)])
        else:
            if gap > 1:
                code_ramp(self._coder, self.state, int(ramp))
            values, predictor = quantised(wanted, self.state, dead_zone)
            code_delta(self._coder, self.state, values, predictor)
        self.frames, self.last = self.frames + 1, number

    def finish(self) -> tuple[bytes, Point]:
        """The packet, and where the next may go on from."""
        if self.frames < MOST_FRAMES:
            code_another(self._coder, self.state, 0)
        head = int(self.key) << 15 | self._field << 10 | self.first % NUMBERS
        body = head.to_bytes(2, "big") + self._coder.finish()
        check = crc_hqx(body, self._check)
        kept = check.to_bytes(2, "big") if self.key else bytes([check & 0xFF])
        return body + kept, Point(self.state, check)


def quantised(wanted: np.ndarray, state: State, dead_zone: float) -> tuple[list[int], int]:
    """The integers to send, and the cheaper predictor. Each is within half a step and the dead zone of `wanted`."""
    best: tuple[float, list[int], int] | None = None
    for predictor in (HOLD, TREND):
        guess = np.array(predicted(state, predictor))
        change = wanted - guess
        steps = np.sign(change) * np.floor(np.maximum(np.abs(change) + 0.5 - dead_zone, 0.0))
        cost = float(np.log2(1.0 + np.abs(steps)).sum())
        if best is None or cost < best[0]:
            values = np.clip(guess + steps.astype(np.int64), -LIMIT, LIMIT)
            best = cost, [int(v) for v in values], predictor
    assert best is not None
    return best[1], best[2]


@dataclass(frozen=True)
class Head:
    """What the first two bytes say."""

    key: bool
    quality: int
    """of a key packet"""
    distance: int
    """of a delta packet: how many frames back its reference is"""
    number: int
    """0..1023"""


def read_head(packet: bytes) -> Head:
    """Raises ReenactError for bytes that are no packet."""
    if len(packet) < HEADER_BYTES + DELTA_CHECK:
        raise ReenactError("a packet is cut off: leave it out")
    word = int.from_bytes(packet[:2], "big")
    key, middle, number = bool(word >> 15), word >> 10 & 31, word & (NUMBERS - 1)
    if (key and len(packet) < HEADER_BYTES + KEY_CHECK) or (not key and middle == 0):
        raise ReenactError("a packet is damaged: leave it out")
    return Head(key, middle if key else 0, 0 if key else middle, number)


def _fresh(profile: Profile, quality: int) -> State:
    """Before a key frame."""
    return State.fresh(profile.length, quality, profile.first_states(quality), GAZE * profile.gaze)


def open_packet(profile: Profile, tag: int, packet: bytes, number: int, after: Point | None) -> Opened:
    """The frames of a packet whose first frame has the (unwrapped) `number`. after: the reference of a delta packet.

    Raises ReenactError when its checksum does not fit: damaged, of another stream, or not made from this reference.
    """
    head = read_head(packet)
    size = KEY_CHECK if head.key else DELTA_CHECK
    body, kept = packet[:-size], packet[-size:]
    if not head.key and after is None:
        raise ReenactError("a packet's reference is lost: wait for the next key packet")
    check = crc_hqx(body, tag if head.key or after is None else after.check)
    if kept != (check.to_bytes(2, "big") if head.key else bytes([check & 0xFF])):
        raise ReenactError("a packet is damaged or of another stream: leave it out")
    coder = BitReader(body[HEADER_BYTES:])
    state = _fresh(profile, head.quality) if after is None else after.state.copy()
    state.fields = {}
    frames = _frames(profile, coder, state, head, number)
    return Opened(frames, Point(state, check))


def _frames(profile: Profile, coder: BitReader, state: State, head: Head, number: int) -> tuple[Coded, ...]:
    zeros = [0] * profile.length
    found: list[Coded] = []
    gap, at = head.distance, number
    while True:
        ramp = 0
        if head.key and not found:
            code_key(coder, state, zeros)
        else:
            if gap > 1:
                ramp = code_ramp(coder, state, 0)
            code_delta(coder, state, zeros, HOLD)
        found.append(Coded(at, profile.motion(state.values, state.quality), at - gap, bool(ramp)))
        if len(found) == MOST_FRAMES or not code_another(coder, state, 0):
            return tuple(found)
        gap = code_gap(coder, state, 0)
        at += gap
        if at - number >= LONGEST_SPAN:
            raise ReenactError("a packet is damaged: leave it out")
