"""Everything that lives as long as the server does."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace

from starlette.applications import Starlette

from reenact.core.errors import ReenactError
from reenact.serve.files import Files
from reenact.serve.jobs import Jobs
from reenact.serve.live_socket import Rooms
from reenact.serve.place import usable
from reenact.serve.portraits import Portraits
from reenact.serve.seats import Seats
from reenact.serve.settings import Settings

TIDY_SECONDS = 5.0

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Server:
    """Everything that lives as long as the server."""

    settings: Settings
    seats: Seats
    portraits: Portraits
    files: Files
    jobs: Jobs

    @staticmethod
    def make(settings: Settings, size: int = 256) -> Server:
        """size: side of the method's crops, px. Raises ReenactError where the folder cannot be made."""
        settings.check()
        with usable(settings.folder):
            engine = settings.engine
            seats = Seats(replace(engine, head_size=settings.size), settings.sessions, settings.smooth)
            jobs = Jobs(settings.folder, engine, settings.jobs, settings.max_minutes, lambda: seats.drawing)
            files = Files(settings.folder, settings.max_video_mb)
        return Server(settings, seats, Portraits(size, settings.threads), files, jobs)

    @property
    def rooms(self) -> Rooms:
        return Rooms(self.settings, self.seats, self.portraits, self.jobs)

    async def tidy(self) -> None:
        """What is too old goes; sessions whose page did not come back end, their recordings are kept."""
        keep = self.settings.keep_hours * 3600
        while True:
            await asyncio.sleep(TIDY_SECONDS)
            for one in (self._tidy_lives, lambda: asyncio.to_thread(self.files.tidy, keep), lambda: self.jobs.tidy(keep)):
                try:
                    await one()
                except Exception as error:  # the next round, and the rest of this one, must come all the same
                    log.exception("tidying failed (%s: %s)", type(error).__name__, error)

    async def _tidy_lives(self) -> None:
        for live in self.seats.lives:
            if live.recorder is not None and not live.recorder.running:
                live.finish()
        await self.seats.tidy()
        self.portraits.tidy()

    async def warm(self) -> None:
        """Loads the method; /readyz reports what goes wrong."""
        try:
            await asyncio.to_thread(self.seats.warm)
        except ReenactError as error:
            self.seats.failed = str(error)


def lifespan_of(server: Server) -> Callable[[Starlette], contextlib.AbstractAsyncContextManager[None]]:
    """What begins and ends with the application."""

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(one) for one in (server.warm(), server.jobs.run(), server.tidy())]
        try:
            yield
        finally:
            for task in tasks[1:]:
                task.cancel()
            await server.jobs.stop()
            await server.seats.end_all()
            await asyncio.gather(*tasks, return_exceptions=True)

    return lifespan
