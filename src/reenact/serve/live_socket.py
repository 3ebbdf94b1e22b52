"""The live socket of one page: frames and orders in, pictures and states out.

Texts are JSON objects with a `type`. From the page: start {session, portrait, control, take_over} first; then portrait
{portrait}, steer {...}, calibrate, phone {on, app, where, axes}, record {on}, alive. From the server: next (send your newest
frame), state (twice a second), portrait, recording, recorded, error {line}. Binary: wire.py. Closed with 4408 (silent), 4409
(taken over), 4429 (all seats taken, the reason says how many wait), 1008 (too much), 1011 (the session failed).
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from reenact.core.errors import ReenactError
from reenact.live.session import Frame, Steer
from reenact.live.sources import TrackerSource
from reenact.serve.auth import PROTOCOL
from reenact.serve.jobs import Jobs
from reenact.serve.limits import MESSAGE_MAX, Rate
from reenact.serve.outbox import Outbox
from reenact.serve.portraits import Portraits
from reenact.serve.recorder import Recorder
from reenact.serve.seats import Busy, Live, Seats
from reenact.serve.settings import Settings
from reenact.serve.steering import parse_steer, read_object
from reenact.serve.wire import decode_jpeg, read_frame
from reenact.tracking.reading import Axes
from reenact.tracking.receiver import Tracker

SILENT_SECONDS = 30.0
START_SECONDS = 10.0
STATE_SECONDS = 0.5
PAUSED_SECONDS = 2.0
"""ours: without a frame for so long, what is seen stands"""


@dataclass(frozen=True)
class Rooms:
    """What a socket needs of the server."""

    settings: Settings
    seats: Seats
    portraits: Portraits
    jobs: Jobs


class _Ended(Exception):
    """The socket is to be closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(code, reason)
        self.code, self.reason = code, reason


class LiveSocket:
    """One socket, from its first message to its last."""

    def __init__(self, websocket: WebSocket, rooms: Rooms) -> None:
        self._socket, self._rooms = websocket, rooms
        self._outbox = Outbox()
        self._rate = Rate()
        self._offered = 0.0
        self._ending: asyncio.Future[_Ended] = asyncio.get_running_loop().create_future()
        self._asides: set[asyncio.Task[None]] = set()

    async def serve(self) -> None:
        """Until one of both sides ends it."""
        if PROTOCOL not in self._socket.scope.get("subprotocols", []):
            await self._socket.close(1002, f"speak {PROTOCOL}")
            return
        await self._socket.accept(subprotocol=PROTOCOL)
        try:
            live = await self._begin()
        except _Ended as ended:
            await self._close(ended)
            return
        except WebSocketDisconnect:
            return
        try:
            await self._run(live)
        finally:
            for task in self._asides:
                task.cancel()
            if live.outbox is self._outbox:
                self._rooms.seats.leave(live)

    async def _begin(self) -> Live:
        try:
            message = await asyncio.wait_for(self._socket.receive(), START_SECONDS)
        except TimeoutError:
            raise _Ended(4408, "silent") from None
        if message["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(message.get("code", 1005))
        try:
            start = read_object(message.get("text"))
        except ReenactError as error:
            raise _Ended(1008, str(error)) from None
        client = start.get("session")
        if start.get("type") != "start" or not isinstance(client, str) or not 8 <= len(client) <= 64:
            raise _Ended(1008, "the first message must be start, with a session of 8 to 64 letters")
        try:
            live = await self._rooms.seats.take(client, start.get("take_over") is True)
        except Busy as busy:
            raise _Ended(4429, busy.reason) from None
        self._say({"type": "started", "session": client})
        live.attach(self._outbox, self._end)
        try:
            await self._order(live, {**start, "type": "start"})
        except ReenactError as error:
            self._say({"type": "error", "about": "steer", "line": str(error)})
        return live

    async def _run(self, live: Live) -> None:
        work: list[Coroutine[Any, Any, None]] = [self._receive(live), self._send(live), self._tell(live)]
        tasks = [asyncio.create_task(one) for one in work]
        await asyncio.wait([*tasks, self._ending], return_when=asyncio.FIRST_COMPLETED)
        for task in tasks:
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        ended = self._ending.result() if self._ending.done() else next((r for r in results if isinstance(r, _Ended)), None)
        if ended is not None:
            await self._close(ended)
        for result in results:
            if isinstance(result, Exception) and not isinstance(result, _Ended | WebSocketDisconnect | RuntimeError):
                raise result

    async def _receive(self, live: Live) -> None:
        while True:
            try:
                message = await asyncio.wait_for(self._socket.receive(), SILENT_SECONDS)
            except TimeoutError:
                raise _Ended(4408, "silent") from None
            if message["type"] == "websocket.disconnect":
                return
            live.heard = time.monotonic()
            text, data = message.get("text"), message.get("bytes")
            if not self._rate.take() or len(text or data or b"") > MESSAGE_MAX:
                raise _Ended(1008, "too many or too large messages")
            try:
                if data is not None:
                    self._frame(live, data)
                else:
                    await self._order(live, read_object(text))
            except ReenactError as error:
                self._say({"type": "error", "line": str(error)})

    def _frame(self, live: Live, data: bytes) -> None:
        """A camera frame. One that cannot be read is answered by an error and by `next`, so that the page goes on."""
        try:
            frame = read_frame(data)
            image = decode_jpeg(frame.jpeg)
        except ReenactError:
            self._say({"type": "next"})
            raise
        self._offered = time.monotonic()
        live.offer(Frame(image, frame.captured / 1000, frame.number))

    async def _order(self, live: Live, given: dict[str, Any]) -> None:
        kind = given.get("type")
        if kind == "start":
            if isinstance(given.get("portrait"), str):
                self._portrait(live, given["portrait"])
            if isinstance(given.get("control"), dict):
                self._aside(live.session.steer(parse_steer(given["control"])), "steer")
        elif kind == "portrait":
            self._portrait(live, str(given.get("portrait")))
        elif kind == "steer":
            self._aside(live.session.steer(parse_steer(given)), "steer")
        elif kind == "calibrate":
            self._aside(live.session.steer(Steer(calibrate=True)), "calibrate")
        elif kind == "phone":
            try:
                await self._phone(live, given)
            except ReenactError as error:
                self._say({"type": "error", "about": "phone", "line": str(error)})
        elif kind == "record":
            await self._record(live, given.get("on") is True)
        elif kind != "alive":
            raise ReenactError(f"unknown message {str(kind)[:30]!r}: reload the page")

    def _portrait(self, live: Live, id: str) -> None:
        if live.portrait == id:
            self._say({"type": "portrait", "portrait": id})
            return
        try:
            sent = self._rooms.portraits.get(id)
        except ReenactError as error:
            self._say({"type": "error", "about": "portrait", "line": str(error)})
            return

        def taken() -> None:
            live.portrait = id
            self._say({"type": "portrait", "portrait": id})

        self._aside(live.session.portrait(sent.photo, sent.face), "portrait", taken)

    def _aside(self, future: Any, about: str, then: Callable[[], None] | None = None) -> None:
        """Waits beside the socket's own work; the error of what was ordered goes to the page."""

        async def waiting() -> None:
            try:
                await asyncio.wrap_future(future)
                if then is not None:
                    then()
            except ReenactError as error:
                self._say({"type": "error", "about": about, "line": str(error)})

        task = asyncio.create_task(waiting())
        self._asides.add(task)
        task.add_done_callback(self._asides.discard)

    async def _phone(self, live: Live, given: dict[str, Any]) -> None:
        """{on, app, where, axes}: as `reenact live --from APP:WHERE --axes AXES`. The one before lets its port go first."""
        await live.track(None)
        if given.get("on") is not True:
            return
        tracker = Tracker.of(str(given.get("app")), str(given.get("where") or "").strip())
        axes = Axes.parse(str(given["axes"])) if given.get("axes") else Axes()
        await live.track(TrackerSource(tracker, axes))

    async def _record(self, live: Live, on: bool) -> None:
        if on and live.recorder is None:
            jobs = self._rooms.jobs
            try:
                job, path = jobs.finished("record", ".mp4")
            except OSError as error:
                reason = f"the recording cannot be written ({error.strerror})"
                raise ReenactError(f"{reason}: free some space in the server's folder") from None

            def recorded(film: Recorder) -> dict[str, Any]:
                jobs.close(job.id, film.error, film.frames)
                return {"type": "recorded", "job": job.id, "seconds": film.seconds, "why": film.ended, "error": film.error}

            try:
                live.record(Recorder(path, self._rooms.settings.max_minutes), recorded)
            except ReenactError as error:
                jobs.close(job.id, str(error))
                raise ReenactError("the recording cannot be written: free some space in the server's folder") from None
            self._say({"type": "recording", "job": job.id})
        elif not on:
            await live.finish()

    async def _send(self, live: Live) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            while True:
                one = await self._outbox.take()
                if isinstance(one, bytes):
                    await self._socket.send_bytes(one)
                    continue
                await self._socket.send_text(one)
                live.sent(one)

    async def _tell(self, live: Live) -> None:
        while True:
            if live.portrait is not None:
                with contextlib.suppress(ReenactError):
                    self._rooms.portraits.get(live.portrait)
            if live.recorder is not None and not live.recorder.running:
                live.finish()
            self._say(self._state(live))
            await asyncio.sleep(STATE_SECONDS)

    def _state(self, live: Live) -> dict[str, Any]:
        summary = live.session.summary()
        return {
            "type": "state",
            "face": summary.face,
            "paused": live.tracker is None and live.open_peer is None and time.monotonic() - self._offered > PAUSED_SECONDS,
            "rate": round(summary.rate, 2),
            "frames": summary.frames,
            "drawn": summary.drawn,
            "dropped": summary.dropped,
            "stages": {name: round(1000 * spread.median, 2) for name, spread in summary.stages.items()},
            "recording": None if live.recorder is None else round(live.recorder.seconds, 2),
            "viewers": len(live.viewers),
            "trouble": None if live.tracker is None else live.tracker.trouble(),
        }

    def _say(self, message: dict[str, Any]) -> None:
        self._outbox.say(message)

    def _end(self, code: int, reason: str) -> None:
        if not self._ending.done():
            self._ending.set_result(_Ended(code, reason))

    async def _close(self, ended: _Ended) -> None:
        with contextlib.suppress(RuntimeError, WebSocketDisconnect):
            await self._socket.close(ended.code, ended.reason)
