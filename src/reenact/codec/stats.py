"""What a call's bits are spent on."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any

from reenact.codec.container import Header, read_opened
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
    kbps: dict[str, float]
    """by field, kbit/s: the ideal code length of its bits; `packets` is what framing and rounding to bytes add"""

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def measure(profile: Profile, header: Header, data: bytes, begin: int) -> Stats:
    """Of a whole file, whose packets begin at byte `begin`. Raises ReenactError as `read_frames` does."""
    bits: Counter[str] = Counter()
    packets = keys = sent = 0
    last = -1
    for packet, opened in read_opened(profile, header, data, begin):
        packets, keys = packets + 1, keys + read_head(packet).key
        sent, last = sent + len(opened.frames), opened.frames[-1].number
        bits.update(opened.point.state.fields)
    frames = header.frames or last + 1
    seconds = max(frames, 1) / float(header.rate)
    total = 8 * (len(data) - begin)
    spent = {**bits, "packets": total - sum(bits.values()), "total": total}
    kbps = {name: round(value / seconds / 1000, 4) for name, value in spent.items()}
    portrait = len(header.portrait)
    return Stats(header.method, frames, float(header.rate), sent, packets, keys, begin, portrait, kbps)
