"""Who may ask: Host, Origin and token of every request, and the headers of every answer. Plain ASGI, around all routes.

Host is checked against DNS rebinding (a page elsewhere whose name is made to point here), Origin against pages elsewhere that
call us from the user's own browser (http or https: a proxy before us may add that), the token against other users of this
computer. What is not listed as open needs a token.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from reenact.serve.settings import Settings

PROTOCOL = "reenact.1"
TOKEN_PROTOCOL = "token."
OPEN = ("/", "/view", "/healthz", "/readyz", "/favicon.ico")
OPEN_FOLDER = "/static/"

_POLICY = (
    "default-src 'self'; connect-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; worker-src 'self';"
    " object-src 'none'; base-uri 'none'; form-action 'none'"
)
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(self), microphone=(self), geolocation=(), usb=(), payment=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}

Refusal = tuple[int, str]


class Guard:
    """ASGI middleware: 403 for a foreign Host or Origin, 401 without the token, safe headers on the rest."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app, self._settings = app, settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        refusal = self.refusal(scope)
        if refusal is None:
            await self._app(scope, receive, _with_headers(send, scope["path"]))
        elif scope["type"] == "http":
            await _answer(_with_headers(send, scope["path"]), refusal, "http.response")
        elif "websocket.http.response" in scope.get("extensions", {}):
            await _answer(send, refusal, "websocket.http.response")
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": refusal[1]})

    def refusal(self, scope: Scope) -> Refusal | None:
        """Status and one line; None where the request may go on."""
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        hosts = _values(headers, b"host")
        if len(hosts) != 1 or _name(hosts[0]) not in self._settings.hosts:
            return 403, "this name is not served here: use the address that reenact serve printed, or --allow-host NAME"
        origins = _values(headers, b"origin")
        if origins and (len(origins) > 1 or origins[0] not in (f"http://{hosts[0]}", f"https://{hosts[0]}")):
            return 403, "another site's page asked: open the address that reenact serve printed"
        if _is_open(scope["path"]) or self._settings.token is None:
            return None
        if not any(hmac.compare_digest(given.encode(), self._settings.token.encode()) for given in _tokens(scope)):
            return 401, "the token is missing or old: open the address that reenact serve printed"
        return None


def _is_open(path: str) -> bool:
    return path in OPEN or path.startswith(OPEN_FOLDER)


def _values(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> list[str]:
    return [value.decode("latin-1").strip().lower() for key, value in headers if key == name]


def _name(host: str) -> str | None:
    """'[::1]:8765' -> '::1'; None for what is no host with perhaps a port."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        port = port.removeprefix(":") if port.startswith(":") or not port else "bad"
        return name if bracket and (not port or port.isdigit()) else None
    name, colon, port = host.partition(":")
    return name.rstrip(".") if name and (not colon or port.isdigit()) else None


def _tokens(scope: Scope) -> list[str]:
    """What was shown as token: a bearer's, or (browsers give sockets no headers) a subprotocol's."""
    if scope["type"] == "websocket":
        offered = scope.get("subprotocols", [])
        return [name.removeprefix(TOKEN_PROTOCOL) for name in offered if name.startswith(TOKEN_PROTOCOL)]
    given = [value.decode("latin-1") for key, value in scope["headers"] if key == b"authorization"]
    return [value[7:].strip() for value in given if value[:7].lower() == "bearer "]


def _with_headers(send: Send, path: str) -> Send:
    """/view may be framed by nobody else either, but OBS opens it on its own."""
    policy = _POLICY if path == "/view" else f"{_POLICY}; frame-ancestors 'none'"
    added = [(name.encode(), value.encode()) for name, value in {**_HEADERS, "content-security-policy": policy}.items()]

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            there = {name.lower() for name, _ in message.get("headers", [])}
            message = {**message, "headers": [*message.get("headers", []), *((n, v) for n, v in added if n not in there)]}
        await send(message)

    return sending


async def _answer(send: Send, refusal: Refusal, kind: str) -> None:
    status, line = refusal
    headers = [(b"content-type", b"application/json")]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": f"{kind}.start", "status": status, "headers": headers})
    await send({"type": f"{kind}.body", "body": json.dumps({"error": line}).encode()})
