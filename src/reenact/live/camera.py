"""A camera through FFmpeg's own devices, which PyAV's wheels bring: v4l2 on Linux, avfoundation on macOS, dshow on Windows."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from typing import Any

import av
import av.error

from reenact.core.errors import ReenactError
from reenact.core.types import Image

WANTED = {"video_size": "640x480", "framerate": "30"}
"""ours: what nearly all cameras do; where one does not, it is opened as it comes"""
SILENT = 5.0
"""ours: seconds without a picture after which a camera counts as gone"""


class Camera:
    """An iterator over pictures as they come; ends, or raises ReenactError, when the camera is gone."""

    def __init__(self, name: str = "0", platform: str = sys.platform) -> None:
        """name: its number, path or name. Raises ReenactError for a camera that is not there, busy or forbidden."""
        self.format, self.address = device(name, platform)
        self._container = self._open()

    def _open(self) -> Any:
        try:
            return av.open(self.address, format=self.format, options=dict(WANTED))
        except (av.error.FFmpegError, OSError, ValueError) as error:
            if isinstance(error, FileNotFoundError | PermissionError):
                raise self._refused(error) from None
        try:
            return av.open(self.address, format=self.format)
        except (av.error.FFmpegError, OSError, ValueError) as error:
            raise self._refused(error) from None

    def _refused(self, error: Exception) -> ReenactError:
        reason = getattr(error, "strerror", None) or type(error).__name__
        help_ = {
            FileNotFoundError: "is it plugged in? choose another: camera:1",
            PermissionError: "allow this program the camera, on Linux: sudo usermod -aG video $USER",
        }
        known = next((text for kind, text in help_.items() if isinstance(error, kind)), "does another program hold it?")
        return ReenactError(f"camera {self.address}: {reason}; {known}")

    def __iter__(self) -> Iterator[Image]:
        heard = time.monotonic()
        while True:
            try:
                for frame in self._container.decode(video=0):
                    heard = time.monotonic()
                    yield frame.to_ndarray(format="rgb24")
                return
            except av.error.BlockingIOError:  # avfoundation: no picture yet
                if time.monotonic() - heard > SILENT:
                    raise ReenactError(f"camera {self.address}: no picture for {SILENT:g} s; plug it in again") from None
                time.sleep(0.005)
            except (av.error.FFmpegError, OSError) as error:
                reason = getattr(error, "strerror", None) or type(error).__name__
                raise ReenactError(f"camera {self.address} is gone ({reason}); plug it in again") from None

    def close(self) -> None:
        self._container.close()


def device(name: str, platform: str) -> tuple[str, str]:
    """FFmpeg's device and what it calls the camera. Raises ReenactError where a number names none."""
    if platform.startswith("linux"):
        return "v4l2", f"/dev/video{name}" if name.isdecimal() else name
    if platform == "darwin":
        return "avfoundation", f"{name}:none"
    return "dshow", f"video={_dshow_name(int(name)) if name.isdecimal() else name}"


def _dshow_name(number: int) -> str:
    """DirectShow knows cameras by name only."""
    listing = getattr(av, "enumerate_input_devices", None)
    try:
        found = [item for item in listing("dshow") if "audio" not in str(getattr(item, "media_types", ""))] if listing else []
    except (av.error.FFmpegError, ValueError):
        found = []
    if number >= len(found):
        raise ReenactError(f"camera {number}: not found among {len(found)}; write its name: camera:NAME")
    return str(found[number].description or found[number].name)
