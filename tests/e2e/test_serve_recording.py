"""Recordings of the live picture: whole, kept and told of, whatever becomes of the page."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
from starlette.testclient import TestClient

from clips import read_clip
from fake_method import write_fake_method
from live_page import Page, page
from reenact.runtime.engine import Engine
from reenact.serve import recorder, seats, server
from reenact.serve.recorder import Recorder
from reenact.serve.seats import Live
from serve_client import send_portrait, serving, wait_for


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, weights: Path):
    with serving(tmp_path_factory.mktemp("served"), weights) as client:
        yield client


@pytest.fixture
def portrait(client: TestClient) -> str:
    return send_portrait(client).json()["id"]


def test_a_recording_is_a_film_that_keeps_time(client, portrait, tmp_path):
    with page(client, session="recording", portrait=portrait) as there:
        there.picture()
        there.say(type="record", on=True)
        wait_for_seconds(there, 0.8)
        there.say(type="record", on=False)
        told = there.text("recorded")
        assert told["error"] is None and 0.4 < told["seconds"] < 3
    film = client.get(f"/api/jobs/{told['job']}/result")
    assert film.status_code == 200
    (tmp_path / "film.mp4").write_bytes(film.content)
    frames, rate, size = read_clip(tmp_path / "film.mp4")
    assert (rate, size) == (25, (512, 512)) and frames == round(told["seconds"] * 25)


def test_a_recording_gets_its_sound_and_begins_later(client, portrait, tmp_path):
    with page(client, session="with-sound", portrait=portrait) as there:
        there.picture()
        there.say(type="record", on=True)
        job = there.text("recording")["job"]
        wait_for_seconds(there, 1.2)
        there.say(type="record", on=False)
        silent = there.text("recorded")
        assert silent["job"] == job
    typed = {"content-type": "application/octet-stream"}
    sound = client.post("/api/files?kind=sound", content=beep(tmp_path / "beep.webm").read_bytes(), headers=typed).json()["id"]
    order = {"kind": "dub", "film": job, "driving": sound, "options": {"delay": 0.2}}
    assert client.post("/api/jobs", json={**order, "film": "none"}).status_code == 422
    assert client.post("/api/jobs", json={**order, "options": {"delay": -1}}).status_code == 422
    dubbed = client.post("/api/jobs", json=order).json()["id"]
    wait_for(lambda: client.get(f"/api/jobs/{dubbed}").json()["state"] in ("done", "failed"), 60)
    (tmp_path / "film.mp4").write_bytes(client.get(f"/api/jobs/{dubbed}/result").content)
    with av.open(str(tmp_path / "film.mp4")) as film:
        assert len(film.streams.audio) == 1 and film.streams.audio[0].duration
    frames, rate, _ = read_clip(tmp_path / "film.mp4")
    assert rate == 25 and frames == round(silent["seconds"] * 25) - 5


def beep(path: Path, seconds: float = 2.0) -> Path:
    """An Opus tone in WebM, as a browser's MediaRecorder writes it."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libopus", rate=48000, layout="mono")
        wave = 0.2 * np.sin(np.arange(round(seconds * 48000)) * 2 * np.pi * 220 / 48000).astype(np.float32)
        for at in range(0, len(wave), 960):
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[None, at : at + 960]), format="flt", layout="mono")
            frame.sample_rate, frame.pts = 48000, at
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def wait_for_seconds(there: Page, seconds: float) -> None:
    there.until(lambda: any(t["type"] == "state" and (t["recording"] or 0) >= seconds for t in there.texts))
    there.texts.clear()


def test_a_recording_ends_by_itself_where_the_disk_is_full_and_what_was_written_is_kept(client, portrait, monkeypatch):
    with page(client, session="full-disk", portrait=portrait) as there:
        there.picture()
        there.say(type="record", on=True)
        wait_for_seconds(there, 0.3)
        monkeypatch.setattr(recorder, "free_bytes", lambda folder: 0)
        told = there.text("recorded")
        assert "disk" in told["why"] and told["error"] is None
    assert b"ftyp" in client.get(f"/api/jobs/{told['job']}/result").content[:16]


def begin(there: Page, seconds: float = 0.2) -> str:
    """Records for so long; the job's id."""
    there.picture()
    there.say(type="record", on=True)
    job = there.text("recording")["job"]
    wait_for_seconds(there, seconds)
    return job


def is_film(client: TestClient, job: str) -> bool:
    """Once it is done; asks for as long as it is not."""
    wait_for(lambda: client.get(f"/api/jobs/{job}").json()["state"] == "done", 20)
    return b"ftyp" in client.get(f"/api/jobs/{job}/result").content[:16]


def test_a_page_that_dies_while_recording_leaves_a_whole_film(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(server, "TIDY_SECONDS", 0.1)
    monkeypatch.setattr(seats, "GRACE_SECONDS", 0.3)
    with serving(tmp_path, weights) as client:
        with page(client, portrait=send_portrait(client).json()["id"]) as there:
            job = begin(there)
        assert is_film(client, job)
        with page(client) as there:
            assert there.text("recorded")["job"] == job, "whoever comes back later hears of it"
        with page(client) as there:
            there.text("state")
            assert not [text for text in there.texts if text["type"] == "recorded"], "once is enough"


def test_a_recording_goes_on_while_its_page_is_away_for_a_moment(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(server, "TIDY_SECONDS", 0.1)
    with serving(tmp_path, weights) as client:
        portrait = send_portrait(client).json()["id"]
        with page(client, portrait=portrait) as there:
            job = begin(there)
        time.sleep(0.5)
        with page(client, portrait=portrait) as there:
            assert there.text("state")["recording"] is not None
            there.say(type="record", on=False)
            assert there.text("recorded")["job"] == job
        assert is_film(client, job)


def test_a_recording_whose_page_is_taken_over_is_whole_and_told_of_later(client, portrait):
    with page(client, session="was-recording", portrait=portrait) as there:
        job = begin(there)
        with page(client, session="takes-over", take_over=True) as other:
            other.text("started")
            assert is_film(client, job)
    with page(client, session="was-recording", take_over=True) as there:
        assert there.text("recorded")["job"] == job


def test_a_recording_is_finished_though_whoever_stopped_it_does_not_wait(weights, tmp_path):
    """A page that closes right after Stop: its socket's tasks are cancelled."""
    ended: list[Recorder] = []

    class Slow(Recorder):
        def stop(self) -> None:
            time.sleep(0.3)
            super().stop()

    def recorded(film: Recorder) -> dict[str, str]:
        ended.append(film)
        return {"type": "recorded"}

    async def run() -> None:
        live = Live("leaves-at-once", Engine(str(weights), "cpu", 1), 0.5)
        live.record(Slow(tmp_path / "film.mp4", 1.0), recorded)
        waiting = asyncio.create_task(asyncio.wait_for(live.finish(), 10))
        await asyncio.sleep(0.1)
        waiting.cancel()
        assert live.recorder is None and not ended
        await live.end()

    asyncio.run(run())
    assert len(ended) == 1


def test_a_recording_that_was_removed_is_no_trouble(client, portrait):
    with page(client, session="removes-it", portrait=portrait) as there:
        job = begin(there)
        assert client.delete(f"/api/jobs/{job}").status_code == 204
        there.say(type="record", on=False)
        assert there.text("recorded")["job"] == job
        assert there.text("state", recording=None)


def test_a_server_that_stops_finishes_its_recording(tmp_path, weights):
    with serving(tmp_path, weights) as client, page(client, portrait=send_portrait(client).json()["id"]) as there:
        job = begin(there)
    with serving(tmp_path, weights) as client:
        assert is_film(client, job)


def test_a_recorder_that_breaks_says_so(tmp_path, monkeypatch):
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    monkeypatch.setattr(Recorder, "_write", broken)
    film = Recorder(tmp_path / "film.mp4", 1.0)
    film.stop()
    assert "ZeroDivisionError" in (film.error or "")
