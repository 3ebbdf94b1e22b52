"""A page of a served session without a browser: the live socket as a page speaks it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from reenact.serve.wire import FROM_PAGE, FROM_SERVER, JPEG
from serve_client import BASE, TOKEN, jpeg

LIVE, VIEW = (f"{BASE.replace('http', 'ws')}/api/{name}" for name in ("live", "view"))
SPOKEN = ["reenact.1", f"token.{TOKEN}"]


class Page:
    """A page without a browser."""

    def __init__(self, opened: Any) -> None:
        self.socket = opened
        self.texts: list[dict] = []
        self.pictures: list[tuple[int, int, float, bytes]] = []
        """kind, number, captured, JPEG"""

    def say(self, **message: Any) -> None:
        self.socket.send_text(json.dumps(message))

    def frame(self, image: np.ndarray, number: int, captured: float) -> None:
        self.socket.send_bytes(FROM_PAGE.pack(JPEG, number, captured) + jpeg(image))

    def one(self) -> None:
        """The next message, kept."""
        message = self.socket.receive()
        if message["type"] == "websocket.close":
            raise WebSocketDisconnect(message["code"], message.get("reason"))
        if message.get("text") is not None:
            self.texts.append(json.loads(message["text"]))
        else:
            kind, number, captured, *_ = FROM_SERVER.unpack_from(message["bytes"])
            self.pictures.append((kind, number, captured, message["bytes"][FROM_SERVER.size :]))

    def until(self, true: Any) -> Any:
        for _ in range(400):
            if found := true():
                return found
            self.one()
        raise AssertionError("it never came")

    def text(self, kind: str, **wanted: Any) -> dict:
        """The first text of a kind, with these values; taken out."""

        def there() -> dict | None:
            return next((t for t in self.texts if t["type"] == kind and wanted.items() <= t.items()), None)

        found = self.until(there)
        self.texts.remove(found)
        return found

    def picture(self, number: int | None = None) -> tuple[int, int, float, bytes]:
        """The first picture, or that of a frame; those before are let go."""

        def there() -> int | None:
            return next((i + 1 for i, p in enumerate(self.pictures) if number is None or p[1] == number), None)

        at = self.until(there)
        found = self.pictures[at - 1]
        del self.pictures[:at]
        return found


@contextmanager
def page(client: TestClient, session: str = "a-session", **start: Any) -> Iterator[Page]:
    """The test client's own future may end cancelled, where the server's task ends while the client goes."""
    with suppress(CancelledError), client.websocket_connect(LIVE, subprotocols=SPOKEN) as opened:
        made = Page(opened)
        made.say(type="start", session=session, **start)
        yield made
