"""The server when what is around it fails: a full or vanished folder, a second server, a killed one, jobs that wait for hours."""

from __future__ import annotations

import asyncio
import errno
import shutil
import socket
import time
from dataclasses import replace
from pathlib import Path

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")

from fake_method import write_fake_method
from live_page import page
from reenact.core.errors import ReenactError
from reenact.runtime.engine import Engine
from reenact.serve import files, place
from reenact.serve.jobs import Jobs
from reenact.serve.portraits import Sent
from reenact.serve.run import _listen
from reenact.serve.settings import Settings
from serve_client import send_portrait, serving

TYPED = {"content-type": "application/octet-stream"}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


def test_a_job_is_kept_from_its_end_on_however_long_it_waited(tmp_path):
    async def left(ended: float | None) -> list[str]:
        jobs = Jobs(tmp_path, Engine(), 4, 1.0, lambda: False)
        job, _ = jobs.finished("record", ".mp4")
        jobs._jobs[job.id] = replace(job, created=time.time() - 7200)
        jobs.close(job.id)
        if ended is not None:
            jobs._jobs[job.id] = replace(jobs.get(job.id), ended=ended)
        await jobs.tidy(3600)
        return [one.id for one in jobs.all() if one.id == job.id]

    assert len(asyncio.run(left(None))) == 1, "it took two hours, and has ended now"
    assert asyncio.run(left(time.time() - 3700)) == []


def test_a_folder_that_is_nearly_full_is_said_to_be_full(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(files, "folder_size", lambda folder: 4_000_000_000 - 10)
    with serving(tmp_path, weights) as client:
        answer = client.post("/api/files", content=bytes(100), headers=TYPED)
        assert answer.status_code == 507 and "the folder is full" in answer.json()["error"]


def test_a_recording_that_has_no_folder_is_one_line_and_the_socket_stays(tmp_path, weights, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving(tmp_path, weights) as client, page(client, portrait=send_portrait(client).json()["id"]) as there:
        there.picture()
        with monkeypatch.context() as patched:
            patched.setattr(Jobs, "finished", full)
            there.say(type="record", on=True)
            assert "No space left" in there.text("error")["line"]
        shutil.rmtree(tmp_path / "jobs")  # as systems tidy what nobody has touched for days
        there.say(type="record", on=True)
        assert there.text("recording")["job"]


def test_a_portraits_picture_is_not_made_on_the_event_loop(tmp_path, weights, monkeypatch):
    made = Sent.picture

    def beside(sent: Sent) -> bytes:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        return made(sent)

    monkeypatch.setattr(Sent, "picture", beside)
    with serving(tmp_path, weights) as client:
        answer = client.get(f"/api/portraits/{send_portrait(client).json()['id']}/picture")
        assert answer.status_code == 200 and answer.content.startswith(b"\xff\xd8")


@pytest.mark.skipif(place.fcntl is None, reason="no locks of files on this system")
def test_a_folder_has_one_server_and_a_killed_ones_goes(tmp_path):
    folder = tmp_path / "reenact-serve-a"
    with place.held(folder):
        (folder / "film.mp4").write_text("sent by somebody")
        with pytest.raises(ReenactError, match="another reenact serve uses it"), place.held(folder):
            pass
        place.sweep(tmp_path, "reenact-serve-")
        assert (folder / "film.mp4").exists(), "its server runs"
    (tmp_path / "reenact-serve-young").mkdir()  # of a server that has not locked it yet
    (tmp_path / "reenact-serve-link").symlink_to(tmp_path)
    place.sweep(tmp_path, "reenact-serve-")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["reenact-serve-link", "reenact-serve-young"]


@pytest.mark.parametrize("name", ["https://example.org", "example.org:8443", "example.org/live", "a b", ""])
def test_a_host_that_is_no_name_alone_is_one_line(tmp_path, name):
    with pytest.raises(ReenactError, match="write the name alone"):
        Settings(tmp_path, allow_hosts=(name,)).check()


def test_all_addresses_are_those_of_ipv4_too(tmp_path):
    if not socket.has_dualstack_ipv6():
        pytest.skip("no IPv6 here")
    with _listen(Settings(tmp_path, host="::", port=0)) as listening:
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, listening.getsockname()[1]), 5).close()
    with pytest.raises(ReenactError, match="0.0.0.0 for all"):
        Settings(tmp_path, host="", insecure=True).check()


def test_addresses_are_hosts_too(tmp_path):
    Settings(tmp_path, allow_hosts=("::1", "[fe80::1]", "192.0.2.1", "bücher.example")).check()
