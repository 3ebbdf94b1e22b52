"""Where live frames come from: a camera, a file at its own pace, a tracker, lines of sliders. Each in a thread of its own."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from concurrent.futures import CancelledError
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np

from reenact.core.errors import ReenactError
from reenact.live.camera import Camera
from reenact.live.follower import Frame
from reenact.live.session import Session
from reenact.live.steer import Steer
from reenact.media.video import VideoReader
from reenact.tracking.reading import Axes, Reading
from reenact.tracking.receiver import KINDS, Receiver, Tracker

FORMS = (
    "camera[:NUMBER or NAME], a video file, livelink[:PORT], ifacialmocap:PHONE, facemotion3d:PHONE, vts:PHONE, vmc[:PORT]"
    " or sliders (lines on stdin)"
)
RETRY = 1.0
"""ours: seconds between two attempts at a camera that is gone"""


@runtime_checkable
class Source(Protocol):
    """Opened by its constructor, which raises ReenactError for what cannot be."""

    def start(self, session: Session) -> None:
        """Offers frames from now on, from a thread of its own."""
        ...

    def trouble(self) -> str | None:
        """A hint for a user who sees nothing; None while all is well."""
        ...

    def close(self) -> None:
        """On return nothing is offered any more."""
        ...


def open_source(text: str, axes: Axes | None = None) -> Source:
    """The source that LiveOptions.source names. axes: of a tracker. Raises ReenactError for what cannot be opened."""
    kind, _, where = text.partition(":")
    if kind == "camera":
        return CameraSource(where or "0")
    if kind in KINDS:
        return TrackerSource(Tracker.of(kind, where), axes or Axes())
    if text == "sliders":
        return SliderSource(sys.stdin)
    if not text.strip() or (not Path(text).exists() and not Path(text).suffix):
        raise ReenactError(f"`LiveOptions.source` {text!r}: write {FORMS}")
    return FileSource(text)


class _Threaded:
    """A source that is one loop."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, session: Session) -> None:
        """Offers frames from now on, from a thread of its own."""
        self._thread = threading.Thread(target=self._run, args=(session,), name="reenact-source", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """On return nothing is offered any more."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)

    def trouble(self) -> str | None:
        return None

    def _run(self, session: Session) -> None:
        raise NotImplementedError


class CameraSource(_Threaded):
    """A camera; one that is unplugged is tried again every second."""

    def __init__(self, name: str) -> None:
        """name: its number, path or name. Raises ReenactError for a camera that is not there, busy or forbidden."""
        super().__init__()
        self._name, self._trouble = name, None
        self._camera: Camera | None = Camera(name)

    def trouble(self) -> str | None:
        """Why there are no pictures at present."""
        return self._trouble

    def _run(self, session: Session) -> None:
        number = 0
        while not self._stop.is_set():
            try:
                self._camera = self._camera or Camera(self._name)
                for image in self._camera:
                    session.offer(Frame(image, time.monotonic(), number))
                    number += 1
                    self._trouble = None
                    if self._stop.is_set():
                        break
            except ReenactError as error:
                self._trouble = str(error)
            if self._camera is not None:
                self._camera.close()
                self._camera = None
            self._stop.wait(RETRY)


class FileSource(_Threaded):
    """A video file, played once as it would be seen; then the session ends."""

    def __init__(self, path: str | Path) -> None:
        """Raises ReenactError for what is no video."""
        super().__init__()
        self._reader, self._trouble = VideoReader(path), None
        self.rate = self._reader.rate

    def trouble(self) -> str | None:
        """Where the file is damaged."""
        return self._trouble

    def close(self) -> None:
        super().close()
        self._reader.close()

    def _run(self, session: Session) -> None:
        began = time.monotonic()
        try:
            for number, frame in enumerate(self._reader):
                if self._stop.wait(max(0.0, began + float(frame.time) - time.monotonic())):
                    break
                session.offer(Frame(frame.image, frame.time, number))
        except ReenactError as error:
            self._trouble = str(error)
        session.close()


class TrackerSource:
    """A face tracker in the network."""

    def __init__(self, tracker: Tracker, axes: Axes) -> None:
        """Raises ReenactError for a port that cannot be had."""
        self._axes, self._number = axes, 0
        self._session: Session | None = None
        self._receiver = Receiver(tracker, self._got)

    def start(self, session: Session) -> None:
        """Offers the tracker's estimates from now on, from a thread of its own."""
        self._session = session
        self._receiver.__enter__()

    def trouble(self) -> str | None:
        """What is missing, where nothing comes."""
        return self._receiver.trouble()

    def close(self) -> None:
        """On return nothing is offered any more."""
        self._receiver.close()

    def _got(self, reading: Reading) -> None:
        assert self._session is not None
        self._session.offer(Frame(None, time.monotonic(), self._number, self._axes.ours(reading)))
        self._number += 1


class SliderSource(_Threaded):
    """Lines of text, as `jawOpen=0.4 yaw=10`: what is named moves there, the rest stays; `reset` puts all back.

    yaw, pitch and roll in degrees, scale, x and y as in `reenact edit`, all else ARKit names. The session ends with the lines.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        super().__init__()
        self._lines, self._trouble = lines, None
        self._blendshapes: dict[str, float] = {}
        self._pose: dict[str, float] = {}

    def trouble(self) -> str | None:
        """What was wrong with the last line."""
        return self._trouble

    def close(self) -> None:
        """A thread that waits for a line is left to itself."""
        self._stop.set()

    def _run(self, session: Session) -> None:
        try:
            for line in self._lines:
                if self._stop.is_set():
                    return
                try:
                    session.steer(self.steer(line)).result()
                    self._trouble = None
                except ReenactError as error:
                    self._trouble = str(error)
        except CancelledError:
            return  # the session has ended meanwhile
        except (OSError, ValueError):
            self._trouble = "the sliders' lines are no text (UTF-8): the session ends"
        session.close()

    def steer(self, line: str) -> Steer:
        """All sliders after this line. Raises ReenactError for a line that cannot be read, and then they stay."""
        shapes, pose = ({}, {}) if line.strip() == "reset" else (dict(self._blendshapes), dict(self._pose))
        for item in line.split() if line.strip() != "reset" else ():
            name, _, text = item.partition("=")
            try:
                (pose if name in _POSE else shapes)[name] = float(text)
            except ValueError:
                raise ReenactError(f"{item!r}: write NAME=VALUE, as jawOpen=0.4, or reset") from None
        yaw, pitch, roll = (float(np.radians(pose.get(name, 0.0))) for name in ("yaw", "pitch", "roll"))
        shift = (pose.get("x", 0.0), pose.get("y", 0.0))
        made = Steer(blendshapes=shapes, yaw=yaw, pitch=pitch, roll=roll, scale=pose.get("scale", 1.0), shift=shift)
        made.check()
        self._blendshapes, self._pose = shapes, pose
        return made


_POSE = ("yaw", "pitch", "roll", "scale", "x", "y")
