"""A server in the test's own process, on the fake method."""

from __future__ import annotations

import io
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage
from starlette.testclient import TestClient

from clips import PORTRAIT
from reenact.serve.app import build
from reenact.serve.server import Server
from reenact.serve.settings import Settings

TOKEN = "letmein"
AUTH = {"authorization": f"Bearer {TOKEN}"}
BASE = "http://127.0.0.1:8765"


@contextmanager
def serving(folder: Path, weights: Path, **changed: Any) -> Iterator[TestClient]:
    """A client of a server that is ready."""
    settings = Settings(folder, **{"token": TOKEN, "method": str(weights), "device": "cpu", "threads": 1, **changed})
    with TestClient(build(Server.make(settings)), base_url=BASE) as client:
        wait_for(lambda: client.get("/readyz").status_code == 200)
        client.headers.update(AUTH)
        yield client


def wait_for(true: Any, seconds: float = 60.0) -> None:
    """Raises AssertionError where it never comes true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.02)


def jpeg(image: np.ndarray) -> bytes:
    out = io.BytesIO()
    PILImage.fromarray(image).save(out, "JPEG", quality=90)
    return out.getvalue()


def send_portrait(client: TestClient, data: bytes | None = None, **fields: str) -> Any:
    """The answer to a photo, by default the example's."""
    photo = PORTRAIT.read_bytes() if data is None else data
    return client.post("/api/portraits", files={"photo": ("../../x.jpg", photo)}, data={"consent": "nobody", **fields})
