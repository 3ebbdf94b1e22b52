"""A whole clip's motion <-> the packets of a file: sixty-four frames a packet, few frames where a line will do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from reenact.codec.container import file_bytes
from reenact.codec.frame import LARGEST_GAP
from reenact.codec.packet import Coded, PacketWriter
from reenact.codec.profile import Profile
from reenact.codec.range_coder import BitWriter
from reenact.codec.rate import finest_quality
from reenact.codec.stream import DEAD_ZONE, between
from reenact.core.errors import ReenactError
from reenact.core.shapes import Float64
from reenact.core.types import Motion

KEY_SECONDS = 10
"""ours: time from one key packet of a file to the next"""
LINE_ERROR = 0.5
"""ours: a frame is left out when the line past it misses it by at most so many steps (root mean square over the numbers)"""


def encode_clip(
    profile: Profile,
    tag: int,
    motions: Sequence[Motion],
    *,
    quality: int,
    key_interval: int = 250,
    longest_gap: int = 4,
    line_error: float = LINE_ERROR,
    dead_zone: float = DEAD_ZONE,
    coder: Callable[[], BitWriter] = BitWriter,
) -> list[bytes]:
    """The packets of a clip. key_interval and longest_gap in frames; longest_gap 1 sends every frame. coder: makes what writes.

    Raises ReenactError for motions that do not fit the profile.
    """
    if not 1 <= longest_gap <= LARGEST_GAP or key_interval < 1:
        raise ReenactError(f"the longest gap must lie between 1 and {LARGEST_GAP} frames, the key interval be 1 or more")
    wanted = np.array([profile.coefficients(motion, quality) for motion in motions])
    packets: list[bytes] = []
    writer = PacketWriter(profile, tag, 0, quality=quality, coder=coder())
    at = key = 0
    while at < len(motions):
        if at - key >= key_interval:
            packets.append(writer.finish()[0])
            writer, key = PacketWriter(profile, tag, at, quality=quality, coder=coder()), at
        elif not writer.fits(at):
            packet, point = writer.finish()
            packets.append(packet)
            writer = PacketWriter(profile, tag, at, after=(writer.last, point), coder=coder())
        writer.add(at, motions[at], ramp=True, dead_zone=dead_zone)
        longest = min(longest_gap, key_interval - 1 - (at - key), len(motions) - 1 - at)  # no line ends at a key frame
        at += _gap(wanted[at:], np.array(writer.state.values, np.float64), max(1, longest), line_error)
    if writer.frames:
        packets.append(writer.finish()[0])
    return packets


def _gap(wanted: Float64[np.ndarray, "frames n"], start: np.ndarray, longest: int, line_error: float) -> int:
    """The most frames to the next one to send, so that a line from `start` passes near all that are left out."""
    for gap in range(longest, 1, -1):
        share = np.arange(1, gap)[:, None] / gap
        missed = start + (wanted[gap] - start) * share - wanted[1:gap]
        if np.sqrt(np.square(missed).mean(1)).max() <= line_error:
            return gap
    return 1


def encode_to_target(profile: Profile, tag: int, motions: Sequence[Motion], kbps: float, rate: float, **options) -> list[bytes]:
    """The finest packets whose rate is at most `kbps`. rate: frames a second. options: those of `encode_clip`."""
    most = 125.0 * kbps * len(motions) / rate

    def coded(quality: int) -> list[bytes]:
        return encode_clip(profile, tag, motions, quality=quality, **options)

    return coded(finest_quality(lambda quality: file_bytes(coded(quality)), most))


def play(coded: Iterable[Coded], count: int = 0) -> Iterator[Motion]:
    """One motion a frame: what was left out lies on a line or repeats. count: frames in all, 0 ends with the last coded."""
    last: Coded | None = None
    for frame in coded:
        gap = frame.number - (last.number if last else -1)
        for place in range(1, gap):
            shown = last or frame
            yield between(shown.motion, frame.motion, place / gap) if frame.ramp and last else shown.motion
        yield frame.motion
        last = frame
    for _ in range(count - 1 - (last.number if last else -1)):
        if last is not None:
            yield last.motion
