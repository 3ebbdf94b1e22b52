"""The server's parts by themselves: what is tidied, and what is sent to it that no number or picture can be."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from reenact.serve import server
from reenact.serve.files import Files
from reenact.serve.server import Server
from reenact.serve.settings import Settings


def test_a_file_that_goes_while_it_is_looked_at_is_no_trouble(tmp_path, monkeypatch):
    files = Files(tmp_path, 1.0)
    for name in ("gone.mp4", "kept.mp4"):
        (tmp_path / "files" / name).write_bytes(b"x")
    stat = Path.stat

    def raced(self: Path, **options: bool) -> object:
        if self.name == "gone.mp4":
            self.unlink(missing_ok=True)
        return stat(self, **options)

    monkeypatch.setattr(Path, "stat", raced)
    files.tidy(1e9)
    assert [path.name for path in (tmp_path / "files").iterdir()] == ["kept.mp4"]
    files.tidy(-1.0)
    assert not list((tmp_path / "files").iterdir())


def test_tidying_goes_on_after_an_error(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(server, "TIDY_SECONDS", 0.01)
    made, rounds = Server.make(Settings(tmp_path)), []

    def broken(*_: object) -> None:
        raise PermissionError("not yours")

    async def counted(keep: float) -> None:
        rounds.append(keep)

    monkeypatch.setattr(Files, "tidy", broken)
    monkeypatch.setattr(made.jobs, "tidy", counted)

    async def run() -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(made.tidy(), 0.5)

    asyncio.run(run())
    assert len(rounds) > 1 and "not yours" in caplog.text


def test_the_newest_session_is_the_last(tmp_path):
    """/view shows that one; a seat that is free again is taken first."""
    seats = Server.make(Settings(tmp_path, sessions=3)).seats
    older, newer = SimpleNamespace(began=1.0), SimpleNamespace(began=2.0)
    seats._taken = [newer, None, older]  # type: ignore[list-item]
    assert seats.lives == [older, newer]
