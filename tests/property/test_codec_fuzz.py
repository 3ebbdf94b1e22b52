"""Damaged packets and files by the hundred thousand: nothing raises but ReenactError, hangs, or grows without bound.

REENACT_FUZZ=1000000 python -m pytest tests/property/test_codec_fuzz.py -m slow    (the default count: a quick look)
"""

from __future__ import annotations

import os
import time
from binascii import crc_hqx
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from motions import talking
from reenact.codec.clip import encode_clip, play
from reenact.codec.container import Header, read_frames, write_call
from reenact.codec.profile import plain_profile
from reenact.codec.stream import Receiver, Sender
from reenact.core.errors import ReenactError

FEW = 300
COUNT = int(os.environ.get("REENACT_FUZZ", "100000"))
LONGEST = 1.0
"""processor seconds that one packet or file may take"""
PROFILE = plain_profile("test", 4)
HEADER = Header.of(PROFILE, Fraction(25))


def damaged(data: bytes, random: np.random.Generator) -> bytearray:
    """A few bytes changed, the end cut off, bytes added: each sometimes."""
    bad = bytearray(data)
    for _ in range(random.integers(0, 4)):
        bad[random.integers(len(bad))] = random.integers(256)
    bad = bad[: random.integers(1, len(bad) + 1)] if random.random() < 0.2 else bad
    return bad + random.bytes(random.integers(0, 30)) if random.random() < 0.2 else bad


def fuzz_packets(count: int) -> None:
    """Half of the key packets with a checksum made good, so that what lies behind it is reached."""
    random = np.random.default_rng(count)
    sender = Sender(PROFILE, HEADER.tag, quality=10, key_interval=8)
    packets = [sender.send(motion) for motion in talking(200)]
    receiver, frames, longest = Receiver(PROFILE, HEADER.tag), 0, 0.0
    for number in range(count):
        if number % 500 == 0:
            receiver = Receiver(PROFILE, HEADER.tag)
        packet = damaged(packets[random.integers(200)], random)
        if packet[0] >= 128 and len(packet) > 4 and random.random() < 0.5:
            packet[-2:] = crc_hqx(bytes(packet[:-2]), HEADER.tag).to_bytes(2, "big")
        began = time.thread_time()
        found = receiver.receive(bytes(packet))
        longest = max(longest, time.thread_time() - began)
        frames += len(found)
        assert len(found) <= 64 * 33
        assert all(np.isfinite(frame.motion.vector()).all() for frame in found)
        assert len(receiver._points) <= 65 and len(receiver._parked) <= 32
    assert frames > count // 10 and longest < LONGEST


def fuzz_files(count: int) -> None:
    """Whole files, half of them with the checks of header and first packet made good; playing ends soon, or with one line."""
    random = np.random.default_rng(count)
    motions = talking(20)
    header = replace(HEADER, frames=len(motions))
    data = write_call(header, encode_clip(PROFILE, header.tag, motions, quality=20))
    begin = Header.read(data)[1]
    refused, longest = 0, 0.0
    for _ in range(count):
        bad = damaged(data, random)
        if len(bad) >= begin and random.random() < 0.5:
            bad[:begin] = data[:begin]
        began = time.thread_time()
        try:
            read, at = Header.read(bytes(bad))
            shown = list(play(read_frames(PROFILE, read, bytes(bad), at), read.frames))
            assert len(shown) <= 1 << 12 and all(np.isfinite(motion.vector()).all() for motion in shown)
        except ReenactError as error:
            refused += 1
            assert "\n" not in str(error)
        longest = max(longest, time.thread_time() - began)
    assert 0 < refused < count and longest < LONGEST


def test_a_few_damaged_packets_and_files():
    fuzz_packets(FEW)
    fuzz_files(FEW)


@pytest.mark.slow
def test_many_damaged_packets():
    fuzz_packets(COUNT)


@pytest.mark.slow
def test_many_damaged_files():
    fuzz_files(COUNT)
