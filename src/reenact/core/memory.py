"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys
import threading

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8
"""M_TRIM_THRESHOLD, M_MMAP_THRESHOLD and M_ARENA_MAX of malloc.h"""
LEAST, MOST = 128 * 1024, 32 * 1024 * 1024
"""between which glibc moves the latter by itself (mallopt(3))"""
_loading = threading.Event()


def begin_loading() -> None:
    """For a process of our own, before it loads networks: glibc raises its limit for blocks that go straight back to the system
    with each one that is freed, and heaps full of holes stay, 23 MB in `animate`. A limit that is set stays as it is. One heap
    for all threads: one each would keep its holes, too, 14 MB more."""
    _set(ARENA_MAX, 1)
    if _set(MMAP_THRESHOLD, LEAST):
        _loading.set()


def end_loading() -> None:
    """Networks are loaded: what was freed goes back (`give_back`). Where `begin_loading` was called, buffers of frames come from
    the heap again; straight from the system they would cost 8 % more CPU time, in page faults."""
    if _loading.is_set():
        _loading.clear()
        _set(MMAP_THRESHOLD, MOST)
        _set(TRIM_THRESHOLD, 2 * MOST)
    give_back()


def _set(parameter: int, value: int) -> bool:
    """False where the allocator is another than glibc's."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None) if sys.platform.startswith("linux") else None
    return mallopt is not None and bool(mallopt(parameter, value))


def give_back() -> None:
    """After much has been freed at once: compiling a method's graphs leaves 40 MB that glibc keeps for itself (`malloc_trim` in
    its manual). Other allocators do so unasked; there nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
