"""Rendering seats: each has its networks, loaded once, and at most one page whose session runs in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.live.session import Frame, Session, Shown
from reenact.live.sources import TrackerSource
from reenact.pipeline.control import Control
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import OnnxMethod
from reenact.serve.outbox import Outbox, as_text
from reenact.serve.recorder import Recorder
from reenact.serve.wire import JPEG, SAME, encode_jpeg, header

GRACE_SECONDS = 30.0
"""how long a page that went away finds its session, with its reference, again"""
WAITING_SECONDS = 20.0
"""a page that was turned away counts as waiting for so long; it asks again every 15 s at least"""
JOIN_SECONDS = 15.0
UNHEARD = 64
"""ours: clients that have gone and whose recordings are remembered, the last ones"""


@dataclass(frozen=True)
class Kept(Engine):
    """An engine whose method is loaded once and used by one session after another."""

    _held: list[OnnxMethod] = field(default_factory=list, compare=False, repr=False)

    def load(self, series: bool = False) -> OnnxMethod:
        if not self._held:
            self._held.append(super().load(series))
        return self._held[0]


class Busy(Exception):
    """All seats are taken."""

    def __init__(self, waiting: int) -> None:
        super().__init__(waiting)
        self.waiting = waiting

    @property
    def reason(self) -> str:
        """Of a WebSocket's close: JSON, at most 123 bytes."""
        return json.dumps({"waiting": self.waiting})


class Peer(Protocol):
    """A page's connection for pictures besides its socket. On the event loop."""

    id: str
    open: bool
    """whether pictures can go that way yet"""

    def show(self, image: Image) -> None:
        """The newest rendered picture."""
        ...

    def want(self) -> None:
        """The session asks for a frame."""
        ...

    async def close(self) -> None:
        """On return `Live.peer` is another one or None."""
        ...


class Live:
    """One page's session: its thread, its sockets, its recording. Made and used on the event loop."""

    def __init__(self, client: str, engine: Engine, smooth: float) -> None:
        self.client = client
        self.portrait: str | None = None
        """id of the portrait being animated"""
        self.outbox: Outbox | None = None
        self.viewers: set[Outbox] = set()
        self.recorder: Recorder | None = None
        self.unheard: list[dict[str, Any]] = []
        """`recorded` messages that no page has been sent yet"""
        self._recorded: Callable[[Recorder], dict[str, Any]] = _nothing
        self._finishing: set[asyncio.Task[None]] = set()
        self.tracker: TrackerSource | None = None
        """a phone or a program in the network, in place of the page's camera"""
        self.peer: Peer | None = None
        """takes the pictures in place of the socket, and brings the camera's (rtc.py)"""
        self.left: float | None = None
        """when the page went away; None while it is there"""
        self.began = self.heard = time.monotonic()
        self.closed: Callable[[int, str], None] = _nobody
        """ends the socket that is there, with a code and a reason"""
        self.error: str | None = None
        self._loop = asyncio.get_running_loop()
        self._last: bytes | None = None
        self._image: np.ndarray | None = None
        self.session = Session(engine, Control(smooth=smooth), wanted=self._wanted)
        self._thread = threading.Thread(target=self._run, name="reenact-live", daemon=True)
        self._thread.start()

    @property
    def open_peer(self) -> Peer | None:
        """`peer`, once pictures can go that way."""
        return self.peer if self.peer is not None and self.peer.open else None

    def offer(self, frame: Frame) -> None:
        self.session.offer(frame)

    def record(self, recorder: Recorder, recorded: Callable[[Recorder], dict[str, Any]]) -> None:
        """From now on, beginning with what is seen. recorded: called once the file is whole; gives the message to the page."""
        if self._image is not None:
            recorder.add(self._image)
        self.recorder, self._recorded = recorder, recorded

    def finish(self) -> asyncio.Future[list[None]]:
        """Ends the recording, if one runs. A task of its own does it: it goes on when whoever waits for it is cancelled."""
        if self.recorder is not None:
            task = asyncio.create_task(self._finish(self.recorder, self._recorded))
            self._finishing.add(task)
            task.add_done_callback(self._finishing.discard)
            self.recorder, self._recorded = None, _nothing
        return asyncio.shield(asyncio.gather(*self._finishing))

    async def _finish(self, recorder: Recorder, recorded: Callable[[Recorder], dict[str, Any]]) -> None:
        await asyncio.to_thread(recorder.stop)
        message = recorded(recorder)
        self.unheard.append(message)
        self._say(message)

    def sent(self, text: str) -> None:
        """A text has gone to the page: what it said of a recording need not be said again."""
        if self.unheard:
            self.unheard = [message for message in self.unheard if as_text(message) != text]

    def attach(self, outbox: Outbox, closed: Callable[[int, str], None]) -> None:
        """The page's socket; where the session runs already (the page came back) its picture, what became of a recording
        meanwhile, and a frame is asked for."""
        self.outbox, self.closed, self.heard = outbox, closed, time.monotonic()
        for message in self.unheard:
            outbox.say(message)
        if self._last is not None:
            outbox.show(header(JPEG, -1, 0.0, (0, 0, 0, 0)), self._last)
        if self.portrait is not None:
            outbox.say({"type": "next"})

    def watch(self, outbox: Outbox) -> None:
        """One more socket that gets every picture, beginning with the last."""
        self.viewers.add(outbox)
        if self._last is not None:
            outbox.show(header(JPEG, -1, 0.0, (0, 0, 0, 0)), self._last)

    async def track(self, source: TrackerSource | None) -> None:
        """Driven by this tracker from now on; None: by the page."""
        before, self.tracker = self.tracker, source
        if before is not None:
            await asyncio.to_thread(before.close)
        if source is not None:
            source.start(self.session)

    async def end(self) -> None:
        """The session ends; its recording is finished."""
        finished = self.finish()
        await self.track(None)
        if self.peer is not None:
            await self.peer.close()
        self.session.close()
        await finished
        await asyncio.to_thread(self._thread.join, JOIN_SECONDS)

    def _run(self) -> None:
        try:
            for shown in self.session.frames():
                self._shown(shown)
        except ReenactError as error:
            self._post(self._failed, str(error))
        except Exception as error:
            self._post(self._failed, f"the session failed ({type(error).__name__}): reload the page")
            raise

    def _shown(self, shown: Shown) -> None:
        """On the session's thread."""
        picture = encode_jpeg(shown.image) if shown.drawn and (self.open_peer is None or self.viewers) else None
        if shown.drawn and (recorder := self.recorder) is not None:
            recorder.add(shown.image)
        times = shown.stages
        kind = SAME if picture is None else JPEG
        stages = times.wait, times.track, times.read, times.draw
        self._image = shown.image
        self._post(self._publish, header(kind, shown.number, float(shown.captured) * 1000, stages), picture, shown)

    def _publish(self, head: bytes, picture: bytes | None, shown: Shown) -> None:
        self._last = picture or self._last
        if (peer := self.open_peer) is not None:
            if shown.drawn:
                peer.show(shown.image)
        elif self.outbox is not None:
            if shown.drawn and picture is None:  # the peer has gone meanwhile
                head, picture = bytes([JPEG]) + head[1:], encode_jpeg(shown.image)
            self.outbox.show(head, picture)
        if picture is not None:
            for viewer in self.viewers:
                viewer.show(head, picture)

    def _wanted(self) -> None:
        self._post(self._ask)

    def _ask(self) -> None:
        if (peer := self.open_peer) is not None:
            peer.want()
        self._say({"type": "next"})

    def resume(self) -> None:
        """The peer has come or gone: the picture that stands goes the way that is left, and a frame is asked for."""
        if (peer := self.open_peer) is not None and self._image is not None:
            peer.show(self._image)
        elif peer is None and self.outbox is not None and self._image is not None:
            self.outbox.show(header(JPEG, -1, 0.0, (0, 0, 0, 0)), encode_jpeg(self._image))
        self._ask()

    def _failed(self, line: str) -> None:
        self.error = line
        self._say({"type": "error", "line": line})
        self.closed(1011, "the session failed")

    def _say(self, message: dict[str, Any]) -> None:
        if self.outbox is not None:
            self.outbox.say(message)

    def _post(self, call: Callable[..., None], *values: Any) -> None:
        """From the session's thread to the loop, which may be gone."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, *values)


class Seats:
    """So many sessions at once."""

    def __init__(self, engine: Engine, count: int, smooth: float) -> None:
        fields = {
            "method": engine.method,
            "device": engine.device,
            "threads": engine.threads,
            "background": engine.background,
            "head_size": engine.head_size,
            "precision": engine.precision,
            "renderer": engine.renderer,
        }
        self._engines = [Kept(**fields) for _ in range(count)]
        self._taken: list[Live | None] = [None] * count
        self._smooth = smooth
        self._turned_away: dict[str, float] = {}
        self._unheard: dict[str, list[dict[str, Any]]] = {}
        """of clients whose session has ended: what is said to them when they come back"""
        self._ending: set[asyncio.Task[None]] = set()
        self._lock = asyncio.Lock()
        self._closing: asyncio.Future[None] | None = None
        self.ready = False
        """whether the first seat's method has rendered a picture"""
        self.failed: str | None = None

    def warm(self) -> OnnxMethod:
        """Loads the first seat's method and renders once. Raises ReenactError. On any thread, before the first session."""
        method = self._engines[0].load()
        grey = np.full((method.size, method.size, 3), 127, np.uint8)
        portrait = method.encode_crop(grey)
        method.render(portrait, portrait.motion)
        self.ready = True
        return method

    @property
    def method(self) -> OnnxMethod:
        """The first seat's. For what it is called, not to be run."""
        return self._engines[0].load()

    @property
    def free(self) -> int:
        """Seats that a page could take without taking one over."""
        return sum(live is None or live.left is not None for live in self._taken)

    @property
    def drawing(self) -> bool:
        """Whether a page is there whose picture may have to be rendered."""
        return any(live is not None and live.left is None and live.portrait is not None for live in self._taken)

    @property
    def lives(self) -> list[Live]:
        """Those that run, newest last."""
        return sorted((live for live in self._taken if live is not None), key=lambda live: live.began)

    async def take(self, client: str, take_over: bool) -> Live:
        """The client's own session, or a free seat, or one whose page went away, or (take_over) the one longest silent.

        Raises Busy. The socket that had it is closed with 4409.
        """
        async with self._lock:
            number = self._choose(client, take_over)
            if number is None:
                now = time.monotonic()
                self._turned_away[client] = now
                self._turned_away = {name: at for name, at in self._turned_away.items() if now - at < WAITING_SECONDS}
                raise Busy(len(self._turned_away))
            self._turned_away.pop(client, None)
            live = self._taken[number]
            if live is not None:
                live.closed(4409, "taken over")
            if live is None or live.client != client or live.error is not None:
                await self._end(number)
                live = self._taken[number] = Live(client, self._engines[number], self._smooth)
                live.unheard = self._unheard.pop(client, [])
            live.left = None
            return live

    def leave(self, live: Live) -> None:
        """The page has gone; its session waits `GRACE_SECONDS` for it."""
        live.outbox, live.closed, live.left = None, _nobody, time.monotonic()
        if live.peer is not None:
            self._closing = asyncio.ensure_future(live.peer.close())

    async def tidy(self) -> None:
        """Ends sessions whose page did not come back."""
        async with self._lock:
            for number, live in enumerate(self._taken):
                if live is not None and live.left is not None and time.monotonic() - live.left > GRACE_SECONDS:
                    await self._end(number)

    async def end_all(self) -> None:
        """When the server stops."""
        async with self._lock:
            for number in range(len(self._taken)):
                await self._end(number)
            await asyncio.gather(*self._ending)

    async def _end(self, number: int) -> None:
        """A task of its own does it: whoever waits may be cancelled meanwhile."""
        live, self._taken[number] = self._taken[number], None
        if live is not None:
            task = asyncio.create_task(self._ended(live))
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)
            await asyncio.shield(task)

    async def _ended(self, live: Live) -> None:
        await live.end()
        if live.unheard:
            self._unheard[live.client] = live.unheard
            self._unheard = dict(list(self._unheard.items())[-UNHEARD:])

    def _choose(self, client: str, take_over: bool) -> int | None:
        taken = self._taken
        for number, live in enumerate(taken):
            if live is not None and live.client == client:
                return number
        for number, live in enumerate(taken):
            if live is None:
                return number
        away = [(live.left, number) for number, live in enumerate(taken) if live is not None and live.left is not None]
        if away:
            return min(away)[1]
        return min((live.heard, number) for number, live in enumerate(taken) if live is not None)[1] if take_over else None


def _nobody(code: int, reason: str) -> None:
    """Called where no socket is there."""


def _nothing(recorder: Recorder) -> dict[str, Any]:
    """Stands where nothing is recorded."""
    return {}
