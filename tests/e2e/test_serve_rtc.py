"""Pictures by WebRTC beside the live socket: the same session draws, nothing queues, and the socket takes over when it ends."""

from __future__ import annotations

import asyncio
import json
import statistics
import sys
import time
from concurrent.futures import CancelledError
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("aiortc", reason="the extra webrtc is not installed")
from aiortc import MediaStreamTrack, RTCPeerConnection, RTCSessionDescription
from aiortc.jitterbuffer import JitterBuffer
from aiortc.rtp import RtpPacket

from clips import moving_face
from fake_method import write_fake_method
from reenact.core.errors import ReenactError
from reenact.serve.rtc import Peer, PromptBuffer, square
from reenact.serve.settings import Settings
from serve_client import BASE, TOKEN, send_portrait, serving, wait_for

SPOKEN = ["reenact.1", f"token.{TOKEN}"]
SDP = {"content-type": "application/sdp", "reenact-session": "rtc-tests"}


class Camera(MediaStreamTrack):
    """30 frames a second, over and over; each carries its number as four black or white blocks of 8 bits."""

    kind = "video"

    def __init__(self, images: list[np.ndarray]) -> None:
        super().__init__()
        self._images, self._number, self._began = images, -1, time.monotonic()
        self.sent: dict[int, float] = {}

    async def recv(self) -> av.VideoFrame:
        self._number += 1
        await asyncio.sleep(max(0.0, self._began + self._number / 30 - time.monotonic()))
        image = self._images[self._number % len(self._images)].copy()
        for bit in range(8):
            image[:16, 16 * bit : 16 * bit + 16] = 255 * (self._number >> bit & 1)
        self.sent[self._number % 256] = time.monotonic()
        frame = av.VideoFrame.from_ndarray(image, format="rgb24")
        frame.pts, frame.time_base = self._number * 3000, Fraction(1, 90_000)
        return frame


def number_of(image: np.ndarray) -> int:
    scale = image.shape[1] / 256
    return sum((image[int(8 * scale), int((16 * bit + 8) * scale)].mean() > 128) << bit for bit in range(8))


async def connected(camera: Camera, exchange: Any, enough: Any, seen: Any) -> str:
    """A client's side: `exchange` gives the answer to an offer; `seen` gets every picture, until there are `enough`. Gives the
    connection's last state."""
    peer, pictures = RTCPeerConnection(), []
    peer.addTrack(camera)

    @peer.on("track")
    def taken(track: MediaStreamTrack) -> None:
        async def read() -> None:
            while True:
                seen((await track.recv()).to_ndarray(format="rgb24"))

        pictures.append(asyncio.ensure_future(read()))

    await peer.setLocalDescription(await peer.createOffer())
    await peer.setRemoteDescription(RTCSessionDescription(await exchange(peer.localDescription.sdp), "answer"))
    end = time.monotonic() + 90  # where others use the machine
    while not enough() and time.monotonic() < end:
        await asyncio.sleep(0.1)
    state = peer.connectionState
    for task in pictures:
        task.cancel()
    await peer.close()
    return state


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory):
    weights = write_fake_method(tmp_path_factory.mktemp("weights") / "fake")
    with serving(tmp_path_factory.mktemp("served"), weights, transport="webrtc") as client:
        yield client


def test_the_camera_drives_the_same_session(client) -> None:
    assert client.get("/api/info").json()["rtc"] is True
    portrait = send_portrait(client).json()["id"]
    seen: list[np.ndarray] = []
    with client.websocket_connect(f"{BASE.replace('http', 'ws')}/api/live", subprotocols=SPOKEN) as socket:
        socket.send_json({"type": "start", "session": "rtc-tests", "portrait": portrait})

        def until(kind: str, **least: int) -> None:
            while True:
                message = json.loads(socket.receive().get("text") or "{}")
                if message.get("type") == kind and all(message[name] >= value for name, value in least.items()):
                    return

        until("next")

        async def exchange(offer: str) -> str:
            answer = await asyncio.to_thread(client.post, "/api/rtc", content=offer, headers=SDP)
            assert answer.status_code == 201, answer.text
            exchange.place = answer.headers["location"]  # type: ignore[attr-defined]
            return answer.text

        state = asyncio.run(connected(Camera(moving_face(8)), exchange, lambda: len(seen) > 20, seen.append))
        assert state == "connected" and len(seen) > 10 and seen[0].shape == (512, 512, 3)
        assert max(np.abs(image.astype(int) - seen[0]).mean() for image in seen) > 1, "it moves"
        until("state", frames=10)  # the socket's session has drawn them
        gone = [client.delete(exchange.place).status_code for _ in range(2)]  # type: ignore[attr-defined]
        assert gone == [204, 204], "whether the camera's goodbye came first or not"
        until("next")  # frames are asked of the socket again


def test_what_cannot_be_is_one_line(client) -> None:
    assert client.post("/api/rtc", content="v=0", headers={**SDP, "reenact-session": "nobody"}).status_code == 409
    assert client.post("/api/rtc", content="v=0", headers={"reenact-session": "x"}).status_code == 415
    assert client.post("/api/rtc", content=b"x" * 70_000, headers=SDP).status_code == 413
    assert client.delete("/api/rtc/none").status_code == 204, "what has ended by itself is ended"
    live, answers = f"{BASE.replace('http', 'ws')}/api/live", []
    # the test client may cancel the session's task before it has ended, and raise that as it leaves
    with suppress(CancelledError), client.websocket_connect(live, subprotocols=SPOKEN) as socket:
        socket.send_json({"type": "start", "session": "rtc-tests"})
        wait_for(lambda: client.post("/api/rtc", content="v=0", headers=SDP).status_code != 409)
        offers = ("v=0", "hello", "v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n")
        answers += [client.post("/api/rtc", content=offer, headers=SDP) for offer in offers]
    assert len(answers) == 3
    for answer in answers:
        assert answer.status_code == 422 and "offer" in answer.json()["error"], answer.text


def test_without_it_the_page_is_told_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = write_fake_method(tmp_path / "fake")
    with serving(tmp_path / "served", weights, transport="websocket") as client:
        assert client.get("/api/info").json()["rtc"] is False
        assert client.post("/api/rtc", content="v=0", headers=SDP).status_code == 501
    monkeypatch.setattr(sys.modules[Settings.__module__], "webrtc_installed", lambda: False)
    with pytest.raises(ReenactError, match="reenact\\[webrtc\\]"):
        Settings(tmp_path, transport="webrtc").check()
    with pytest.raises(ReenactError, match="stun:HOST:PORT"):
        Settings(tmp_path, ice_servers=("http://x",)).check()


def test_the_newest_frame_comes_back_without_a_queue() -> None:
    """A session that takes 40 ms a frame, told as an echo: what is seen stays as late as it was."""
    late: list[tuple[float, float]] = []

    async def run() -> str:
        waiting: list[Any] = []
        live: Any = SimpleNamespace(peer=None, outbox=object(), resume=lambda: None, offer=lambda frame: waiting.append(frame))
        peer = Peer(live)
        camera = Camera([np.full((256, 256, 3), 90, np.uint8)])

        async def work() -> None:
            while True:
                await asyncio.sleep(0.04)
                if waiting:
                    peer.show(waiting.pop().image)
                    peer.want()

        def seen(image: np.ndarray) -> None:
            if (began := camera.sent.get(number_of(image))) is not None:
                late.append((time.monotonic(), time.monotonic() - began))

        working = asyncio.ensure_future(work())
        state = await connected(camera, peer.answer, lambda: len(late) > 100, seen)
        working.cancel()
        await peer.close()
        return state

    assert asyncio.run(run()) == "connected" and len(late) > 30
    half = (late[0][0] + late[-1][0]) / 2
    first, second = ([wait for at, wait in late if (at < half) == early] for early in (True, False))
    assert statistics.median(second) < 1.5 * statistics.median(first) + 0.1


@pytest.mark.parametrize("order", ["in order", "swapped", "one lost"])
def test_a_frame_is_given_out_with_its_own_last_packet(order: str) -> None:
    packets = []
    for number in range(30):
        frame, part = divmod(number, 3)
        packet = RtpPacket(sequence_number=(65_530 + number) % 65_536, timestamp=3000 * frame, marker=int(part == 2))
        packet._data = bytes([frame, part])  # type: ignore[attr-defined]
        packets.append(packet)
    if order == "swapped":
        packets[4], packets[5] = packets[5], packets[4]
    if order == "one lost":
        del packets[10]
    given: dict[str, list[tuple[int, bytes]]] = {}
    for name, buffer in (("aiortc", JitterBuffer(512, is_video=True)), ("prompt", PromptBuffer(512, is_video=True))):
        for at, packet in enumerate(packets):
            _, frame = buffer.add(packet)
            if frame is not None:
                given.setdefault(name, []).append((at, frame.data))
    assert [data for _, data in given["prompt"][: len(given["aiortc"])]] == [data for _, data in given["aiortc"]]
    assert all(soon < late for (soon, _), (late, _) in zip(given["prompt"], given["aiortc"], strict=False))


def test_the_square_in_the_middle_is_what_is_read() -> None:
    image = np.zeros((480, 640, 3), np.uint8)
    image[:, 80:560] = 200
    shown = square(av.VideoFrame.from_ndarray(image, format="rgb24"))
    assert shown.shape == (384, 384, 3) and shown.min() > 150
