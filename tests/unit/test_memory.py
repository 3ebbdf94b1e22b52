"""What was freed goes back to the system."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path

import pytest

from reenact.core.memory import begin_loading, end_loading, give_back

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
    begin_loading()
    end_loading()


GROWS = """
import sys
from reenact.core.memory import begin_loading, end_loading
if sys.argv[1] != "much":
    begin_loading()
if sys.argv[1] == "ended":
    end_loading()
bytearray(8_000_000)
held = [bytearray(1_000_000) for _ in range(60)]
del held[1::2]
print(int(open("/proc/self/statm").read().split()[1]) * 4096)
"""


@pytest.mark.skipif(
    not sys.platform.startswith("linux") or not hasattr(ctypes.CDLL(None), "mallopt"), reason="another allocator than glibc's"
)
def test_large_blocks_leave_no_holes_while_networks_are_loaded():
    """Half of 60 MB freed, every second one: the holes stay where glibc has raised its limit (by the first, of 8 MB), and where
    buffers are to be had again without the system."""
    much, little, ended = (
        int(subprocess.run([sys.executable, "-c", GROWS, how], capture_output=True, text=True, check=True).stdout)
        for how in ("much", "little", "ended")
    )
    assert much - little > 20 * MB and ended - little > 20 * MB
