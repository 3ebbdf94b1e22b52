"""Freed memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys


def give_back() -> None:
    """After much has been freed at once: compiling a method's graphs leaves 40 MB that glibc keeps for itself (`malloc_trim` in
    its manual). Other allocators do so unasked; there nothing happens."""
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
