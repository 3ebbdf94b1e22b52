"""Camera frames in and rendered pictures out by WebRTC, for the internet between page and server (extra `webrtc`).

Only the pictures go this way: orders, states and the portrait stay on the live socket, and the session behind both is the same.
aiortc needs two things from us: a jitter buffer that does not wait for the next frame (`PromptBuffer`), and somebody who takes
every frame it has, since its queue has no end.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.exceptions import InvalidStateError
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import MediaStreamError

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.live.session import Frame
from reenact.serve.seats import Live

CLOCK = 90_000
"""ticks a second of video in RTP (RFC 3551)"""
AGAIN_SECONDS = 1.0
"""ours: a picture that stands is sent again so often: a page that has just come, or lost a packet, wants one"""
SIDE = 384
"""px, as the page sends by its socket"""
CAPACITY = 512
"""packets, as aiortc has it for video"""
_BUFFER = "_RTCRtpReceiver__jitter_buffer"


class PromptBuffer(JitterBuffer):
    """Gives a frame out with its own last packet (the marker bit, RFC 3550), not with the first of the next one: a frame's time
    less delay."""

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        return super()._remove_frame(sequence_number) or self._whole()

    def _whole(self) -> JitterFrame | None:
        packets: list[Any] = []
        for count in range(self._capacity):
            packet = self._packets[((self._origin or 0) + count) % self._capacity]
            if packet is None or (packets and packet.timestamp != packets[0].timestamp):
                return None
            packets.append(packet)
            if packet.marker:
                self.remove(len(packets))
                return JitterFrame(b"".join(part._data for part in packets), packet.timestamp)
        return None


class Drawn(MediaStreamTrack):
    """The newest picture, each once."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._newest: Image | None = None
        self._more = asyncio.Event()
        self._began = time.monotonic()

    def show(self, image: Image) -> None:
        """On the event loop."""
        self._newest = image
        self._more.set()

    async def recv(self) -> av.VideoFrame:
        """aiortc asks for the next when this one has been encoded."""
        while True:
            try:
                await asyncio.wait_for(self._more.wait(), AGAIN_SECONDS)
            except TimeoutError:
                if self.readyState != "live":
                    raise MediaStreamError from None
            self._more.clear()
            if self._newest is not None:
                frame = av.VideoFrame.from_ndarray(self._newest, format="rgb24")
                frame.pts, frame.time_base = round((time.monotonic() - self._began) * CLOCK), Fraction(1, CLOCK)
                return frame


class Peer:
    """One page's connection; takes the place of its live socket for pictures while it is open. On the event loop."""

    def __init__(self, live: Live, ice_servers: Sequence[str] = ()) -> None:
        """ice_servers: addresses as stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT."""
        self.id = secrets.token_urlsafe(12)
        self.open = False
        self._live = live
        self._connection = RTCPeerConnection(RTCConfiguration([_ice(address) for address in ice_servers]))
        self._drawn = Drawn()
        self._newest: av.VideoFrame | None = None
        self._wanted, self._number = True, 0
        self._reading: asyncio.Task[None] | None = None
        self._connection.on("track", self._taken)
        self._connection.on("connectionstatechange", self._changed)

    async def answer(self, offer: str) -> str:
        """SDP to SDP, all addresses in it. Raises ReenactError for what is no offer of a camera."""
        try:
            await self._connection.setRemoteDescription(RTCSessionDescription(offer, "offer"))
            if self._reading is None:
                raise ValueError("no video in it")
            self._connection.addTrack(self._drawn)
            for receiver in (transceiver.receiver for transceiver in self._connection.getTransceivers()):
                if hasattr(receiver, _BUFFER):
                    setattr(receiver, _BUFFER, PromptBuffer(CAPACITY, is_video=True))
            await self._connection.setLocalDescription(await self._connection.createAnswer())
        except (ValueError, LookupError, AttributeError, TypeError, AssertionError, InvalidStateError) as error:
            await self.close()
            raise ReenactError(f"this is no offer that can be answered ({str(error)[:80] or type(error).__name__})") from None
        if self._live.outbox is None:  # the page has gone meanwhile
            await self.close()
            raise ReenactError("the live socket has gone: open it again, then offer again")
        before, self._live.peer = self._live.peer, self
        if before is not None:  # of an offer made at the same time
            await before.close()
        return self._connection.localDescription.sdp

    def show(self, image: Image) -> None:
        """The newest rendered picture."""
        self._drawn.show(image)

    def want(self) -> None:
        """The session asks for a frame: the newest, or the next."""
        self._wanted = True
        self._offer()

    async def close(self) -> None:
        """The page gets its pictures by its socket again."""
        self.open = False
        if self._live.peer is self:
            self._live.peer = None
        if self._reading is not None:
            self._reading.cancel()
        self._drawn.stop()
        await self._connection.close()

    def _taken(self, track: MediaStreamTrack) -> None:
        if track.kind == "video" and self._reading is None:
            self._reading = asyncio.ensure_future(self._read(track))

    async def _read(self, track: MediaStreamTrack) -> None:
        """Takes every frame and keeps the newest."""
        while True:
            try:
                frame = await track.recv()
            except MediaStreamError:
                return
            if isinstance(frame, av.VideoFrame):
                self._newest = frame
                self._offer()

    def _offer(self) -> None:
        frame = self._newest
        if frame is None or not self._wanted:
            return
        self._newest, self._wanted = None, False
        self._number += 1
        self._live.offer(Frame(square(frame), float(frame.time or 0), self._number))

    async def _changed(self) -> None:
        state = self._connection.connectionState
        if state == "connected" and self._live.peer is self:
            self.open = True
            self._live.resume()
        elif state in ("failed", "closed") and self._live.peer is self:
            await self.close()
            self._live.resume()


def square(frame: av.VideoFrame) -> Image:
    """Its middle, at most `SIDE` px a side."""
    factor = min(1.0, SIDE / min(frame.width, frame.height))
    width, height = round(frame.width * factor), round(frame.height * factor)
    image = frame.to_ndarray(format="rgb24", width=width, height=height)
    side = min(width, height)
    left, top = (width - side) // 2, (height - side) // 2
    return np.ascontiguousarray(image[top : top + side, left : left + side])


def _ice(address: str) -> RTCIceServer:
    """turn:USER:PASSWORD@HOST:PORT carries its credentials."""
    scheme, _, rest = address.partition(":")
    who, at, host = rest.rpartition("@")
    name, _, password = who.partition(":")
    return RTCIceServer(f"{scheme}:{host}", name, password) if at else RTCIceServer(address)
