"""What `reenact serve` has been asked for."""

from __future__ import annotations

import importlib.util
import ipaddress
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from reenact.core.errors import ReenactError
from reenact.motion.smooth import check_smooth
from reenact.runtime.background import Background
from reenact.runtime.detail import LEAST, head_side
from reenact.runtime.engine import Engine
from reenact.runtime.graph import Precision
from reenact.runtime.renderer import Renderer

Transport = Literal["auto", "websocket", "webrtc"]
"""how camera and picture travel. auto: by WebRTC to other computers, where it is installed; on this one the socket is sooner"""
LOOPBACK = ("localhost", "127.0.0.1", "::1")


ICE_SERVER = re.compile(r"(stun|turns?):[^\s,?]{1,250}")


@dataclass(frozen=True)
class Settings:
    """Addresses, bounds and the method. `check` first."""

    folder: Path
    """where uploads, jobs and recordings lie, and nothing else"""
    host: str = "127.0.0.1"
    port: int = 8765
    token: str | None = field(default_factory=lambda: secrets.token_urlsafe(32))
    """None: whoever reaches the port may use it"""
    tls_cert: Path | None = None
    tls_key: Path | None = None
    allow_hosts: tuple[str, ...] = ()
    """names besides our own that a request's Host may carry"""
    insecure: bool = False
    """serve another host than loopback without TLS or without a token"""
    sessions: int = 1
    """live pictures at once"""
    max_image_mb: float = 20.0
    max_video_mb: float = 200.0
    max_minutes: float = 10.0
    """of a recording, and of a job's driving video"""
    jobs: int = 16
    """that may wait"""
    keep_hours: float = 24.0
    """until uploads and results are removed"""
    method: str = "mmfa"
    device: str = "auto"
    threads: int = 0
    precision: Precision = "auto"
    renderer: Renderer = "auto"
    """of live pictures; jobs, which have time, are rendered by the full one unless fast is asked for"""
    background: Background = "still"
    size: int = 512
    """side of live pictures, px, whatever the photo's: above 256 with the photo's own detail"""
    smooth: float = 0.5
    transport: Transport = "auto"
    ice_servers: tuple[str, ...] = ()
    """by which pages and this server find a way to each other: stun:HOST:PORT, turn:USER:PASSWORD@HOST:PORT"""

    def check(self) -> None:
        """Raises ReenactError for what cannot be, or must be asked for by name."""
        bounds = {
            "`port`": (self.port, 0, 65535),
            "`sessions`": (self.sessions, 1, 64),
            "`max_image_mb`": (self.max_image_mb, 0.01, 1000),
            "`max_video_mb`": (self.max_video_mb, 0.01, 100_000),
            "`max_minutes`": (self.max_minutes, 0.01, 24 * 60),
            "`jobs`": (self.jobs, 0, 10_000),
            "`keep_hours`": (self.keep_hours, 0.01, 24 * 366),
        }
        for name, (value, low, high) in bounds.items():
            if not low <= value <= high:
                raise ReenactError(f"{name} must lie between {low:g} and {high:g}, not {value:g}")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ReenactError("`tls_cert` and `tls_key` go together: give both or neither")
        for path in (self.tls_cert, self.tls_key):
            if path is not None and not path.is_file():
                raise ReenactError(f"{path}: no such file; give the certificate and its key as PEM")
        if self.token is not None and not (self.token.isascii() and self.token.replace("-", "").replace("_", "").isalnum()):
            raise ReenactError("`token`: use letters, digits, - and _ (it travels in an address)")
        if self.transport not in get_args(Transport):
            raise ReenactError(f"`transport` {self.transport!r}: choose one of {', '.join(get_args(Transport))}")
        if self.transport == "webrtc" and not webrtc_installed():
            raise ReenactError("`transport` webrtc needs: pip install 'reenact[webrtc]'")
        if not self.host.strip():
            raise ReenactError("`host` is empty: write 0.0.0.0 for all addresses of this computer")
        for name in self.allow_hosts:
            if not _is_name(name):
                raise ReenactError(f"`allow_host` {name!r}: write the name alone, as example.org, without http:// and port")
        for address in self.ice_servers:
            if not ICE_SERVER.fullmatch(address):
                raise ReenactError(f"`ice_server` {address!r}: write stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT")
        self.engine.check()
        head_side(self.size, LEAST, LEAST)
        check_smooth(self.smooth)
        self._check_exposure()

    @property
    def engine(self) -> Engine:
        """Of the jobs; live pictures have a side of their own."""
        return Engine(self.method, self.device, self.threads, self.background, LEAST, self.precision, self.renderer)

    def _check_exposure(self) -> None:
        if self.loopback or self.insecure:
            return
        if self.tls_cert is None:
            raise ReenactError(
                f"`host` {self.host} can be reached by others: give `tls_cert` and `tls_key` (browsers open a camera for https"
                " only), or `insecure` if something else encrypts"
            )
        if self.token is None:
            raise ReenactError(f"`host` {self.host} can be reached by others: give a `token`, or add `insecure`")

    @property
    def rtc(self) -> bool:
        """Whether pages may send their camera by WebRTC."""
        return self.transport != "websocket" and webrtc_installed()

    @property
    def loopback(self) -> bool:
        """Whether only this computer can reach the server."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"

    @property
    def hosts(self) -> frozenset[str]:
        """Host names that a request may carry, lower case, IPv6 without brackets."""
        bound = () if self.host in ("0.0.0.0", "::") else (self.host,)
        return frozenset(name.lower().strip("[]").rstrip(".") for name in (*LOOPBACK, *bound, *self.allow_hosts))

    def address(self, port: int | None = None) -> str:
        """What is typed into the browser, the token behind the # where no log sees it."""
        host = self.host if self.host not in ("0.0.0.0", "::") else (self.allow_hosts or ("localhost",))[0]
        host = f"[{host}]" if ":" in host else host
        token = "" if self.token is None else f"#token={self.token}"
        return f"{'https' if self.tls_cert else 'http'}://{host}:{port or self.port}/{token}"


def _is_name(host: str) -> bool:
    """Whether this is a host's name or address alone."""
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return re.fullmatch(r"[^\s:/\[\]@?#]+", host) is not None
    return True


def webrtc_installed() -> bool:
    """Whether the extra `webrtc` is."""
    return importlib.util.find_spec("aiortc") is not None
