"""Motion over a network: what arrives is what was sent, within half a step; loss and damage cost a while, never more."""

from __future__ import annotations

from binascii import crc_hqx
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motions import talking
from reenact.codec.clip import encode_clip, encode_to_target, play
from reenact.codec.container import Header, file_bytes, read_frames, write_call
from reenact.codec.frame import State, context_count
from reenact.codec.packet import Coded
from reenact.codec.profile import plain_profile
from reenact.codec.range_coder import BitReader, BitWriter, escape
from reenact.codec.rate import RateControl
from reenact.codec.stream import Playout, Receiver, Sender
from reenact.core.errors import ReenactError
from reenact.core.types import Motion

CODE = 4
PROFILE = plain_profile("test", CODE)
RATE = Fraction(25)
TAG = Header.of(PROFILE, RATE).tag
ROUNDING = 1e-3
"""float32 of Motion, in steps"""

number = st.floats(-3, 3, width=32)
sequences = st.lists(st.lists(number, min_size=6 + CODE, max_size=6 + CODE), min_size=1, max_size=12)


def steps_off(motion: Motion, shown: Motion, quality: int) -> float:
    return float(np.abs(PROFILE.coefficients(motion, quality) - PROFILE.coefficients(shown, quality)).max())


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 1)), max_size=300), st.lists(st.integers(0, 1 << 22), max_size=5))
@settings(max_examples=60, deadline=None)
def test_range_coder_returns_its_bits(bits: list[tuple[int, int]], numbers: list[int]):
    writer, states = BitWriter(), [128, 65000, 32768, 500]
    for at, bit in bits:
        writer.bit(states, at, bit)
    for value in numbers:
        escape(writer, value)
    reader, states = BitReader(writer.finish()), [128, 65000, 32768, 500]
    assert [reader.bit(states, at) for at, _ in bits] == [bit for _, bit in bits]
    assert [escape(reader, 0) for _ in numbers] == numbers


def test_range_coder_comes_near_entropy():
    random = np.random.default_rng(0)
    bits = (random.random(20_000) < 0.05).astype(int)
    writer, states = BitWriter(), [32768]
    for bit in bits:
        writer.bit(states, 0, int(bit))
    entropy = -(0.05 * np.log2(0.05) + 0.95 * np.log2(0.95)) * len(bits)
    assert 8 * len(writer.finish()) < 1.08 * entropy


@given(sequences, st.integers(0, 31), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=60, deadline=None)
def test_stream_is_within_half_a_step(rows: list[list[float]], quality: int, key_interval: int, spread: int):
    options = {"quality": quality, "key_interval": key_interval, "spread": spread, "dead_zone": 0.0}
    sender, receiver, playout = Sender(PROFILE, TAG, **options), Receiver(PROFILE, TAG), Playout()
    for at, row in enumerate(rows):
        motion = Motion.from_vector(np.float32(row))
        packet = sender.send(motion)
        if packet is not None:
            playout.add(receiver.receive(packet))
        assert steps_off(motion, playout.at(at), quality) <= 0.5 + ROUNDING * 4


@given(sequences, st.integers(0, 31), st.integers(1, 30))
@settings(max_examples=40, deadline=None)
def test_file_is_within_half_a_step(rows: list[list[float]], quality: int, key_interval: int):
    motions = [Motion.from_vector(np.float32(row)) for row in rows]
    back = through_file(motions, quality=quality, key_interval=key_interval, longest_gap=1, dead_zone=0.0)
    assert len(back) == len(motions)
    assert max(steps_off(a, b, quality) for a, b in zip(motions, back, strict=True)) <= 0.5 + ROUNDING * 4


def through_file(motions: list[Motion], **options) -> list[Motion]:
    header = Header.of(PROFILE, RATE)
    data = write_call(header, encode_clip(PROFILE, header.tag, motions, **options))
    read, at = Header.read(data)
    return list(play(read_frames(PROFILE, read, data, at), len(motions)))


def test_long_file_with_lines_stays_near():
    motions = talking(700)
    every = through_file(motions, quality=8, longest_gap=1)
    some = through_file(motions, quality=8, longest_gap=4, line_error=0.5)
    off = [
        np.sqrt(np.mean(np.square(PROFILE.coefficients(a, 8) - PROFILE.coefficients(b, 8))))
        for a, b in zip(motions, some, strict=True)
    ]
    assert len(every) == len(some) == 700
    assert max(off) < 1.2
    assert len(b"".join(encode_clip(PROFILE, TAG, motions, quality=20, longest_gap=4))) < len(
        b"".join(encode_clip(PROFILE, TAG, motions, quality=20, longest_gap=1))
    )


def test_stillness_is_nearly_free():
    still = talking(1)[0]
    sender, receiver, playout = Sender(PROFILE, TAG), Receiver(PROFILE, TAG), Playout()
    sent = 0
    for at in range(500):
        packet = sender.send(still)
        sent += len(packet or b"")
        playout.add(receiver.receive(packet) if packet else [])
        assert playout.at(at) is not None
    assert 8 * sent / 20 < 100, "bit/s over 20 s"
    assert sum(map(len, encode_clip(PROFILE, TAG, [still] * 500, quality=12))) < 150


def test_no_face_costs_nothing_and_holds():
    motions = talking(10)
    sender, receiver, playout = Sender(PROFILE, TAG), Receiver(PROFILE, TAG), Playout()
    for motion in motions:
        playout.add(receiver.receive(sender.send(motion)))
    assert sender.send(None) is None
    assert np.allclose(playout.at(10).vector(), playout.at(9).vector())


@pytest.mark.parametrize("gap", [100, 511, 600, 1000, 1030, 2600])
@pytest.mark.parametrize("lost", [False, True])
def test_a_driver_who_was_away_for_long_is_followed_at_once(gap: int, lost: bool):
    """Frame numbers count modulo 1024: without a word in between, 512 frames or more would unwrap backwards."""
    sender, receiver, playout = Sender(PROFILE, TAG, quality=0), Receiver(PROFILE, TAG), Playout()
    motions, sent, spent = talking(40), 0, 0
    for at, motion in enumerate([*motions[:20], *[None] * gap, *motions[20:]]):
        packet = sender.send(motion)
        if motion is None and packet is not None:
            sent, spent = sent + 1, spent + len(packet)
        if packet is not None and not (motion is None and lost and sent % 3):
            playout.add(receiver.receive(packet))
        shown = playout.at(at)
        assert shown is not None and not receiver.damaged
        if motion is not None:
            assert steps_off(motion, shown, 0) <= 0.66
        else:
            assert steps_off(motions[19], shown, 0) <= 0.66, "the last one is held"
    assert 8 * spent / ((gap + 1) / 25) < 60, "bit/s"


def test_stillness_with_rare_keys_is_no_gap_either():
    sender, receiver = Sender(PROFILE, TAG, key_interval=1000), Receiver(PROFILE, TAG)
    numbers = [f.number for _ in range(2000) if (p := sender.send(talking(1)[0])) for f in receiver.receive(p)]
    assert max(np.diff(numbers)) < 512 and numbers[-1] > 1500


@pytest.mark.parametrize("late", [-400, 0, 400])
@pytest.mark.parametrize("gap", [400, 600, 1000, 1030, 2600, 5000])
def test_a_receiver_that_was_away_follows_at_once_by_its_own_clock(gap: int, late: int):
    """Nothing arrives for `gap` frames, whatever was sent; its clock is off by `late` frames."""
    sender, receiver, playout = Sender(PROFILE, TAG, quality=0), Receiver(PROFILE, TAG), Playout()
    motions = talking(20 + gap % 100) * (gap // 20 + 2)
    for at, motion in enumerate(motions[: gap + 40]):
        if at == gap + 20:
            sender.request_key()
        packet = sender.send(motion)
        if packet is not None and not 20 <= at < gap + 20:
            playout.add(receiver.receive(packet, at + late))
        if at >= gap + 20:
            assert not receiver.waiting and steps_off(motion, playout.at(at), 0) <= 1


def test_what_is_sent_in_silence_is_counted():
    control = RateControl(4.0, RATE)
    sender, sizes = Sender(PROFILE, TAG, control=control), []
    control.spent = sizes.append
    packets = [sender.send(motion) for motion in [*talking(5), *[None] * 400]]
    assert sizes == [len(packet or b"") for packet in packets] and sum(map(bool, sizes[5:])) == 2


def test_left_out_frames_are_interpolated():
    sender, receiver, playout = Sender(PROFILE, TAG, quality=0), Receiver(PROFILE, TAG), Playout()
    first, second = (Motion.from_vector(np.full(6 + CODE, value, np.float32)) for value in (0.0, 0.3))
    playout.add(receiver.receive(sender.send(first)))
    sender.skip()
    sender.skip()
    playout.add(receiver.receive(sender.send(second)))
    assert np.allclose(playout.at(1).vector(), 0.1, atol=0.002)
    assert np.allclose(playout.at(2).vector(), 0.2, atol=0.002)


def lossy(
    seed: int, loss: float, frames: int, *, feedback: int | None = None, **options
) -> tuple[list[bool], list[float], Receiver]:
    """Whether each frame is shown anew; how far those that arrive are off, in steps. feedback: frames that a report takes."""
    random = np.random.default_rng(seed)
    sender, receiver, playout = Sender(PROFILE, TAG, quality=10, **options), Receiver(PROFILE, TAG), Playout()
    shown, off, reports = [], [], {}
    for at, motion in enumerate(talking(frames, seed)):
        if at in reports:
            sender.report_lost(reports[at])
        packet = sender.send(motion)
        found: list[Coded] = []
        if packet is not None and random.random() >= loss:
            found = receiver.receive(packet)
        elif packet is not None and feedback is not None:
            reports[at + feedback] = at
        playout.add(found)
        off += [steps_off(motion, frame.motion, 10) for frame in found if frame.number == at]
        shown.append(any(frame.number == at for frame in found))
    return shown, off, receiver


def longest_outage(shown: list[bool]) -> int:
    longest = now = 0
    for fresh in shown:
        now = 0 if fresh else now + 1
        longest = max(longest, now)
    return longest


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_lost_with_reports_recovers_within_a_second(seed: int):
    shown, off, _ = lossy(seed, 0.2, 300, feedback=4, key_interval=250)
    assert longest_outage(shown) <= 25
    assert np.mean(shown) > 0.4
    assert max(off) <= 0.66, "no drift: what is shown is what was sent"


@pytest.mark.parametrize("seed", range(3))
def test_a_fifth_lost_without_reports_recovers_within_a_second(seed: int):
    shown, off, _ = lossy(seed, 0.2, 300, key_interval=6, spread=3)
    assert longest_outage(shown) <= 25
    assert max(off) <= 0.66


def test_lost_reports_are_cheaper_than_keys():
    motions = talking(40)
    sender = Sender(PROFILE, TAG, quality=10, key_interval=1000)
    sizes = []
    for at, motion in enumerate(motions):
        if at == 20:
            sender.report_lost(17)
        sizes.append(sender.send(motion))
    assert sizes[20][0] < 128, "a delta packet"
    receiver = Receiver(PROFILE, TAG)
    for at, packet in enumerate(sizes):
        if at not in (17, 18, 19):
            assert len(receiver.receive(packet)) == 1


def test_order_does_not_matter():
    sender, receiver = Sender(PROFILE, TAG, key_interval=1000), Receiver(PROFILE, TAG)
    packets = [sender.send(motion) for motion in talking(60)]
    order = sorted(range(60), key=lambda at: (at + np.random.default_rng(at).uniform(0, 6)) if at else -1)
    found = [frame for at in order for frame in receiver.receive(packets[at])]
    assert sorted(frame.number for frame in found) == list(range(60))
    assert not receiver.waiting and receiver.damaged == 0
    assert all(receiver.receive(packet) == [] for packet in packets[-5:]), "doubled packets are nothing new"


def test_damage_is_noticed_and_never_raises():
    random = np.random.default_rng(0)
    sender, receiver = Sender(PROFILE, TAG, quality=10, key_interval=10), Receiver(PROFILE, TAG)
    wrong = 0
    for at, motion in enumerate(talking(400)):
        packet = bytearray(sender.send(motion))
        hit = random.random() < 0.3
        if hit:
            packet[random.integers(len(packet))] ^= 1 << random.integers(8)
        for frame in receiver.receive(bytes(packet)):
            wrong += frame.number == at and steps_off(motion, frame.motion, 10) > 0.66
    assert receiver.damaged > 20
    assert wrong <= 2, "one damaged delta packet in 256 passes its check"


def test_another_stream_is_refused():
    sender = Sender(PROFILE, TAG)
    other = Receiver(PROFILE, Header.of(PROFILE, Fraction(30)).tag)
    assert other.receive(sender.send(talking(1)[0])) == [] and other.damaged == 1


@given(st.binary(max_size=60), st.integers(0, 1023), st.booleans(), st.integers(1, 31))
@settings(max_examples=150, deadline=None)
def test_any_bytes_with_a_good_checksum_decode(message: bytes, number: int, key: bool, middle: int):
    """Damage that passes its check: frames or nothing, never an exception, never without bound."""
    receiver = Receiver(PROFILE, TAG)
    first = Sender(PROFILE, TAG).send(talking(1)[0])
    receiver.receive(first)
    check = int.from_bytes(first[-2:], "big")
    body = (key << 15 | middle << 10 | (number if key else middle)).to_bytes(2, "big") + message
    check = crc_hqx(body, TAG if key else check)
    frames = receiver.receive(body + (check.to_bytes(2, "big") if key else bytes([check & 255])))
    assert len(frames) <= 64
    assert all(np.isfinite(frame.motion.vector()).all() for frame in frames)
    assert len(receiver._points) <= 65 and len(receiver._parked) <= 32


@given(st.lists(st.binary(max_size=20), max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_at_all_are_survived(packets: list[bytes]):
    receiver = Receiver(PROFILE, TAG)
    for packet in packets:
        receiver.receive(packet)
    assert len(receiver._parked) <= 32


def test_file_meets_its_target():
    motions = talking(250, noise=0.005)
    for kbps in (1.0, 3.0):
        packets = encode_to_target(PROFILE, TAG, motions, kbps, 25.0)
        header = Header.of(PROFILE, RATE)
        spent = 8 * (len(write_call(header, packets)) - len(header.to_bytes())) / 10_000
        assert 0.6 * kbps < spent <= kbps
        assert spent == 8 * file_bytes(packets) / 10_000 and (kbps < 3 or max(map(len, packets)) > 128)


def test_stream_nears_its_target():
    sender = Sender(PROFILE, TAG, control=RateControl(4.0, RATE))
    sizes = [len(sender.send(motion) or b"") for motion in talking(600, noise=0.005)]
    spent = 8 * sum(sizes[200:]) / 16 / 1000
    assert 3.0 < spent < 5.0


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_numbers_that_are_none_are_refused(bad: float):
    vector = np.zeros(6 + CODE, np.float32)
    vector[2] = bad
    with pytest.raises(ReenactError, match="NaN"):
        Sender(PROFILE, TAG).send(Motion.from_vector(vector))


def test_another_method_is_refused():
    with pytest.raises(ReenactError, match="does not fit"):
        Sender(PROFILE, TAG).send(Motion.from_vector(np.zeros(9, np.float32)))


def test_plain_profile_has_its_contexts():
    assert len(PROFILE.start[0]) == context_count(6 + CODE) == 28 * (6 + CODE) + 14


def test_bits_are_said_of_the_field_that_they_are_spent_on():
    with_gaze, without = (State.fresh(10, 8, [], gaze) for gaze in (2, 0))
    names = ["head_pose"] * 3 + ["scale"] + ["translation"] * 2 + ["expression"] * 2
    assert [with_gaze.copy().field_name(at) for at in range(10)] == [*names, "gaze", "gaze"]
    assert [without.field_name(at) for at in range(10)] == [*names, "expression", "expression"]
