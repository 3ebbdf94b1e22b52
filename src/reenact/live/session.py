"""The live loop: frames in from any thread, pictures out where `Session.frames` is iterated, and nothing queued between.

source --offer--> [Newest] --take--> encode --> transfer --wanted!--> render --> Shown
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Lock

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.live.asking import Asking
from reenact.live.follower import FaceState, Follower, Frame, Rules, Shown
from reenact.live.newest import Newest
from reenact.live.stages import Spread, Stages, Times
from reenact.live.steer import Steer
from reenact.pipeline.control import Control
from reenact.provenance.marks import MARKS, Marks
from reenact.runtime.engine import ENGINE, Engine

__all__ = ["LIVE", "RULES", "Frame", "Rules", "Session", "Shown", "Steer", "Summary"]

LIVE = Control(smooth=0.5)
"""ours: the filter is at most 40 ms late at half strength, and who watches counts that as delay"""
RULES = Rules()
IDLE = 1.0
"""ours: seconds that nothing need happen for; so that Ctrl-C is heard on every system"""
FAILURES = 3
"""ours: so many frames in a row that a stage fails at are no accident"""


@dataclass(frozen=True)
class Summary:
    """How a session goes."""

    frames: int
    drawn: int
    """frames that a picture was rendered for; for the others nothing had moved"""
    replaced: int
    """frames that newer ones took the place of before they were looked at"""
    stale: int
    """frames that had waited too long"""
    failed: int
    """frames that an error ended"""
    rate: float
    """frames a second over the last ten seconds"""
    face: FaceState
    running: bool
    """whether there is a portrait and the networks are loaded"""
    stages: dict[str, Spread]
    """of each stage and of "total", seconds: the last ten seconds or the whole session"""

    @property
    def dropped(self) -> int:
        return self.replaced + self.stale


class Session:
    """One portrait that follows one driver. Everything but `frames` may be called from any thread and returns at once."""

    def __init__(
        self,
        engine: Engine = ENGINE,
        control: Control = LIVE,
        *,
        rules: Rules = RULES,
        wanted: Callable[[], None] | None = None,
        marks: Marks = MARKS,
    ) -> None:
        """wanted: called, from a thread of the session's, whenever a frame is of use: once there is a portrait, and after that so
        long before a rendering's end as the frames need to come (asking.py). marks: what every picture carries of
        being synthetic (provenance/output.py); a file's label is its writer's. Raises ReenactError for a bad control."""
        control.check()
        self._engine, self._control, self._rules, self._marks = engine, control, rules, marks
        self._asking = Asking(wanted) if wanted is not None else None
        self._newest: Newest[tuple[Frame, float]] = Newest()
        self._orders: deque[tuple[Callable[[Follower], None], Future[None]]] = deque()
        self._lock = Lock()
        self._stages = Stages()
        self._face: FaceState = "home"
        self._running = False
        self.weights: tuple[str, str] | None = None
        """the method's name and its weights' fingerprint, once they are loaded: what a take says of itself"""

    def portrait(self, photo: Image, face: int = 1) -> Future[None]:
        """Before the next frame, this photo's `face`-th largest face takes the place of the portrait.

        The future holds the ReenactError of a photo without such a face; the old portrait stays then.
        """
        return self._order(lambda follower: follower.portrait(photo, face))

    def steer(self, steer: Steer) -> Future[None]:
        """Before the next frame. The future holds the ReenactError of what cannot be; nothing has changed then."""
        return self._order(lambda follower: follower.steer(steer))

    def offer(self, frame: Frame) -> None:
        """The newest frame; one that was not taken yet is forgotten."""
        self._newest.put((frame, time.monotonic()))
        if self._asking is not None:
            self._asking.came()

    def close(self) -> None:
        """`frames` ends after what waits."""
        self._newest.close()

    def summary(self, whole: bool = False) -> Summary:
        """whole: stages over the session instead of the last ten seconds."""
        now = time.monotonic()
        with self._lock:
            held = self._stages
            stages = held.whole() if whole else held.now(now)
            counts = held.frames, held.drawn, self._newest.replaced, held.stale, held.failed
            return Summary(*counts, held.rate(now), self._face, self._running, stages)

    def frames(self) -> Iterator[Shown]:
        """Pictures as they come, until `close`; the thread that iterates loads the networks and runs them.

        Raises ReenactError where the method cannot be loaded, and when three frames in a row fail.
        """
        try:
            method = self._engine.load()
            self.weights = method.name, method.fingerprint
            follower = Follower(method, self._control, self._rules, self._marks)
            yield from self._loop(follower)
        finally:
            self.close()
            if self._asking is not None:
                self._asking.close()
            while self._orders:
                self._orders.popleft()[1].cancel()

    def _loop(self, follower: Follower) -> Iterator[Shown]:
        in_a_row = 0
        while True:
            if self._asking is not None:
                self._asking.ready()
            due = follower.due(time.monotonic())
            taken = self._newest.take(IDLE if due is None else min(due, IDLE))
            self._carry_out(follower)
            if taken is None and self._newest.closed:
                return
            try:
                shown = self._next(follower, taken)
                in_a_row = 0 if shown is not None else in_a_row
            except Exception as error:
                in_a_row += 1
                with self._lock:
                    self._stages.failed += 1
                if in_a_row == FAILURES:
                    reason = " ".join(str(error).split()) or type(error).__name__
                    raise ReenactError(f"{FAILURES} frames in a row failed, the session ends: {reason}") from error
                self._want()
                continue
            if shown is not None:
                yield shown

    def _next(self, follower: Follower, taken: tuple[Frame, float] | None) -> Shown | None:
        now = time.monotonic()
        if not follower.ready:
            return None
        if taken is None:
            shown = follower.tick(now)
        elif now - taken[1] > self._rules.stale:
            with self._lock:
                self._stages.stale += 1
            self._want()
            return None
        else:
            shown = follower.frame(taken[0], Times(wait=now - taken[1]), now, self._want)
            follower.ended(time.monotonic())
        if shown is not None:
            with self._lock:
                self._face = shown.face
                if taken is not None:
                    self._stages.add(shown.stages, time.monotonic(), shown.drawn)
        return shown

    def _carry_out(self, follower: Follower) -> None:
        """What was ordered meanwhile; errors go to who ordered."""
        while self._orders:
            order, future = self._orders.popleft()
            if not future.set_running_or_notify_cancel():
                continue
            was_ready = follower.ready
            try:
                order(follower)
            except Exception as error:
                future.set_exception(error)
                continue
            future.set_result(None)
            if follower.ready and not was_ready:
                self._running = True
                self._want()

    def _want(self, rendering: bool = False) -> None:
        """A frame is of use: at once, or when what is being rendered is done."""
        if self._asking is not None:
            self._asking.rendering() if rendering else self._asking.now()

    def _order(self, order: Callable[[Follower], None]) -> Future[None]:
        future: Future[None] = Future()
        self._orders.append((order, future))
        self._newest.wake()
        return future
