"""Jobs: a queue, one process at a time, a folder each. States: queued, running, done, failed, cancelled."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import json
import logging
import os
import secrets
import shutil
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.media.image import write_image
from reenact.runtime.engine import Engine
from reenact.serve.kinds import KINDS, checked

State = Literal["queued", "running", "done", "failed", "cancelled"]
FINAL = ("done", "failed", "cancelled")
TERM_SECONDS = 3.0
LINE_MAX = 1 << 16

log = logging.getLogger(__name__)


class QueueFull(Exception):
    """As many jobs wait as may."""


@dataclass(frozen=True)
class Job:
    """What is known of a job; exchanged whole when something changes."""

    id: str
    kind: str
    state: State = "queued"
    created: float = 0.0
    """seconds since 1970"""
    done: int = 0
    total: int | None = None
    """frames"""
    error: str | None = None
    warnings: tuple[str, ...] = ()
    result: str | None = None
    """name of the file in the job's folder"""
    options: Mapping[str, Any] = field(default_factory=dict)
    ended: float | None = None
    """seconds since 1970; None before its last state"""

    def shown(self) -> dict[str, Any]:
        """Its public state."""
        held = asdict(self)
        held["warnings"] = list(self.warnings)
        held["result"] = None if self.result is None else f"/api/jobs/{self.id}/result"
        return held


class Jobs:
    """The folder's `jobs`. Everything but the work itself runs on the event loop."""

    def __init__(self, folder: Path, engine: Engine, waiting: int, minutes: float, drawing: Callable[[], bool]) -> None:
        """waiting: how many may wait; minutes: of a driving video at most; drawing: whether a live session needs the cores."""
        self._folder, self._engine, self._drawing = folder / "jobs", engine, drawing
        self._waiting, self._minutes = waiting, minutes
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._jobs: dict[str, Job] = {}
        self._changed: dict[str, asyncio.Event] = {}
        self._queue: list[str] = []
        self._coming = 0
        """jobs whose files are being written"""
        self._more = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None
        self._running: str | None = None
        self._recover()

    async def submit(
        self, kind: str, options: Mapping[str, Any], portrait: Image | None, driving: Path | None, film: str | None = None
    ) -> Job:
        """Queues a job. driving: copied (linked where it can be). film: a job with one. Raises ReenactError, QueueFull, and
        OSError where its files cannot be written; nothing is left of it then."""
        checked(kind, options)
        wanted = KINDS[kind]
        if wanted.portrait and portrait is None:
            raise ReenactError(f"{kind} needs a portrait: send one to /api/portraits and name its id")
        if wanted.driving and driving is None:
            raise ReenactError(f"{kind} needs a driving file: send one to /api/files and name its id")
        recording = self._film(film) if wanted.film else None
        if len(self._queue) + self._coming >= self._waiting:
            raise QueueFull
        job = Job(secrets.token_urlsafe(9), kind, created=time.time(), options=dict(options))
        held = {"kind": kind, "options": dict(options), "max_minutes": self._minutes}
        self._coming += 1
        try:
            await asyncio.to_thread(_fill, self.folder(job.id), held, portrait, driving if wanted.driving else None, recording)
        finally:
            self._coming -= 1
        self._put(job)
        self._queue.append(job.id)
        self._more.set()
        return job

    def finished(self, kind: str, suffix: str) -> tuple[Job, Path]:
        """A job whose file somebody else is writing (a recording): its place; `close` says when it is whole. Raises OSError."""
        job = Job(secrets.token_urlsafe(9), kind, "running", time.time(), result=f"result{suffix}")
        self.folder(job.id).mkdir(mode=0o700, parents=True)
        self._put(job)
        return job, self.folder(job.id) / f"result{suffix}"

    def close(self, id: str, error: str | None = None, frames: int = 0) -> None:
        """Ends what `finished` began; nothing where the job was removed meanwhile."""
        state: State = "failed" if error is not None else "done"
        if id in self._jobs:
            self._put(replace(self._jobs[id], state=state, error=error, done=frames, total=frames))

    def all(self) -> list[Job]:
        """Oldest first."""
        return sorted(self._jobs.values(), key=lambda job: job.created)

    def get(self, id: str) -> Job:
        """Raises KeyError."""
        return self._jobs[id]

    def place(self, id: str) -> int:
        """How many are before it in the queue."""
        return self._queue.index(id) if id in self._queue else 0

    def folder(self, id: str) -> Path:
        """Where a job's files lie. id: one that we gave."""
        return self._folder / id

    async def changes(self, id: str) -> AsyncIterator[Job]:
        """The job now and whenever it changes, until its last state."""
        while True:
            job = self._jobs.get(id)
            if job is None:
                return
            event = self._changed[id]
            yield job
            if job.state in FINAL:
                return
            await event.wait()

    async def remove(self, id: str) -> None:
        """Cancels it if it runs (SIGTERM, after 3 s SIGKILL) and removes all of it. Raises KeyError."""
        job = self._jobs[id]
        if job.state not in FINAL:
            self._put(replace(job, state="cancelled"))
        if id in self._queue:
            self._queue.remove(id)
        if id == self._running:
            await self._stop()
        self._jobs.pop(id, None)
        self._changed.pop(id, None)
        shutil.rmtree(self.folder(id), ignore_errors=True)

    async def run(self) -> None:
        """Works through the queue, for ever."""
        while True:
            while not self._queue:
                self._more.clear()
                await self._more.wait()
            self._running = id = self._queue.pop(0)
            try:
                await self._work(self._jobs[id])
            except Exception as error:  # the next one must not wait for ever
                log.exception("job %s could not be run (%s)", id, error)
                await self._stop()
                self._fail(id, _reason(error))
            finally:
                self._running, self._process = None, None

    async def stop(self) -> None:
        """Ends the process that runs, if one does."""
        await self._stop()

    async def tidy(self, keep_seconds: float) -> None:
        """Removes what ended longer ago: one that waited and ran for hours is not removed as soon as it is done."""
        for job in self.all():
            if job.state in FINAL and time.time() - (job.ended or job.created) > keep_seconds:
                await self.remove(job.id)

    async def _work(self, job: Job) -> None:
        folder = self.folder(job.id)
        engine = replace(self._engine, threads=1) if self._drawing() else self._engine
        engine = replace(engine, renderer="fast" if engine.renderer == "fast" else "full")
        held = json.loads((folder / "job.json").read_text(encoding="utf-8"))
        _write_json(folder / "job.json", {**held, "engine": asdict(engine)})
        self._put(replace(job, state="running"))
        pipe, nowhere = asyncio.subprocess.PIPE, asyncio.subprocess.DEVNULL
        command = (sys.executable, "-m", "reenact.serve.worker", str(folder))
        process = await asyncio.create_subprocess_exec(*command, stdin=pipe, stdout=pipe, stderr=nowhere, limit=LINE_MAX)
        self._process = process
        assert process.stdout is not None
        error: str | None = None
        async for line in _lines(process.stdout):
            said = _read_line(line)
            error = said.pop("error", error)
            self._note(job.id, said)
        code = await process.wait()
        if code == 0 and (ended := self._jobs.get(job.id)) is not None and ended.result is not None and ended.state not in FINAL:
            self._put(replace(ended, state="done"))
            return
        reason = f"the job's process ended (signal {-code}): the file may be damaged" if code < 0 else "the job failed"
        self._fail(job.id, error or reason)

    def _fail(self, id: str, reason: str) -> None:
        """Unless it was cancelled or removed meanwhile."""
        job = self._jobs.get(id)
        if job is not None and job.state not in FINAL:
            self._put(replace(job, state="failed", error=reason, result=None))

    def _film(self, id: str | None) -> Path:
        job = self._jobs.get(id or "")
        if job is None or job.state != "done" or job.result is None or not job.result.endswith(".mp4"):
            raise ReenactError("name the job whose film gets the sound: it must be done")
        return self.folder(job.id) / job.result

    def _note(self, id: str, said: Mapping[str, Any]) -> None:
        job = self._jobs.get(id)
        if job is None or not said:
            return
        if "warning" in said:
            self._put(replace(job, warnings=(*job.warnings, str(said["warning"]))[-8:]))
        elif "done" in said:
            self._put(replace(job, done=int(said["done"]), total=said.get("total")))
        elif "result" in said:
            self._jobs[id] = replace(job, result=str(said["result"]))

    async def _stop(self) -> None:
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), TERM_SECONDS)
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    def _put(self, job: Job) -> None:
        """Kept in memory; on disk when its state changes."""
        before = self._jobs.get(job.id)
        if job.state in FINAL and job.ended is None:
            job = replace(job, ended=time.time())
        self._jobs[job.id] = job
        if before is None or before.state != job.state:
            with contextlib.suppress(OSError):
                _write_json(self.folder(job.id) / "state.json", asdict(job))
        event, self._changed[job.id] = self._changed.get(job.id), asyncio.Event()
        if event is not None:
            event.set()

    def _recover(self) -> None:
        """Jobs of a server that was stopped: those that ran have failed, those that waited wait on."""
        for path in sorted(folder / "state.json" for folder in self._folder.iterdir() if folder.is_dir()):
            try:
                held = json.loads(path.read_text(encoding="utf-8"))
                job = Job(**{**held, "warnings": tuple(held["warnings"])})
            except (OSError, ValueError, TypeError, KeyError):
                shutil.rmtree(path.parent, ignore_errors=True)
                continue
            if job.state == "running":
                job = replace(job, state="failed", error="the server stopped")
            self._put(job)
            if job.state == "queued":
                self._queue.append(job.id)
        self._queue.sort(key=lambda id: self._jobs[id].created)


def _fill(folder: Path, held: Mapping[str, Any], portrait: Image | None, driving: Path | None, film: Path | None) -> None:
    """A new job's folder, whole or not there. On a thread: a large portrait takes seconds to pack."""
    folder.mkdir(mode=0o700, parents=True)
    try:
        named: dict[str, str] = {}
        if portrait is not None:
            named["portrait"] = "portrait.png"
            try:
                write_image(folder / named["portrait"], portrait)
            except ReenactError:  # it names a place of ours
                raise OSError(errno.EIO, "its portrait cannot be written") from None
        for name, source in (("driving", driving), ("film", film)):
            if source is not None:
                named[name] = f"{name}{source.suffix}"
                _link(source, folder / named[name])
        _write_json(folder / "job.json", {**held, **named})
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _reason(error: Exception) -> str:
    """One line for a job that could not be run."""
    if isinstance(error, OSError):
        return f"the job could not be run ({error.strerror or type(error).__name__}): free space or memory, then order it again"
    return f"the job could not be run ({type(error).__name__}): order it again"


async def _lines(stream: asyncio.StreamReader) -> AsyncIterator[bytes]:
    """Those of at most `LINE_MAX` bytes; longer ones are none of ours."""
    while True:
        try:
            line = await stream.readline()
        except ValueError:
            continue
        if not line:
            return
        yield line


def _read_line(line: bytes) -> dict[str, Any]:
    try:
        said = json.loads(line)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _link(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)


def _write_json(path: Path, held: Mapping[str, Any]) -> None:
    part = path.with_name(f".{path.name}.part")
    part.write_text(json.dumps(held), encoding="utf-8")
    part.replace(path)
