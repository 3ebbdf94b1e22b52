"""The system's Chromium on the page, with a camera that plays a clip. Nothing is downloaded: scripts/page-tests installs it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from PIL import Image as PILImage

from places import EXAMPLES

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

TOKEN = "pagetests"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
DRAWN = "window.reenact?.painter.count > 0"
LINK = "document.getElementById('link').dataset.state"
CHROMIUM = os.environ.get("CHROMIUM") or next((path for name in NAMES if (path := shutil.which(name))), None)
NEEDED = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: scripts/page-tests installs it"),
    pytest.mark.xdist_group("chromium"),
]
"""marks of modules whose tests open the page"""


def write_camera(path: Path, frames: int = 90, size: tuple[int, int] = (320, 240)) -> Path:
    """The example's driving clip as y4m, 30 frames a second: what `--use-file-for-fake-video-capture` plays, over and over."""
    width, height = size
    with av.open(str(EXAMPLES / "driving.mp4")) as clip, open(path, "wb") as out:
        out.write(f"YUV4MPEG2 W{width} H{height} F30:1 Ip A1:1 C420\n".encode())
        for _, frame in zip(range(frames), clip.decode(video=0), strict=False):
            picture = PILImage.new("RGB", size, (96, 104, 108))
            picture.paste(frame.to_image().resize((height, height)), ((width - height) // 2, 0))
            out.write(b"FRAME\n")
            for plane in av.VideoFrame.from_image(picture).reformat(format="yuv420p").planes:
                rows = np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)
                out.write(rows[:, : plane.width].tobytes())
    return path


@contextmanager
def served(folder: Path, *options: str, port: int = 0) -> Iterator[tuple[str, subprocess.Popen]]:
    """`reenact serve` in a process of its own: its address, and the process."""
    command = [sys.executable, "-m", "reenact", "serve", "--port", str(port), "--token", TOKEN, "--folder", str(folder), *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert "reenact is at http" in line, line + process.stderr.read()
        yield line.split()[-1], process
    finally:
        process.terminate()
        try:
            process.wait(15)
        except subprocess.TimeoutExpired:
            process.kill()


@dataclass
class Tab:
    """A page, and what it has said and asked for."""

    page: Any
    said: list[str] = field(default_factory=list)
    """of the console, and errors that nobody caught"""
    asked: list[str] = field(default_factory=list)
    """addresses"""

    def until(self, script: str, seconds: float = 30.0) -> Any:
        """The script's value once it is true. Not Playwright's own waiting: that evaluates text, which the page forbids."""
        end = time.monotonic() + seconds
        while not (value := self.page.evaluate(script)):
            assert time.monotonic() < end, f"it never came: {script}; said: {self.said}; notice: {self.notice}"
            time.sleep(0.05)
        return value

    @property
    def notice(self) -> str:
        return self.page.evaluate("document.getElementById('notice').innerText")

    def picture(self) -> np.ndarray:
        """What the canvas shows, RGB."""
        import base64
        import io

        data = self.page.evaluate("document.getElementById('canvas').toDataURL('image/png')").partition(",")[2]
        return np.asarray(PILImage.open(io.BytesIO(base64.b64decode(data))).convert("RGB"))


@contextmanager
def browser(camera: Path) -> Iterator[Any]:
    """One Chromium at a time on this computer: two of them on two cores measure each other."""
    from playwright.sync_api import sync_playwright

    flags = [
        "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={camera}",
    ]  # fmt: skip
    with open(Path(tempfile.gettempdir()) / "reenact-chromium.lock", "w") as lock, sync_playwright() as playwright:
        if fcntl is not None:
            fcntl.flock(lock, fcntl.LOCK_EX)
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, headless=True, args=flags)
        try:
            yield chromium
        finally:
            chromium.close()


@contextmanager
def tab(chromium: Any, address: str, script: str = "", **options: Any) -> Iterator[Tab]:
    """A fresh tab at the address. script: run before the page's own."""
    context = chromium.new_context(accept_downloads=True, **options)
    try:
        if script:
            context.add_init_script(script)
        yield open_tab(context, address)
    finally:
        context.close()


def open_tab(context: Any, address: str) -> Tab:
    """One more tab of a context."""
    page = context.new_page()
    made = Tab(page)
    page.on("console", lambda message: made.said.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: made.said.append(f"error: {error}"))
    page.on("request", lambda request: made.asked.append(request.url))
    page.on("websocket", lambda socket: made.asked.append(socket.url))
    page.goto(address)
    return made
