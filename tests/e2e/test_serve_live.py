"""The live socket on the fake method: credits, steering, taking over, coming back, what goes wrong."""

from __future__ import annotations

import json
import socket
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
from starlette.testclient import TestClient
from starlette.websockets import WebSocketDisconnect

from clips import face, moving_face, scenery
from fake_method import write_fake_method
from live_page import LIVE, SPOKEN, VIEW, Page, page
from reenact.core.errors import ReenactError
from reenact.pipeline.control import Control
from reenact.runtime.onnx_method import OnnxMethod
from reenact.serve import live_socket, seats
from reenact.serve.outbox import Outbox
from reenact.serve.steering import parse_steer
from reenact.serve.wire import FROM_PAGE, JPEG, SAME, decode_jpeg, header, read_frame
from serve_client import TOKEN, jpeg, send_portrait, serving


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


def test_frames_are_asked_for_answered_and_timed(client, portrait):
    with page(client, portrait=portrait) as there:
        there.text("started")
        there.text("portrait", portrait=portrait)
        for number, image in enumerate(moving_face(4), 1):
            there.text("next")
            there.frame(image, number, 1000.0 + 40 * number)
            kind, _, captured, data = there.picture(number)
            assert captured == pytest.approx(1000.0 + 40 * number)
            assert kind == SAME or decode_jpeg(data).shape == (512, 512, 3)
        state = there.text("state", frames=4)
        assert state["face"] == "seen" and state["dropped"] == 0 and set(state["stages"]) >= {"wait", "track", "read", "draw"}


def test_the_picture_follows_the_driver_and_stands_when_he_does(client, portrait):
    with page(client, session="follows-him", portrait=portrait) as there:
        dark, bright = face(), np.minimum(face().astype(int) + 40, 255).astype(np.uint8)
        shown = []
        for number, image in enumerate([dark, bright, bright, bright, bright, bright, bright, bright, bright, bright]):
            there.text("next")
            there.frame(image, number, 100.0 * number)
            kind, *_, data = there.picture(number)
            shown.append(decode_jpeg(data).mean() if kind == JPEG else None)
        pictures = [mean for mean in shown if mean is not None]
        assert pictures[-1] > pictures[0] + 3
        assert shown[-1] is None, "nothing moves any more: the picture is not sent again"


def test_next_comes_before_the_picture(client, portrait, monkeypatch: pytest.MonkeyPatch):
    render = OnnxMethod.render

    def as_slow_as_a_network(self: OnnxMethod, *given: Any) -> np.ndarray:
        time.sleep(0.1)
        return render(self, *given)

    monkeypatch.setattr(OnnxMethod, "render", as_slow_as_a_network)
    with page(client, session="credit-first", portrait=portrait) as there:
        there.text("next")
        there.frame(face(), 1, 0.0)  # becomes the neutral: nothing moves, so nothing is rendered
        while not (there.pictures and there.pictures[-1][1] == 1 and there.texts[-1]["type"] == "next"):
            there.one()
        time.sleep(0.15)  # longer than a rendering takes, so that the next frame is asked for as it begins
        there.frame(face() // 2, 2, 0.2)
        there.texts.clear()
        while there.pictures[-1][1] != 2:
            there.one()
        assert any(text["type"] == "next" for text in there.texts)


def test_sliders_alone_draw(client, portrait):
    with page(client, session="sliders-only", portrait=portrait) as there:
        there.picture()
        there.say(type="steer", scale=1.2, yaw=10, shift=[0.1, 0], strength=0.5, parts="pose=source", smooth=0)
        there.say(type="calibrate")
        there.picture()
        there.say(type="steer", yaw=1e9)
        assert "\n" not in there.text("error")["line"]


@pytest.mark.parametrize(
    "given, line",
    [
        ({"yaw": "left"}, "number"),
        ({"yaw": True}, "number"),
        ({"scale": 99}, "scale"),
        ({"nose": 1}, "unknown slider"),
        ({"blendshapes": {"jawOpn": 1}}, "jawOpen"),
        ({"blendshapes": [1]}, "object"),
        ({"shift": [1]}, "number"),
        ({"shift": [0, 1e9]}, "between"),
        ({"roll": -1e9}, "between"),
        ({"parts": "nose=driver"}, "parts"),
        ({"mode": "sideways"}, "sideways"),
        ({"expression": "/etc/passwd"}, "unknown expression"),
        ({"strength": float("nan")}, "number"),
        ({"strength": 10**400}, "number"),
        ({"yaw": -(10**400)}, "number"),
    ],
)
def test_bad_sliders_are_one_line(given, line):
    with pytest.raises(ReenactError, match=line):
        parse_steer(given)


@pytest.mark.parametrize("said", ["", "default"])
def test_the_motion_of_the_weights_can_be_chosen_again(said):
    chosen = parse_steer({"mode": "absolute"}).control(Control())
    assert chosen.mode == "absolute" and parse_steer({"strength": 1}).control(chosen).mode == "absolute"
    assert parse_steer({"mode": said}).control(chosen).mode is None


def test_what_is_no_message_is_one_line_and_no_end(client, portrait):
    with page(client, session="nonsense-in", portrait=portrait) as there:
        there.text("next")
        for text in ("{", "[1]", '"x"', "[" * 5000, '{"type": "explode"}'):
            there.socket.send_text(text)
            assert "reload" in there.text("error")["line"]
        header_only = FROM_PAGE.pack(JPEG, 1, 0.0)
        for data in (b"", b"\x01", header_only, header_only + b"no jpeg", FROM_PAGE.pack(9, 1, 0.0) + b"x"):
            there.socket.send_bytes(data)
            there.text("error")
            there.text("next")
        there.socket.send_bytes(FROM_PAGE.pack(JPEG, 1, float("inf")) + jpeg(face()))
        there.text("error")
        there.frame(face(), 2, 0.0)
        there.picture(2)


def test_a_portrait_without_a_face_leaves_the_old_one(client, portrait):
    with page(client, session="bad-portrait", portrait=portrait) as there:
        there.text("portrait")
        there.say(type="portrait", portrait="gone")
        error = there.text("error", about="portrait")
        assert "no longer here" in error["line"]
        there.text("next")
        there.frame(face(), 1, 0.0)
        there.picture(1)


def test_a_frame_without_a_face_is_said_and_the_picture_held(client, portrait):
    with page(client, session="faceless", portrait=portrait) as there:
        for number in range(1, 4):
            there.text("next")
            there.frame(face(), number, 40.0 * number)
            there.picture(number)
        number, end = 3, time.monotonic() + 0.7
        while time.monotonic() < end:
            there.text("next")
            number += 1
            there.frame(scenery(), number, 40.0 * number)
            there.picture(number)
        assert there.text("state", face="lost")


@pytest.mark.parametrize("spoken", [[], ["reenact.1"], ["reenact.1", "token.wrong"]])
def test_a_socket_needs_the_token(client, spoken):
    with pytest.raises(Exception) as refused, client.websocket_connect(LIVE, subprotocols=spoken):
        pass
    assert "401" in str(refused.value) or getattr(refused.value, "status_code", None) == 401


@pytest.mark.parametrize("headers", [{"origin": "http://evil.example"}, {"host": "evil.example"}])
def test_a_socket_from_elsewhere_is_refused(client, headers):
    with pytest.raises(Exception) as refused, client.websocket_connect(LIVE, subprotocols=SPOKEN, headers=headers):
        pass
    assert getattr(refused.value, "status_code", None) == 403 or "403" in str(refused.value)


def test_another_protocol_is_refused(client):
    with pytest.raises(WebSocketDisconnect) as refused, client.websocket_connect(LIVE, subprotocols=[f"token.{TOKEN}"]):
        pass
    assert refused.value.code == 1002


@pytest.mark.parametrize("first", ["{", '{"type": "steer"}', '{"type": "start"}', '{"type": "start", "session": "short"}'])
def test_the_first_message_must_be_start(client, first):
    with client.websocket_connect(LIVE, subprotocols=SPOKEN) as opened:
        opened.send_text(first)
        assert opened.receive()["code"] == 1008


def test_a_second_page_waits_or_takes_over_and_the_first_is_told(client, portrait):
    with page(client, session="first-page", portrait=portrait) as first:
        first.text("next")
        with page(client, session="second-page", portrait=portrait) as second, pytest.raises(WebSocketDisconnect) as busy:
            second.one()
        assert busy.value.code == 4429 and json.loads(busy.value.reason) == {"waiting": 1}
        with page(client, session="second-page", portrait=portrait, take_over=True) as second:
            second.text("started")
            with pytest.raises(WebSocketDisconnect) as told:
                first.until(lambda: False)
            assert told.value.code == 4409
            second.text("next")
            second.frame(face(), 1, 0.0)
            second.picture(1)


def test_a_page_that_comes_back_finds_its_session_and_its_picture(client, portrait):
    with page(client, session="comes-back", portrait=portrait) as there:
        there.text("next")
        there.frame(face(), 1, 0.0)
        there.picture(1)
    with page(client, session="comes-back", portrait=portrait) as there:
        kind, number, _, data = there.picture()
        assert kind == JPEG and number == 0xFFFFFFFF and decode_jpeg(data).shape == (512, 512, 3)
        there.text("next")
        there.frame(face(), 2, 40.0)
        there.picture(2)
        assert there.text("state", frames=2), "the same session went on"


def test_a_page_that_went_away_leaves_its_seat(client, portrait):
    with page(client, session="went-away", portrait=portrait) as there:
        there.text("next")
    assert client.get("/api/info").json()["sessions"]["free"] == 1
    with page(client, session="the-next-one", portrait=portrait) as there:
        there.text("next")


def test_a_silent_page_is_ended(tmp_path, weights, monkeypatch):
    monkeypatch.setattr(live_socket, "SILENT_SECONDS", 0.3)
    monkeypatch.setattr(seats, "GRACE_SECONDS", 0.0)
    with serving(tmp_path, weights) as client, page(client) as there:
        with pytest.raises(WebSocketDisconnect) as ended:
            there.until(lambda: False)
        assert ended.value.code == 4408


def test_too_many_messages_end_the_socket(client, portrait):
    with page(client, session="too-many-of", portrait=portrait) as there:
        for _ in range(200):
            there.say(type="alive")
        with pytest.raises(WebSocketDisconnect) as ended:
            there.until(lambda: False)
        assert ended.value.code == 1008


def test_a_session_that_fails_says_why_and_the_next_one_works(client, portrait, monkeypatch):
    from reenact.live.follower import Follower

    def broken(*_: Any) -> None:
        raise RuntimeError("out of\nluck")

    with page(client, session="breaks-down", portrait=portrait) as there:
        there.text("next")
        with monkeypatch.context() as patched:
            patched.setattr(Follower, "frame", broken)
            for number in range(3):
                there.frame(face(), number, 40.0 * number)
                there.text("next" if number < 2 else "error")
        with pytest.raises(WebSocketDisconnect) as ended:
            there.until(lambda: False)
        assert ended.value.code == 1011
    with page(client, session="breaks-down", portrait=portrait) as there:
        there.text("next")
        there.frame(face(), 9, 0.0)
        there.picture(9)


@pytest.mark.parametrize(
    "asked, line",
    [
        ({"app": "telepathy"}, "unknown tracker"),
        ({"app": "vts"}, "address"),
        ({"app": "livelink", "where": "phone"}, "port"),
        ({"app": "livelink", "axes": "up,down"}, "axes"),
        ({"app": None}, "unknown tracker"),
    ],
)
def test_a_phone_that_cannot_be_is_one_line(client, portrait, asked, line):
    with page(client, session="wrong-phone", portrait=portrait) as there:
        there.say(type="phone", on=True, **asked)
        assert line in there.text("error", about="phone")["line"]


def test_a_phone_that_is_not_heard_is_said_and_lets_its_port_go(client, portrait):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    with page(client, session="quiet-phone", portrait=portrait) as there:
        for _ in range(2):
            there.say(type="phone", on=True, app="livelink", where=str(port))
            there.until(lambda: any(t["type"] == "state" and f"port {port}" in (t["trouble"] or "") for t in there.texts))
            there.texts.clear()
        there.say(type="phone", on=False)
        assert there.text("state", trouble=None)
        assert not [t for t in there.texts if t["type"] == "error"]


def test_a_viewer_sees_what_the_page_sees(client, portrait):
    with page(client, session="is-watched", portrait=portrait) as there:
        there.picture()
        with client.websocket_connect(VIEW, subprotocols=SPOKEN) as opened:
            viewer = Page(opened)
            assert viewer.picture()[0] == JPEG
            there.say(type="steer", scale=1.3)
            there.text("next")
            bright = np.minimum(face().astype(int) + 60, 255).astype(np.uint8)
            there.frame(face(), 1, 0.0)
            there.text("next")
            there.frame(bright, 2, 500.0)
            assert viewer.picture(2)[0] == JPEG
            assert there.text("state", viewers=1)


def test_a_viewer_without_the_token_sees_nothing(client):
    with pytest.raises(Exception) as refused, client.websocket_connect(VIEW, subprotocols=["reenact.1"]):
        pass
    assert getattr(refused.value, "status_code", None) == 401 or "401" in str(refused.value)


def test_large_camera_frames_are_refused_before_they_are_decoded():
    big = np.zeros((1400, 100, 3), np.uint8)
    with pytest.raises(ReenactError, match="1280"):
        decode_jpeg(jpeg(big))
    with pytest.raises(ReenactError):
        decode_jpeg(b"\x89PNG\r\n\x1a\n")
    bomb = bytearray(jpeg(np.zeros((16, 16, 3), np.uint8)))
    size = bomb.index(b"\xff\xc0") + 5
    bomb[size : size + 4] = b"\xea\x60" * 2  # 60000 x 60000
    with pytest.raises(ReenactError, match="could not be decoded"):
        decode_jpeg(bytes(bomb))
    frame = read_frame(FROM_PAGE.pack(JPEG, 7, 12.5) + b"x")
    assert (frame.number, frame.captured, frame.jpeg) == (7, 12.5, b"x")


def test_only_the_newest_picture_waits_but_every_text_does():
    import asyncio

    async def run() -> list[str | bytes]:
        box = Outbox()
        box.show(header(JPEG, 1, 0.0, (0, 0, 0, 0)), b"one")
        box.show(header(JPEG, 2, 0.0, (0, 0, 0, 0)), b"two")
        box.show(header(SAME, 3, 0.0, (0, 0, 0, 0)), None)
        box.say({"a": 1})
        box.say({"b": 2})
        return [await box.take() for _ in range(3)]

    first, second, picture = asyncio.run(run())
    assert (first, second) == ('{"a":1}', '{"b":2}')
    assert picture == header(JPEG, 3, 0.0, (0, 0, 0, 0)) + b"two", "the picture that was not sent goes with the newest header"
