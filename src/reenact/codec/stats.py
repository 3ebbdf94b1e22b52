"""What a call's bits are spent on."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from fractions import Fraction
from typing import Any

from reenact.codec.container import Header, read_opened, size_in_file
from reenact.codec.packet import read_head
from reenact.codec.profile import Profile


@dataclass(frozen=True)
class Stats:
    """Of one file."""

    method: str
    frames: int
    rate: float
    """frames a second"""
    sent_frames: int
    packets: int
    key_packets: int
    once_bytes: int
    portrait_bytes: int
    start: float
    """second of the driver's file at which the first frame is"""
    kbps: dict[str, float]
    """by field, kbit/s: the ideal code length of its bits; `packets` is what framing and rounding to bytes add"""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(profile: Profile, header: Header, data: bytes, begin: int, start: Fraction = Fraction(0)) -> Stats:
    """Of a whole file, whose packets begin at byte `begin`; start: `Call.start`. Raises ReenactError as `read_frames` does."""
    bits: Counter[str] = Counter()
    packets = keys = sent = 0
    last, stream = -1, 1
    for packet, opened in read_opened(profile, header, data, begin):
        packets, keys, stream = packets + 1, keys + read_head(packet).key, stream + size_in_file(packet)
        sent, last = sent + len(opened.frames), opened.frames[-1].number
        bits.update(opened.point.state.fields)
    frames = header.frames or last + 1
    seconds = max(frames, 1) / float(header.rate)
    total = 8 * stream
    spent = {**bits, "packets": total - sum(bits.values()), "total": total}
    kbps = {name: round(value / seconds / 1000, 4) for name, value in spent.items()}
    portrait = len(header.portrait)
    once = len(data) - stream
    return Stats(header.method, frames, float(header.rate), sent, packets, keys, once, portrait, float(start), kbps)
