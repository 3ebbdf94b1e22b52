"""The pictures of a session for a viewer alone: /view, which OBS opens."""

from __future__ import annotations

import asyncio

from starlette.websockets import WebSocket, WebSocketDisconnect

from reenact.serve.auth import PROTOCOL
from reenact.serve.outbox import Outbox
from reenact.serve.seats import Seats


async def watch(websocket: WebSocket, seats: Seats) -> None:
    """The pictures of the newest session, for /view: nothing is received on this socket but its end."""
    if PROTOCOL not in websocket.scope.get("subprotocols", []):
        await websocket.close(1002, f"speak {PROTOCOL}")
        return
    await websocket.accept(subprotocol=PROTOCOL)
    outbox, watched = Outbox(), None
    gone = asyncio.create_task(websocket.receive())
    try:
        while not gone.done():
            newest = seats.lives[-1] if seats.lives else None
            if newest is not watched:
                if watched is not None:
                    watched.viewers.discard(outbox)
                if newest is not None:
                    newest.watch(outbox)
                watched = newest
            taking = asyncio.create_task(outbox.take())
            await asyncio.wait([taking, gone], timeout=1.0, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                taking.cancel()
                continue
            one = taking.result()
            await (websocket.send_text(one) if isinstance(one, str) else websocket.send_bytes(one))
    except (WebSocketDisconnect, RuntimeError):
        pass
    finally:
        gone.cancel()
        if watched is not None:
            watched.viewers.discard(outbox)
