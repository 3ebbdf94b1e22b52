"""What is sent to us, counted while it streams in: a Content-Length says what its sender likes."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from starlette.datastructures import UploadFile
from starlette.exceptions import HTTPException
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

MB = 1_000_000
JSON_MAX = 64 * 1024
FIELDS_ROOM = 64 * 1024
"""ours: what a form may weigh beyond its file"""
MESSAGE_MAX = 1_000_000
"""bytes of one WebSocket message; a 384 px JPEG has 20 kB"""
MESSAGES_A_SECOND = 60.0


async def counted(stream: AsyncIterator[bytes], limit: float, what: str) -> AsyncIterator[bytes]:
    """The same pieces; HTTPException 413 as soon as they are more than `limit` bytes."""
    size = 0
    async for piece in stream:
        size += len(piece)
        if size > limit:
            raise HTTPException(413, f"{what} is larger than {limit / MB:.3g} MB: give a smaller one")
        yield piece


def require_type(request: Request, *allowed: str) -> str:
    """The body's media type, if it is one of these; HTTPException 415 otherwise."""
    given = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if given not in allowed:
        raise HTTPException(415, f"send {' or '.join(allowed)}, not {given or 'nothing'}")
    return given


async def read_json(request: Request) -> dict[str, Any]:
    """The body as an object. HTTPException 413, 415, 400."""
    require_type(request, "application/json")
    body = b"".join([piece async for piece in counted(request.stream(), JSON_MAX, "the request")])
    try:
        held = json.loads(body)
    except (ValueError, RecursionError):
        raise HTTPException(400, "the request is no JSON") from None
    if not isinstance(held, dict):
        raise HTTPException(400, "the request must be a JSON object")
    return held


async def read_text(request: Request, media_type: str) -> str:
    """The body as text of this type. HTTPException 413, 415, 400."""
    require_type(request, media_type)
    body = b"".join([piece async for piece in counted(request.stream(), JSON_MAX, "the request")])
    try:
        return body.decode()
    except UnicodeDecodeError:
        raise HTTPException(400, "the request is no text") from None


class _InMemory(MultiPartParser):
    """Never on disk: a portrait stays in memory."""

    spool_max_size = 1 << 40


@dataclass(frozen=True)
class Form:
    """One file and the fields beside it."""

    file: bytes
    fields: Mapping[str, str]


async def read_form(request: Request, limit_mb: float, name: str = "photo") -> Form:
    """A multipart form with one file called `name`. HTTPException 413, 415, 400."""
    require_type(request, "multipart/form-data")
    limit = limit_mb * MB
    stream = counted(request.stream(), limit + FIELDS_ROOM, f"the {name}")
    try:
        form = await _InMemory(request.headers, stream, max_files=1, max_fields=8).parse()  # type: ignore[arg-type]
    except (MultiPartException, KeyError, ValueError) as error:
        raise HTTPException(400, f"the form cannot be read: {getattr(error, 'message', error)}") from None
    try:
        file = form.get(name)
        if not isinstance(file, UploadFile):
            raise HTTPException(400, f"the form has no file called {name}")
        data = await file.read()
        if len(data) > limit:
            raise HTTPException(413, f"the {name} is larger than {limit_mb:g} MB: give a smaller one")
        return Form(data, {key: value for key, value in form.items() if isinstance(value, str)})
    finally:
        await form.close()


async def save_stream(request: Request, path: Path, limit: float, what: str) -> int:
    """The raw body as a file, whole or not there; gives its bytes. HTTPException 413, 400, 507."""
    part = path.with_name(f".{path.name}.part")
    size = 0
    try:
        with open(part, "xb") as file:
            async for piece in counted(request.stream(), limit, what):
                size += file.write(piece)
        if not size:
            raise HTTPException(400, f"{what} is empty: give another one")
        part.replace(path)
    except OSError as error:
        raise HTTPException(507, f"{what} cannot be stored ({error.strerror})") from None
    finally:
        part.unlink(missing_ok=True)
    return size


class Rate:
    """A bucket of two seconds' messages that fills at `per_second`."""

    def __init__(self, per_second: float = MESSAGES_A_SECOND, clock: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._clock = per_second, clock
        self._held, self._at = 2 * per_second, clock()

    def take(self) -> bool:
        """Whether one more is within bounds."""
        now = self._clock()
        self._held = min(2 * self._rate, self._held + (now - self._at) * self._rate)
        self._at = now
        if self._held < 1:
            return False
        self._held -= 1
        return True
