"""Keys in the terminal while `reenact live` runs: c calibrates, s keeps the picture, q ends. Nothing where it is no terminal."""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TextIO

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.live.session import Session, Steer
from reenact.provenance.output import MarkedOutput

LOOK = 0.2
"""ours: seconds between two passes at whether it is over"""
WORDS = "keys: c calibrate (look straight ahead), s keep the picture, q end"


class Keys:
    """A context manager that listens in a thread of its own and leaves the terminal as it was."""

    def __init__(
        self, session: Session, portrait: Path, folder: Path, say: Callable[[str], None], stream: TextIO | None = None
    ) -> None:
        """folder: where pictures are kept. stream: by default standard input."""
        self._session, self._portrait, self._folder, self._say = session, portrait, folder, say
        self._stream = sys.stdin if stream is None else stream
        self._newest: Image | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._terminal: tuple[Any, int, list[Any]] | None = None

    def show(self, image: Image) -> None:
        """The newest picture."""
        self._newest = image

    def __enter__(self) -> Keys:
        with contextlib.suppress(ImportError, OSError, ValueError, AttributeError):
            import termios
            import tty

            number = self._stream.fileno()
            # a job in the background that changed its terminal would be stopped
            if self._stream.isatty() and os.tcgetpgrp(number) == os.getpgrp():
                self._terminal = termios, number, termios.tcgetattr(number)
                tty.setcbreak(number)
                self._thread = threading.Thread(target=self._run, args=(number,), name="reenact-keys", daemon=True)
                self._thread.start()
                self._say(WORDS)
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        if self._terminal is not None:
            termios, number, before = self._terminal
            termios.tcsetattr(number, termios.TCSADRAIN, before)

    def _run(self, number: int) -> None:
        while not self._stop.is_set():
            if not select.select([number], [], [], LOOK)[0]:
                continue
            key = os.read(number, 1)
            if not key:
                return
            self.press(key.decode("latin-1").lower())

    def press(self, key: str) -> None:
        """One key; others than the three do nothing."""
        if key == "c":
            self._session.steer(Steer(calibrate=True))
            self._say("calibrated: the next face is the neutral one")
        elif key == "s":
            self._say(self._kept())
        elif key == "q":
            self._session.close()

    def _kept(self) -> str:
        if self._newest is None:
            return "no picture yet"
        stem = time.strftime("reenact-%Y%m%d-%H%M%S")
        names = (self._folder / f"{stem}{more}.png" for more in ("", *(f"-{number}" for number in range(2, 100))))
        path = next((name for name in names if not name.exists()), None)
        try:
            if path is None:
                raise ReenactError("enough pictures for one second")
            MarkedOutput(path, inputs=[("portrait", self._portrait)]).picture(self._newest)
        except ReenactError as error:
            return str(error)
        return f"{path}: kept"
