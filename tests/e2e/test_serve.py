"""The server's routes, guard and jobs, on the fake method; the page itself is tested in test_serve_page.py."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import os
import signal
import struct
import zlib
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
from starlette.routing import Route
from starlette.testclient import TestClient

from clips import PORTRAIT, face, moving_face, scenery, write_clip
from fake_method import write_fake_method
from reenact.core.errors import ReenactError
from reenact.serve import jobs
from reenact.serve.app import OPENAPI, Routes
from reenact.serve.limits import Rate
from reenact.serve.server import Server
from reenact.serve.settings import Settings
from serve_client import AUTH, BASE, TOKEN, jpeg, send_portrait, serving, wait_for


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory, weights: Path):
    with serving(tmp_path_factory.mktemp("served"), weights, max_image_mb=1, max_video_mb=1, jobs=2) as client:
        yield client


@pytest.fixture
def clip(tmp_path: Path) -> bytes:
    return write_clip(tmp_path / "clip.mp4", moving_face(6)).read_bytes()


def test_health_needs_no_token_and_says_when_it_is_ready(client):
    anyone = TestClient(client.app, base_url=BASE)
    assert anyone.get("/healthz").json() == {"healthy": True}
    assert anyone.get("/readyz").json() == {"ready": True}


def test_openapi_describes_every_route_and_no_other(tmp_path):
    written = json.loads(OPENAPI.read_text())["paths"]
    routes = [route for route in Routes(Server.make(Settings(tmp_path))).all() if isinstance(route, Route)]
    there = {(route.path, method.lower()) for route in routes for method in route.methods or () if method != "HEAD"}
    there -= {("/", "get"), ("/view", "get")}
    assert there == {(path, verb) for path, verbs in written.items() for verb in verbs}


def test_openapi_is_served_as_it_is_written(client):
    assert client.get("/api/openapi.json").json() == json.loads(OPENAPI.read_text())


def test_info_says_what_a_page_needs(client):
    held = client.get("/api/info").json()
    assert held["method"] == "fake" and held["size"] == 256
    assert len(held["blendshapes"]) == 52 and "smile" in held["presets"]
    assert held["sessions"] == {"all": 1, "free": 1} and held["limits"]["image_mb"] == 1


@pytest.mark.parametrize("path", ["/", "/view", "/static/app.mjs", "/static/style.css"])
def test_pages_are_open_but_guarded_by_headers(client, path):
    answer = TestClient(client.app, base_url=BASE).get(path)
    assert answer.status_code == 200
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["referrer-policy"] == "no-referrer"
    assert "default-src 'self'" in answer.headers["content-security-policy"]
    assert ("frame-ancestors" in answer.headers["content-security-policy"]) == (path != "/view")
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_modules_are_served_as_javascript(client):
    assert client.get("/static/app.mjs").headers["content-type"].startswith("text/javascript")


@pytest.mark.parametrize(
    "headers, status",
    [
        ({}, 401),
        ({"authorization": "Bearer wrong"}, 401),
        ({"authorization": f"Basic {TOKEN}"}, 401),
        ({**AUTH, "host": "evil.example"}, 403),
        ({**AUTH, "host": "127.0.0.1.evil.example"}, 403),
        ({**AUTH, "host": "127.0.0.1:8765@evil.example"}, 403),
        ({**AUTH, "host": "[::1"}, 403),
        ({**AUTH, "host": ""}, 403),
        ({**AUTH, "origin": "http://evil.example"}, 403),
        ({**AUTH, "origin": "http://127.0.0.1:8766"}, 403),
        ({**AUTH, "origin": "http://127.0.0.1"}, 403),
        ({**AUTH, "origin": "https://127.0.0.1:8765"}, 200),
        ({**AUTH, "origin": "null"}, 403),
        ({**AUTH, "origin": BASE}, 200),
        ({**AUTH, "host": "localhost:8765"}, 200),
        ({**AUTH, "host": "[::1]:8765"}, 200),
        ({**AUTH, "host": "LOCALHOST."}, 200),
    ],
)
def test_host_origin_and_token_are_checked(client, headers, status):
    answer = TestClient(client.app, base_url=BASE).get("/api/jobs", headers=headers)
    assert answer.status_code == status
    assert status == 200 or answer.headers["content-security-policy"]


def test_no_path_goes_around_the_token(client):
    anyone = TestClient(client.app, base_url=BASE)
    for path in ("/api/jobs/", "//api/jobs", "/static/../api/jobs", "/static/%2e%2e/app.py", "/static/..%2fapp.py", "/api/no"):
        assert anyone.get(path).status_code in (401, 404)
    assert anyone.get("/static/..%2f..%2fapp.py").status_code == 404


def test_a_portrait_is_read_and_described(client):
    answer = send_portrait(client)
    held = answer.json()
    assert answer.status_code == 201 and held["faces"] == 1 and held["consent"] == "nobody"
    left, top, right, bottom = held["box"]
    assert 130 < left < right < 330 and 20 < top < bottom < 260
    assert client.get(f"/api/portraits/{held['id']}/picture").headers["content-type"] == "image/jpeg"
    assert client.delete(f"/api/portraits/{held['id']}").status_code == 204
    assert client.get(f"/api/portraits/{held['id']}/picture").status_code == 404


def test_another_face_of_a_photo_is_a_portrait_of_its_own(client):
    one = face(200)
    held = send_portrait(client, jpeg(np.hstack([one, one]))).json()
    assert held["faces"] == 2
    answer = client.post(f"/api/portraits/{held['id']}/face", json={"face": 2})
    other = answer.json()
    assert answer.status_code == 201 and answer.headers["location"].endswith(other["id"])
    assert other["id"] != held["id"] and other["face"] == 2 and other["box"] == held["boxes"][1] and other["consent"] == "nobody"
    for asked, status in (({"face": 3}, 422), ({"face": "2"}, 422), ({"face": True}, 422), ({}, 422)):
        assert client.post(f"/api/portraits/{held['id']}/face", json=asked).status_code == status
    assert client.post("/api/portraits/none/face", json={"face": 1}).status_code == 404


def bomb() -> bytes:
    """A PNG of 60000 x 60000 pixels that weighs next to nothing."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(60000))) + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    "data, line",
    [
        (b"", "empty"),
        (b"no photo at all", "not a photo"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not a photo"),
        (PORTRAIT.read_bytes()[:9000], "damaged"),
        (bomb(), "too large"),
        (jpeg(scenery()), "no face found"),
        (jpeg(face(48)), "pixels wide"),
    ],
)
def test_a_bad_photo_is_one_line(client, data, line):
    answer = send_portrait(client, data)
    assert answer.status_code == 422
    assert any(part.strip(" .*") in answer.json()["error"] for part in line.split("|"))


@pytest.mark.parametrize("fields", [{"face": "2"}, {"face": "x"}, {"face": "0"}, {"consent": "maybe"}])
def test_a_bad_field_is_one_line(client, fields):
    answer = send_portrait(client, **fields)
    assert answer.status_code == 422 and "\n" not in answer.json()["error"]


def test_a_portrait_without_an_answer_about_consent_is_not_taken(client):
    answer = client.post("/api/portraits", files={"photo": ("x.jpg", PORTRAIT.read_bytes())})
    assert answer.status_code == 422 and "consent" in answer.json()["error"]


def test_uploads_are_counted_while_they_stream(client):
    def endless():
        yield b'--b\r\ncontent-disposition: form-data; name="photo"; filename="x"\r\n\r\n'
        for _ in range(100):
            sent.append(1)
            yield bytes(100_000)

    sent: list[int] = []
    form = {"content-type": "multipart/form-data; boundary=b"}
    assert client.post("/api/portraits", content=endless(), headers=form).status_code == 413
    whole = {"content-type": "application/octet-stream"}
    assert client.post("/api/files", content=iter([bytes(100_000)] * 20), headers=whole).status_code == 413


def test_forms_with_two_files_or_none_are_refused(client):
    two = [("photo", ("a.jpg", b"x")), ("photo", ("b.jpg", b"x"))]
    assert client.post("/api/portraits", files=two, data={"consent": "self"}).status_code == 400
    assert client.post("/api/portraits", files={"other": ("a.jpg", b"x")}, data={"consent": "self"}).status_code == 400
    assert client.post("/api/portraits", content=b"x", headers={"content-type": "text/plain"}).status_code == 415


def send_file(client: TestClient, data: bytes, kind: str = "video") -> str:
    answer = client.post(f"/api/files?kind={kind}", content=data, headers={"content-type": "application/octet-stream"})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def finished(client: TestClient, id: str) -> dict:
    wait_for(lambda: client.get(f"/api/jobs/{id}").json()["state"] not in ("queued", "running"), 60)
    return client.get(f"/api/jobs/{id}").json()


def test_a_video_is_animated_as_a_job_with_events_and_ranges(client, clip):
    portrait, driving = send_portrait(client).json()["id"], send_file(client, clip)
    order = {"kind": "animate", "portrait": portrait, "driving": driving, "options": {"smooth": 0, "fps": "25", "reference": 0}}
    answer = client.post("/api/jobs", json=order)
    assert answer.status_code == 202 and answer.headers["location"] == f"/api/jobs/{answer.json()['id']}"
    id = answer.json()["id"]
    with client.stream("GET", f"/api/jobs/{id}/events") as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        seen = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
    assert seen[-1]["state"] == "done" and seen[-1]["done"] == seen[-1]["total"] == 6
    assert [job["state"] for job in seen] == sorted((job["state"] for job in seen), key=["queued", "running", "done"].index)
    whole = client.get(f"/api/jobs/{id}/result")
    assert whole.headers["content-type"] == "video/mp4" and b"ftyp" in whole.content[:16]
    part = client.get(f"/api/jobs/{id}/result", headers={"range": "bytes=4-7"})
    assert part.status_code == 206 and part.content == b"ftyp"
    assert id in [job["id"] for job in client.get("/api/jobs").json()["jobs"]]
    assert client.delete(f"/api/jobs/{id}").status_code == 204
    assert client.get(f"/api/jobs/{id}").status_code == 404


def test_what_is_synthetic_says_so(client):
    typed = {"content-type": "application/octet-stream"}
    before = client.get("/api/jobs").json()
    photo = client.post("/api/verify?kind=picture", content=PORTRAIT.read_bytes(), headers=typed)
    assert photo.status_code == 200 and photo.json()["verdict"] == "none"
    order = {"kind": "edit", "portrait": send_portrait(client).json()["id"]}
    id = client.post("/api/jobs", json=order).json()["id"]
    assert finished(client, id)["state"] == "done"
    drawn = client.post("/api/verify?kind=picture", content=client.get(f"/api/jobs/{id}/result").content, headers=typed)
    assert drawn.json()["verdict"] == "marked" and drawn.json()["watermark"]["found"]
    assert client.post("/api/verify", content=b"nothing", headers=typed).status_code == 422
    client.delete(f"/api/jobs/{id}")
    assert client.get("/api/jobs").json() == before, "nothing is left of it"


def test_a_text_that_names_another_file_plays_nothing(client, tmp_path, clip):
    (tmp_path / "other.mp4").write_bytes(clip)
    driving = send_file(client, f"ffconcat version 1.0\nfile {tmp_path}/other.mp4\n".encode())
    portrait = send_portrait(client).json()["id"]
    id = client.post("/api/jobs", json={"kind": "animate", "portrait": portrait, "driving": driving}).json()["id"]
    job = finished(client, id)
    assert job["state"] == "failed" and "not a video" in job["error"]
    assert str(tmp_path) not in job["error"] and "/jobs/" not in job["error"]
    assert client.get(f"/api/jobs/{id}/result").status_code == 409


@pytest.mark.parametrize(
    "order, line",
    [
        ({"kind": "delete"}, "unknown kind"),
        ({"kind": "animate"}, "needs a portrait"),
        ({"kind": "animate", "portrait": "../../etc/passwd"}, "no longer here"),
        ({"kind": "animate", "driving": "../../etc/passwd"}, "no longer here"),
        ({"kind": "edit", "options": {"expression": "/etc/passwd"}}, "unknown expression"),
        ({"kind": "edit", "options": {"blendshapes": {"jawOpn": 1}}}, "jawOpen"),
        ({"kind": "edit", "options": {"yaw": "left"}}, "number"),
        ({"kind": "edit", "options": {"method": "/tmp"}}, "no option"),
        ({"kind": "animate", "options": {"strength": 9}}, "strength"),
        ({"kind": "animate", "options": {"parts": "nose=driver"}}, "parts"),
        ({"kind": "animate", "options": {"reference": "calmest"}}, "write rest, calm, first, or at which second"),
        ({"kind": "animate", "options": {"output": "gif"}}, "unknown output"),
        ({"kind": "decode", "options": {"motion": "sideways"}}, "sideways"),
        ({"kind": "edit", "options": {"face": 0}}, "counts from 1"),
        ({"kind": "animate", "options": {"fps": "1/0"}}, "number or a fraction"),
        ({"kind": "animate", "options": {"fps": 0.5}}, "fps must lie between"),
        ({"kind": "animate", "options": {"start": "1e3000000"}}, "number or a fraction"),
        ({"kind": "sweep", "options": {"rate": "1e3000000"}}, "number or a fraction"),
        ({"kind": "edit", "options": {"yaw": 10**400}}, "number"),
        ({"kind": "sweep", "options": {"slider": "nose"}}, "sweep"),
        ({"kind": "sweep", "options": {"slider": "yaw", "yaw": 10}}, "asked for besides"),
        ({"kind": "sweep", "options": {"seconds": 1e12}}, "film"),
        ({"kind": "encode", "options": {"quality": 99}}, "quality"),
        ({"kind": "animate", "options": [1]}, "object"),
        ({"kind": "animate", "more": 1}, "no 'more'"),
    ],
)
def test_bad_orders_are_one_line(client, order, line):
    answer = client.post("/api/jobs", json=order)
    assert answer.status_code == 422, answer.text
    assert line in answer.json()["error"] and "\n" not in answer.json()["error"]


def test_orders_that_are_no_json_are_refused(client):
    typed = {"content-type": "application/json"}
    assert client.post("/api/jobs", content=b"{", headers=typed).status_code == 400
    assert client.post("/api/jobs", content=b"[" * 50_000, headers=typed).status_code == 400
    assert client.post("/api/jobs", content=b" " * 70_000, headers=typed).status_code == 413
    assert client.post("/api/jobs", content=b"kind=edit", headers={"content-type": "text/plain"}).status_code == 415


def test_an_edit_is_a_png_and_a_sweep_is_cancelled_and_too_many_wait(client):
    portrait = send_portrait(client).json()["id"]
    edit = client.post("/api/jobs", json={"kind": "edit", "portrait": portrait, "options": {"yaw": 10}}).json()["id"]
    assert finished(client, edit)["state"] == "done"
    assert client.get(f"/api/jobs/{edit}/result").content.startswith(b"\x89PNG")
    long = {"kind": "sweep", "portrait": portrait, "options": {"seconds": 100, "output": "photo"}}
    ids = [client.post("/api/jobs", json=long).json()["id"]]
    wait_for(lambda: client.get(f"/api/jobs/{ids[0]}").json()["done"] > 0)
    ids += [client.post("/api/jobs", json=long).json()["id"] for _ in range(2)]
    assert [client.get(f"/api/jobs/{id}").json()["waiting_for"] for id in ids] == [0, 0, 1]
    refused = client.post("/api/jobs", json=long)
    assert refused.status_code == 429 and refused.headers["retry-after"]
    for id in reversed(ids):
        assert client.delete(f"/api/jobs/{id}").status_code == 204
    assert not [job for job in client.get("/api/jobs").json()["jobs"] if job["state"] in ("queued", "running")]


def worker_of(folder: Path) -> int:
    """The process that works on a job, by its command line."""
    for process in Path("/proc").iterdir():
        if process.name.isdecimal():
            try:
                command = (process / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if b"reenact.serve.worker" in command and str(folder).encode() in command:
                return int(process.name)
    raise AssertionError("no worker runs")


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="no /proc")
def test_a_killed_worker_is_a_failed_job_and_nothing_more(tmp_path, weights):
    with serving(tmp_path, weights) as client:
        portrait = send_portrait(client).json()["id"]
        long = {"kind": "sweep", "portrait": portrait, "options": {"seconds": 100, "output": "photo"}}
        id = client.post("/api/jobs", json=long).json()["id"]
        wait_for(lambda: client.get(f"/api/jobs/{id}").json()["done"] > 0)
        os.kill(worker_of(tmp_path / "jobs" / id), signal.SIGKILL)
        job = finished(client, id)
        assert job["state"] == "failed" and "signal 9" in job["error"]
        assert client.get("/healthz").status_code == 200


def test_a_job_that_cannot_be_started_has_failed_and_the_next_one_is_done(tmp_path, weights, monkeypatch):
    start, calls = asyncio.create_subprocess_exec, []

    async def once(*command, **options):
        calls.append(command)
        if len(calls) == 1:
            raise OSError(errno.EAGAIN, "Resource temporarily unavailable")
        return await start(*command, **options)

    monkeypatch.setattr(asyncio, "create_subprocess_exec", once)
    with serving(tmp_path, weights) as client:
        order = {"kind": "edit", "portrait": send_portrait(client).json()["id"]}
        first, second = (client.post("/api/jobs", json=order).json()["id"] for _ in range(2))
        job = finished(client, first)
        assert job["state"] == "failed" and "temporarily unavailable" in job["error"] and "\n" not in job["error"]
        assert finished(client, second)["state"] == "done"


@pytest.mark.skipif(not Path("/bin/sh").exists(), reason="no shell")
def test_a_worker_that_says_too_much_is_not_listened_to(tmp_path, weights, monkeypatch):
    worker = tmp_path / "worker"
    worker.write_text('#!/bin/sh\nhead -c 200000 /dev/zero | tr "\\0" x\necho\necho \'{"result": "result.png"}\'\n')
    worker.chmod(0o700)
    monkeypatch.setattr(jobs, "sys", SimpleNamespace(executable=str(worker)))
    with serving(tmp_path / "served", weights) as client:
        order = {"kind": "edit", "portrait": send_portrait(client).json()["id"]}
        ids = [client.post("/api/jobs", json=order).json()["id"] for _ in range(2)]
        assert [finished(client, id)["state"] for id in ids] == ["done", "done"]


def test_a_job_whose_files_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, weights, clip, monkeypatch):
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with serving(tmp_path, weights) as client:
        portrait, driving = send_portrait(client).json()["id"], send_file(client, clip)
        for name in ("_link", "_write_json"):
            with monkeypatch.context() as patched:
                patched.setattr(jobs, name, full)
                answer = client.post("/api/jobs", json={"kind": "animate", "portrait": portrait, "driving": driving})
            assert answer.status_code == 507 and "No space left" in answer.json()["error"]
            assert client.get("/api/jobs").json() == {"jobs": []} and not list((tmp_path / "jobs").iterdir())
    (tmp_path / "jobs" / "left-over").mkdir()
    Server.make(Settings(tmp_path))
    assert not list((tmp_path / "jobs").iterdir()), "what a server that was killed left goes when the next one starts"


def test_a_portrait_is_not_packed_on_the_event_loop(client, monkeypatch):
    def beside(path: Path, image: object) -> None:
        with pytest.raises(RuntimeError):
            asyncio.get_running_loop()
        write(path, image)

    write = jobs.write_image
    monkeypatch.setattr(jobs, "write_image", beside)
    answer = client.post("/api/jobs", json={"kind": "edit", "portrait": send_portrait(client).json()["id"]})
    assert answer.status_code == 202 and finished(client, answer.json()["id"])["state"] == "done"


def test_a_server_that_was_stopped_says_so_and_goes_on_with_what_waited(tmp_path, weights):
    with serving(tmp_path, weights) as client:
        portrait = send_portrait(client).json()["id"]
        long = {"kind": "sweep", "portrait": portrait, "options": {"seconds": 100, "output": "photo"}}
        ran = client.post("/api/jobs", json=long).json()["id"]
        wait_for(lambda: client.get(f"/api/jobs/{ran}").json()["done"] > 0)
        waited = client.post("/api/jobs", json={"kind": "edit", "portrait": portrait}).json()["id"]
    with serving(tmp_path, weights) as client:
        assert client.get(f"/api/jobs/{ran}").json()["error"] == "the server stopped"
        assert finished(client, waited)["state"] == "done"
    assert oct((tmp_path / "jobs").stat().st_mode)[-3:] == "700"


def test_a_video_that_is_too_long_is_refused_by_its_job(tmp_path, weights, clip):
    with serving(tmp_path, weights, max_minutes=0.01) as client:
        order = {"kind": "animate", "portrait": send_portrait(client).json()["id"]}
        data = write_clip(tmp_path / "long.mp4", moving_face(30)).read_bytes()
        for said in ("video", "sound", "picture"):  # whatever its sender calls it
            long = send_file(client, data, said)
            job = finished(client, client.post("/api/jobs", json={**order, "driving": long}).json()["id"])
            assert job["state"] == "failed" and "minutes" in job["error"]


@pytest.mark.parametrize(
    "changed, line",
    [
        ({"host": "0.0.0.0"}, "tls"),
        ({"host": "192.168.1.2", "insecure": False}, "tls"),
        ({"port": 70000}, "`port`"),
        ({"tls_cert": Path("a.pem")}, "go together"),
        ({"token": "a b"}, "`token`"),
        ({"sessions": 0}, "`sessions`"),
        ({"size": 100}, "`size`"),
        ({"size": 511}, "`size`"),
    ],
)
def test_what_cannot_be_or_must_be_asked_for_is_one_line(tmp_path, changed, line):
    with pytest.raises(ReenactError, match=line):
        Settings(tmp_path, **changed).check()


def test_live_pictures_are_of_one_size_whatever_the_photos(tmp_path):
    """A recording goes on when the portrait changes; films that are asked for are as large as ever."""
    server = Server.make(Settings(tmp_path, size=384))
    assert {engine.head_size for engine in server.seats._engines} == {384}


def test_who_asks_for_it_may_serve_others_and_tokens_are_long(tmp_path):
    Settings(tmp_path, host="0.0.0.0", insecure=True).check()
    one, other = Settings(tmp_path), Settings(tmp_path)
    assert one.token != other.token and len(one.token or "") >= 40
    assert one.address() == f"http://127.0.0.1:8765/#token={one.token}"


def test_a_bucket_of_messages_fills_again():
    now = [0.0]
    rate = Rate(10, lambda: now[0])
    assert [rate.take() for _ in range(21)] == [True] * 20 + [False]
    now[0] = 0.5
    assert [rate.take() for _ in range(6)] == [True] * 5 + [False]


def test_portraits_are_forgotten_after_a_while_but_not_the_one_that_was_given():
    from reenact.serve.portraits import HELD_MAX, KEEP_SECONDS, Portraits

    now = [0.0]
    held = Portraits(256, 1, lambda: now[0])
    given = held.add(PORTRAIT.read_bytes(), 1, None, keep=True)
    sent = held.add(PORTRAIT.read_bytes(), 1, "self")
    now[0] = KEEP_SECONDS + 1
    held.tidy()
    assert held.get(given.id) is given
    with pytest.raises(ReenactError, match="choose it again"):
        held.get(sent.id)
    many = []
    for _ in range(HELD_MAX + 1):
        now[0] += 1
        many.append(held.add(PORTRAIT.read_bytes(), 1, "self").id)
    with pytest.raises(ReenactError):
        held.get(many[0])
    assert io.BytesIO(held.get(many[-1]).picture()).getvalue()[:2] == b"\xff\xd8"
