"""What a session shows, as a video at a constant rate: the last picture is held until the next."""

from __future__ import annotations

import shutil
import threading
import time
from fractions import Fraction
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.media.video import VideoWriter
from reenact.provenance.output import MarkedOutput

RATE = Fraction(25)
ROOM = 64_000_000
"""ours: bytes that the disk must have left: with fewer the recording is finished, so that it is whole and kept"""


class Recorder:
    """A thread that writes 25 frames a second. `add`, `stop` from any thread."""

    def __init__(self, path: Path, minutes: float) -> None:
        """Raises ReenactError where the file cannot be made. minutes: at most."""
        self._path, self._limit = path, int(minutes * 60 * RATE)
        self._writer = MarkedOutput(path).film(RATE)
        self._picture: Image | None = None
        self._stop, self._lock = threading.Event(), threading.Lock()
        self.frames = 0
        """that have been written"""
        self.ended: str | None = None
        """why it has ended by itself, in one line"""
        self.error: str | None = None
        """why nothing is left of it"""
        self._thread = threading.Thread(target=self._run, name="reenact-record", daemon=True)
        self._thread.start()

    @property
    def running(self) -> bool:
        return self._thread.is_alive()

    @property
    def seconds(self) -> float:
        return self.frames / float(RATE)

    def add(self, image: Image) -> None:
        """The picture that is seen from now on."""
        with self._lock:
            self._picture = image

    def stop(self) -> None:
        """Finishes the file and waits for it."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        try:
            with self._writer as writer:
                self._write(writer)
        except ReenactError as error:
            self.error = str(error).replace(f"{self._path.parent}/", "")
        except Exception as error:
            self.error = f"the recording failed ({type(error).__name__}): record again"
            raise

    def _write(self, writer: VideoWriter) -> None:
        began: float | None = None
        while not self._stop.wait(self._until_next(began)):
            with self._lock:
                picture = self._picture
            if picture is None:
                continue
            began = time.monotonic() if began is None else began
            if self.frames % int(RATE) == 0 and free_bytes(self._path.parent) < ROOM:
                self.ended = "the disk is nearly full: the recording was finished here"
                break
            if self.frames >= self._limit:
                self.ended = "the recording has reached its longest time and was finished here"
                break
            writer.write(picture)
            self.frames += 1

    def _until_next(self, began: float | None) -> float:
        """Seconds; late frames follow at once, so that the film keeps time."""
        if began is None:
            return 0.01
        return max(0.0, began + self.frames / float(RATE) - time.monotonic())


def free_bytes(folder: Path) -> int:
    """What is left on the folder's disk."""
    return shutil.disk_usage(folder).free
