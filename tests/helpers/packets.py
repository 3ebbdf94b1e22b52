"""Packets of a phone, as its app sends them."""

from __future__ import annotations

import socket
import struct

HEAD = bytes.fromhex("06 00000024") + b"B5F3D2A0-1F0C-4A3F-9D6B-0C1E5A7F3B21" + bytes.fromhex("00000006") + b"iPhone"
CLOCK = struct.pack(">ifii", 3_000_000, 0.25, 60, 1)


def live_link(values: dict[int, float] | None, head: bytes = HEAD, clock: bytes = CLOCK) -> bytes:
    """A packet as the app sends it: floats by their number; None: no face."""
    if values is None:
        return head + clock
    return head + clock + b"\x3d" + struct.pack(">61f", *(values.get(i, 0.0) for i in range(61)))


def udp() -> socket.socket:
    return socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
