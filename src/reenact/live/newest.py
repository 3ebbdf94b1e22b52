"""One place instead of a queue: what was not taken in time is replaced, so that delay cannot grow."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Item = TypeVar("Item")


class Newest(Generic[Item]):
    """Holds at most one item, from any thread to one thread. `put` replaces and never waits; `take` waits."""

    def __init__(self) -> None:
        self._item: Item | None = None
        self._changed = threading.Condition()
        self._closed = self._woken = False
        self._replaced = 0

    @property
    def replaced(self) -> int:
        """How many items were put and never taken, since newer ones came."""
        with self._changed:
            return self._replaced

    @property
    def closed(self) -> bool:
        """Whether nothing will come any more and nothing waits."""
        with self._changed:
            return self._closed and self._item is None

    def put(self, item: Item) -> None:
        """Replaces what waits. After `close` the item is let go."""
        with self._changed:
            if self._closed:
                return
            self._replaced += self._item is not None
            self._item = item
            self._changed.notify()

    def take(self, timeout: float | None = None) -> Item | None:
        """What waits, once there is something; None after `timeout` seconds, after `wake`, or when it is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._item is not None or self._closed or self._woken, timeout)
            item, self._item, self._woken = self._item, None, False
            return item

    def wake(self) -> None:
        """The `take` that waits, or else the next one, comes back at once."""
        with self._changed:
            self._woken = True
            self._changed.notify()

    def close(self) -> None:
        """What waits may still be taken; nothing else comes."""
        with self._changed:
            self._closed = True
            self._changed.notify()
