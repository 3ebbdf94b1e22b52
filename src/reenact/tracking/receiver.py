"""A tracker's packets from the network: one UDP socket, one thread, nothing kept but what has just come."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from reenact.core.errors import ReenactError
from reenact.tracking import ifacialmocap, livelink, vmc, vts
from reenact.tracking.reading import Reading

Parse = Callable[[bytes], Reading | None]
POLL = 0.2
"""ours: seconds between checks of whether to stop or to ask again"""
SILENT = 5.0
"""ours: seconds after which another sender may take over"""
DRAIN = 0.02
"""ours: seconds that packets are looked at before the newest estimate of them is given: more may come than are parsed in time"""
BYTES = 65_535
KINDS = ("livelink", "ifacialmocap", "facemotion3d", "vts", "vmc")


@dataclass(frozen=True)
class Tracker:
    """Who sends, and who has to begin."""

    kind: str
    port: int
    """ours, that packets come to; 0 is any"""
    phone: tuple[str, int] | None = None
    """address that has to be asked; None: it sends by itself"""

    @staticmethod
    def of(kind: str, where: str = "") -> Tracker:
        """'livelink', '' or its port; 'ifacialmocap', 'facemotion3d' and 'vts' with the phone's address; 'vmc', '' or its port.

        Raises ReenactError for a kind, a port or an address that is none.
        """
        if kind not in KINDS:
            raise ReenactError(f"unknown tracker {kind!r}: choose one of {', '.join(KINDS)}")
        if kind in ("livelink", "vmc"):
            default = livelink.PORT if kind == "livelink" else vmc.PORT
            return Tracker(kind, _port(kind, where) if where else default)
        if not where:
            raise ReenactError(f"{kind} has to be asked: write {kind}:ADDRESS with the phone's address, which its app shows")
        host, _, port = where.partition(":")
        if ":" in port:
            raise ReenactError(f"{kind}:{where}: an address of IPv6; these apps speak IPv4: write the phone's, as 192.168.1.20")
        ports = {"ifacialmocap": ifacialmocap.PORT, "facemotion3d": ifacialmocap.FACEMOTION_PORT, "vts": vts.PORT}
        answers = 0 if kind == "vts" else ifacialmocap.PORT
        return Tracker(kind, answers, (host, _port(kind, port) if port else ports[kind]))

    def parser(self) -> Parse:
        """Raises ReenactError where an extra is missing."""
        if self.kind == "vmc":
            return vmc.Vmc().parse
        return {"livelink": livelink.parse, "vts": vts.parse}.get(self.kind, ifacialmocap.parse)

    def hello(self, port: int) -> bytes:
        """What asks the phone to send to our `port`."""
        return {"vts": vts.hello(port), "facemotion3d": ifacialmocap.FACEMOTION_HELLO}.get(self.kind, ifacialmocap.HELLO)


class Receiver:
    """A context manager; `got` is called in its thread with the latest estimate of those that had arrived."""

    def __init__(self, tracker: Tracker, got: Callable[[Reading], None], host: str = "") -> None:
        """host: address of ours to listen at, '' is all. Raises ReenactError for a port that cannot be had."""
        self._tracker, self._got, self._parse = tracker, got, tracker.parser()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._socket.bind((host, tracker.port))
        except OSError as error:
            self._socket.close()
            reason = error.strerror or error
            raise ReenactError(f"UDP port {tracker.port} cannot be had ({reason}): end what holds it or name another") from None
        self._socket.settimeout(POLL)
        self.port: int = self._socket.getsockname()[1]
        self.parsed = 0
        """packets that were parsed"""
        self.ignored = 0
        """packets that could not be parsed, or came from someone else"""
        self.seen = ""
        """how the last packet that could not be parsed begins"""
        self._sender: str | None = None
        self._heard = self._asked = self._strange = float("-inf")
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="reenact-tracker", daemon=True)

    def __enter__(self) -> Receiver:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """On return nothing is received any more."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        self._socket.close()

    def trouble(self) -> str | None:
        """A hint for a user who sees nothing; None while packets come."""
        now = time.monotonic()
        if now - self._heard < SILENT:
            return None
        if now - self._strange < SILENT:  # of what came long ago nothing can be mended any more
            return f"{self.ignored} packets are none of {self._tracker.kind} (the last begins {self.seen}): choose its ARKit mode"
        where = f"port {self.port}" if self._tracker.phone is None else f"{self._tracker.phone[0]}"
        return f"nothing comes from {self._tracker.kind} at {where}: same network, firewall, the app in front?"

    def _run(self) -> None:
        while not self._stop.is_set():
            self._ask()
            try:
                newest = self._drain(*self._socket.recvfrom(BYTES))
            except (TimeoutError, ConnectionError):  # the latter: the phone's port is closed
                continue
            except OSError:
                return
            if newest is not None:
                self._got(newest)

    def _drain(self, packet: bytes, sender: tuple) -> Reading | None:
        """The latest estimate of the packets that have arrived, as far as `DRAIN` seconds suffice to look at them."""
        end = time.monotonic() + DRAIN
        newest = self._take(packet, sender[0])
        self._socket.setblocking(False)
        try:
            while not self._stop.is_set() and time.monotonic() < end:
                packet, sender = self._socket.recvfrom(BYTES)
                newest = self._take(packet, sender[0]) or newest
        except (BlockingIOError, ConnectionError):
            pass
        finally:
            self._socket.settimeout(POLL)
        return newest

    def _take(self, packet: bytes, sender: str) -> Reading | None:
        now = time.monotonic()
        if self._sender is not None and sender != self._sender and now - self._heard < SILENT:
            self.ignored, self._strange = self.ignored + 1, now
            return None
        reading = self._parse(packet)
        if reading is None and self._tracker.kind != "vmc":  # of VMC, many packets end no frame
            self.ignored, self._strange = self.ignored + 1, now
            self.seen = packet[:12].hex(" ")
        if reading is not None:
            self.parsed += 1
            self._sender, self._heard = sender, now
        return reading

    def _ask(self) -> None:
        """The phone, every two seconds while it has to be."""
        now = time.monotonic()
        needed = self._tracker.kind == "vts" or now - self._heard > vts.ASK_EVERY
        if self._tracker.phone is None or not needed or now - self._asked < vts.ASK_EVERY:
            return
        self._asked = now
        with contextlib.suppress(OSError, UnicodeError):  # no such host, no network: `trouble` says it
            self._socket.sendto(self._tracker.hello(self.port), self._tracker.phone)


def _port(kind: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise ReenactError(f"{kind}:{text}: a port is a number from 1 to 65535")
    return int(text)
