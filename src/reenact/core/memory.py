"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys

MMAP_THRESHOLD, KEPT = -3, 128 * 1024
"""M_MMAP_THRESHOLD of malloc.h, and the value that it begins with"""


def keep_little() -> None:
    """For a process of our own: glibc raises its limit for blocks that go straight back to the system with each one that is
    freed, up to 32 MB; then heaps full of holes stay, 35 MB in `animate`. A limit that is set stays as it is (mallopt(3))."""
    if sys.platform.startswith("linux") and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(MMAP_THRESHOLD, KEPT)


def give_back() -> None:
    """After much has been freed at once: compiling a method's graphs leaves 40 MB that glibc keeps for itself (`malloc_trim` in
    its manual). Other allocators do so unasked; there nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
