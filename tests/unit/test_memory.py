"""What was freed goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from reenact.core.memory import give_back

MB = 1_000_000


def resident() -> int:
    """Bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "malloc_trim"), reason="another allocator than glibc's"
)
def test_what_was_freed_goes_back_to_the_system():
    held = [bytearray(2000) for _ in range(40_000)]
    pins = [bytearray(2000) for _ in range(10)]  # above them, so that the heap's end stays where it is
    del held
    before = resident()
    give_back()
    assert before - resident() > 40 * MB and len(pins) == 10


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)
    give_back()
