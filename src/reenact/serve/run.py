"""A server on an address, until it is stopped."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Callable
from pathlib import Path

import uvicorn

from reenact.core.errors import ReenactError
from reenact.media.image import check_readable
from reenact.serve.app import build
from reenact.serve.limits import MESSAGE_MAX
from reenact.serve.place import held
from reenact.serve.server import Server
from reenact.serve.settings import Settings

STOP_SECONDS = 3
SWITCH_SECONDS = 0.001
"""ours: as long may the rendering thread keep the interpreter from the sending one, instead of Python's 5 ms"""


def serve(settings: Settings, portrait: Path | None, announce: Callable[[str], None]) -> None:
    """Serves until a signal. portrait: a photo that the page begins with; announce: gets the address once it is reachable.

    Raises ReenactError, before anything is served, for a bad setting or portrait and for an address that cannot be had.
    """
    settings.check()
    with held(settings.folder):
        _serve(settings, portrait, announce)


def _serve(settings: Settings, portrait: Path | None, announce: Callable[[str], None]) -> None:
    server = Server.make(settings)
    if portrait is not None:
        data = check_readable(portrait, "photo").read_bytes()
        try:
            server.portraits.add(data, 1, None, keep=True)
        except ReenactError as error:
            raise ReenactError(f"{portrait}: {str(error).removeprefix('the photo: ')}") from None
        server.portraits.rest()
    listening = _listen(settings)
    config = uvicorn.Config(
        build(server),
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ws="websockets-sansio",
        ws_max_size=MESSAGE_MAX,
        ws_per_message_deflate=False,
        timeout_graceful_shutdown=STOP_SECONDS,
        ssl_certfile=settings.tls_cert,
        ssl_keyfile=settings.tls_key,
    )
    try:
        config.load()
    except OSError as error:
        raise ReenactError(f"{settings.tls_cert}: no certificate with its key ({error}); give both as PEM") from None
    sys.setswitchinterval(SWITCH_SECONDS)
    announce(settings.address(listening.getsockname()[1]))
    uvicorn.Server(config).run(sockets=[listening])


def _listen(settings: Settings) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        both = settings.host == "::" and socket.has_dualstack_ipv6()  # all addresses: those of IPv4, too
        return socket.create_server((settings.host, settings.port), family=family, backlog=64, dualstack_ipv6=both)
    except OSError as error:
        reason = (error.strerror or str(error)).lower().partition(" (while")[0]
        other = "`port`" if error.errno in (errno.EADDRINUSE, errno.EACCES) else "`host`"
        raise ReenactError(f"{settings.host}:{settings.port} cannot be listened on ({reason}): choose another {other}") from None
