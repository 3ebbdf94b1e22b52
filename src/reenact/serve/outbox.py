"""What waits to be sent to one socket: every text in order, of pictures the newest only."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from typing import Any

from reenact.serve.wire import JPEG, SAME

TEXTS_MAX = 256


class Outbox:
    """Filled and emptied on one event loop."""

    def __init__(self) -> None:
        self._texts: deque[str] = deque(maxlen=TEXTS_MAX)
        self._head: bytes | None = None
        self._picture: bytes | None = None
        self._more = asyncio.Event()
        self.replaced = 0
        """pictures that newer ones took the place of before they were sent"""

    def say(self, message: dict[str, Any]) -> None:
        """A text, as JSON."""
        self._texts.append(as_text(message))
        self._more.set()

    def show(self, head: bytes, picture: bytes | None) -> None:
        """head: wire.header; picture: None where it is the one before, which may still be waiting here."""
        if picture is not None:
            self.replaced += self._picture is not None
            self._picture = picture
        elif self._picture is not None:
            head = bytes([JPEG]) + head[1:]
        self._head = head
        self._more.set()

    async def take(self) -> str | bytes:
        """What is to be sent next, once there is something."""
        while True:
            if self._texts:
                return self._texts.popleft()
            if self._head is not None:
                head, picture, self._head, self._picture = self._head, self._picture, None, None
                assert picture is not None or head[0] == SAME
                return head + (picture or b"")
            self._more.clear()
            await self._more.wait()


def as_text(message: dict[str, Any]) -> str:
    """A message as it is sent."""
    return json.dumps(message, separators=(",", ":"))
