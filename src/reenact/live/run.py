"""`reenact live`: one source, one session, one sink, until the source ends or someone stops it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.faces.portrait import check_face
from reenact.live.keys import Keys
from reenact.live.recording import Recording
from reenact.live.session import LIVE, RULES, Rules, Session, Summary
from reenact.live.sinks import ReaderGone, Sink, check_pace, hidden_from_browsers, open_output
from reenact.live.sources import Source, open_source
from reenact.media.film import FILM_QUALITY, check_film_quality
from reenact.media.image import read_image
from reenact.motion.takes import check_suffix
from reenact.pipeline.control import Control
from reenact.runtime.engine import ENGINE, Engine
from reenact.tracking.reading import Axes

LOOK = 0.25
"""ours: seconds between two checks for something to report"""


@dataclass(frozen=True)
class LiveOptions:
    """Of one run."""

    source: str
    """sources.py: FORMS"""
    output: str | None = None
    """sinks.py: FORMS; None: only the take"""
    take: Path | None = None
    size: int | None = None
    fps: Fraction = Fraction(25)
    face: int = 1
    seconds: float | None = None
    """after which it ends by itself"""
    axes: Axes = Axes()
    film_quality: int = FILM_QUALITY
    """of an output that is a film, 1..100"""

    @property
    def folder(self) -> Path:
        """Where pictures are kept that a key asks for: beside the film or the take, else here."""
        film = Path(self.output) if self.output and self.output != "-" and not self.output.startswith("v4l2:") else self.take
        return Path() if film is None else film.parent

    def check(self) -> None:
        """Raises ReenactError for what cannot be, before anything is opened."""
        if self.output is None and self.take is None:
            raise ReenactError("nothing would be kept or shown: name a `LiveOptions.output` or a `LiveOptions.take`")
        check_pace(self.fps, self.size)
        check_film_quality(self.film_quality)
        check_face(self.face)
        if self.take is not None:
            check_suffix(self.take)
            if not self.take.parent.is_dir():
                raise ReenactError(f"{self.take}: its folder does not exist; make it or choose another")
        if self.seconds is not None and not 0 < self.seconds <= 1e6:
            raise ReenactError(f"`seconds` must be more than 0, not {self.seconds:g}")
        for path in filter(None, (self.output, self.take)):
            if Path(path).resolve() == Path(self.source).resolve():
                raise ReenactError(f"{path} is also the source: give the output another name")


def run_live(
    portrait: Path,
    options: LiveOptions,
    *,
    engine: Engine = ENGINE,
    control: Control = LIVE,
    rules: Rules = RULES,
    say: Callable[[str], None] = lambda text: None,
) -> Summary:
    """Runs until the source ends, `options.seconds` are over or someone stops it (KeyboardInterrupt; SystemExit, which SIGTERM
    becomes and which goes on), then finishes what it writes.

    say: called with one line for what a user should know meanwhile. Raises ReenactError, in one line, for what the user can mend.
    """
    for each in (options, engine, control):
        each.check()
    photo, ended = read_image(portrait), None
    with ExitStack() as stack:
        source = open_source(options.source, options.axes)
        stack.callback(source.close)
        sink = _sink(options, stack)
        if (options.output or "").startswith("v4l2:") and hidden_from_browsers():
            say("v4l2loopback runs without exclusive_caps=1: Chrome, Edge and what is made of them will not list it as a camera")
        starter = _Starter(source)
        session = Session(engine, control, rules=rules, wanted=starter)
        starter.session = session
        asked = session.portrait(photo, options.face)
        asked.add_done_callback(lambda future: session.close() if not future.cancelled() and future.exception() else None)
        recording = Recording()
        stack.enter_context(_Watch(session, source, options.seconds, say))
        keys = Keys(session, portrait, options.folder, say)
        if options.source != "sliders":
            stack.enter_context(keys)
        try:
            for shown in session.frames():
                keys.show(shown.image)
                if sink is not None:
                    sink.show(shown.image)
                if options.take is not None:
                    recording.add(shown)
        except (KeyboardInterrupt, SystemExit, ReaderGone) as reason:
            say(str(reason) if isinstance(reason, ReaderGone) else "stopped")
            ended = reason if isinstance(reason, SystemExit) else None
        finally:
            session.close()
        if (trouble := source.trouble()) is not None:
            say(trouble)
        if asked.done() and not asked.cancelled():
            asked.result()
    if options.take is not None and session.weights is not None:  # the film is whole by now, whatever becomes of the take
        recording.take(*session.weights).save(options.take)
    if ended is not None:
        raise ended
    return session.summary(whole=True)


class _Starter:
    """Starts the source when the session asks for its first frame: by then the networks are loaded."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self.session: Session | None = None
        self._started = False

    def __call__(self) -> None:
        if not self._started and self.session is not None:
            self._started = True
            self._source.start(self.session)


class _Watch:
    """A context manager: checks every `LOOK` seconds for something to report, and whether time is up."""

    def __init__(self, session: Session, source: Source, seconds: float | None, say: Callable[[str], None]) -> None:
        self._session, self._source, self._say = session, source, say
        self._seconds = seconds
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reenact-watch", daemon=True)
        self._told: str | None = None

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        lost, began = False, None
        while not self._stop.wait(LOOK):
            summary = self._session.summary()
            began = time.monotonic() if began is None and summary.running else began
            if began is not None and self._seconds is not None and time.monotonic() - began >= self._seconds:
                self._session.close()
            trouble = self._source.trouble() if summary.running else None
            if trouble is not None and trouble != self._told:
                self._say(trouble)
            self._told = trouble
            if trouble is None and summary.frames and (summary.face in ("lost", "home")) != lost:
                lost = not lost
                self._say("no face: the last picture is held, then the portrait rests" if lost else "the face is back")


def _sink(options: LiveOptions, stack: ExitStack) -> Sink | None:
    if options.output is None:
        return None
    return stack.enter_context(Sink(open_output(options.output, options.fps, options.film_quality), options.fps, options.size))
