"""A picture is measured once: the still source, and a driver that several sources share, come again and again."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

from reenact.core.types import Image

Read = TypeVar("Read")
CAPACITY = 2048
"""ours: a result is some 15 kB, so 30 MB a process; a clip of a minute fits"""


class Memo(Generic[Read]):
    """The landmarker's last estimates by the pictures' contents. Not thread-safe."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        """capacity: how many results are kept, the latest used."""
        self._capacity = capacity
        self._kept: OrderedDict[bytes, Read] = OrderedDict()

    def get(self, image: Image, read: Callable[[Image], Read]) -> Read:
        """What `read` gives for this picture, now or when its like was last seen. The result must not be changed."""
        key = hashlib.blake2b(repr(image.shape).encode() + image.tobytes(), digest_size=16).digest()
        if key not in self._kept:
            self._kept[key] = read(image)
            if len(self._kept) > self._capacity:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]
