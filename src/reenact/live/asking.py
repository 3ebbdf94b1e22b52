"""When the next frame is asked for: so that it comes when the one before it has been rendered, neither later nor much sooner."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterable

KEPT = 15
"""ours: frames that the estimates are made from: a second or two"""
SLOWEST = 0.75
"""ours: so many of the frames come within the time that is allowed for; one that comes later costs a pause, and no delay"""


class Asking:
    """Calls `wanted` from a thread of its own. Its methods may be called from any thread, and return at once.

    A frame that comes while one is rendered waits for the rendering's end, and all of its wait is delay. So one is asked for
    before that end by as long as the last ones took from the question to the answer (encoding, network, decoding).
    """

    def __init__(self, wanted: Callable[[], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._wanted, self._clock = wanted, clock
        self._changed = threading.Condition()
        self._due: float | None = None
        self._asked: float | None = None
        self._began: float | None = None
        self._coming: deque[float] = deque(maxlen=KEPT)
        self._rendering: deque[float] = deque(maxlen=KEPT)
        self._closed = False
        self._thread: threading.Thread | None = None

    def now(self) -> None:
        """Asks at once."""
        self._ask_at(self._clock())

    def rendering(self) -> None:
        """A picture is being rendered from now on: asks in time for its end."""
        now = self._clock()
        with self._changed:
            self._began = now
        self._ask_at(now + self.pause())

    def pause(self) -> float:
        """Seconds that a rendering goes on before the next frame is asked for, as far as the last ones tell."""
        with self._changed:
            return max(0.0, _quantile(self._rendering, 0.5) - _quantile(self._coming, SLOWEST))

    def ready(self) -> None:
        """The next frame could be used from now on."""
        with self._changed:
            if self._began is not None:
                self._rendering.append(self._clock() - self._began)
                self._began = None

    def came(self) -> None:
        """A frame has come."""
        with self._changed:
            if self._asked is not None:
                self._coming.append(self._clock() - self._asked)
                self._asked = None

    def close(self) -> None:
        """Nothing is asked any more."""
        with self._changed:
            self._closed, self._due = True, None
            self._changed.notify()

    def _ask_at(self, due: float) -> None:
        with self._changed:
            if self._closed:
                return
            self._due = due
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="reenact-asking", daemon=True)
                self._thread.start()
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._closed and (self._due is None or self._due > self._clock()):
                    self._changed.wait(None if self._due is None else self._due - self._clock())
                if self._closed:
                    return
                self._due, self._asked = None, self._clock()
            self._wanted()


def _quantile(values: Iterable[float], share: float) -> float:
    """0 where there are none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
