"""Files that were sent for jobs. Their names are ours; they lie in one folder with a quota and an age."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request

from reenact.serve.limits import MB, require_type, save_stream

SUFFIXES = {"video": ".mp4", "take": ".npz", "csv": ".csv", "json": ".json", "call": ".rnct", "sound": ".webm", "picture": ".png"}
"""what a sender may call a file, and how its name ends here; which video format it is FFmpeg sees from its bytes"""
TYPES = (
    "application/octet-stream", "video/mp4", "video/webm", "video/quicktime", "video/x-matroska", "video/x-msvideo",
    "video/ogg", "audio/webm", "audio/ogg", "audio/mp4", "image/gif", "image/png",
    "image/jpeg", "image/webp", "text/csv", "application/json",
)  # fmt: skip
FULL = "the folder is full: remove finished jobs"
QUOTA = 4_000 * MB
"""ours: bytes of all that lies in the folder"""


class Files:
    """The folder's `files`."""

    def __init__(self, folder: Path, limit_mb: float, quota: float = QUOTA) -> None:
        self._folder, self._root, self._limit, self._quota = folder / "files", folder, limit_mb * MB, quota
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    async def save(self, request: Request) -> dict[str, object]:
        """Stores a raw body. query: kind=video|take|csv|json|call|sound|picture. HTTPException 400, 413, 415, 507."""
        kind = request.query_params.get("kind", "video")
        if kind not in SUFFIXES:
            raise HTTPException(400, f"kind must be one of {', '.join(SUFFIXES)}")
        require_type(request, *TYPES)
        room = self._quota - folder_size(self._root)
        if room < 1:
            raise HTTPException(507, FULL)
        id = secrets.token_urlsafe(9)
        try:
            size = await save_stream(request, self._folder / f"{id}{SUFFIXES[kind]}", min(self._limit, room), f"the {kind}")
        except HTTPException as error:
            if error.status_code == 413 and room < self._limit:
                raise HTTPException(507, FULL) from None
            raise
        return {"id": id, "kind": kind, "bytes": size}

    def path(self, id: str) -> Path:
        """Where it lies. HTTPException 422 for one that is not there: only ids that we gave are looked up, no name is built."""
        for path in self._folder.iterdir():
            if path.stem == id and path.suffix in SUFFIXES.values():
                return path
        raise HTTPException(422, "this file is no longer here: send it again")

    def remove(self, id: str) -> None:
        """HTTPException 422 for one that is not there."""
        self.path(id).unlink(missing_ok=True)

    def tidy(self, keep_seconds: float) -> None:
        """Removes what is older."""
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):  # an upload that has its name now, or that was removed
                if time.time() - path.stat().st_mtime > keep_seconds:
                    path.unlink()


def folder_size(folder: Path) -> int:
    """Bytes of all files below. Those that vanish meanwhile count nothing."""
    total = 0
    for root, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(root, name)).st_size
            except FileNotFoundError:
                continue
    return total
