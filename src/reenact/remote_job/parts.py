"""Files cut into parts that can be carried one by one: every piece says where it belongs, so parts may arrive in any order.

Parts have hidden names until the last is written: what stops before leaves the folder's earlier parts as they were.
"""

from __future__ import annotations

import hashlib
import json
import zipfile
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from reenact.core.files import Unfinished, explained

PART_BYTES = 60 * 2**20
"""what a part may weigh: under the 64 MiB that one call to a borrowed machine carries"""
PIECE_BYTES = 8 * 2**20


class Parts:
    """Writes files into part_00.zip, part_01.zip, ... of at most `limit` bytes each, and the list of all when its block ends
    well; then they take the place of earlier ones. A context manager. Raises ReenactError where the folder cannot be written."""

    def __init__(self, folder: Path, limit: int = PART_BYTES) -> None:
        with explained(folder):
            folder.mkdir(parents=True, exist_ok=True)
        self.parts: list[Unfinished] = []
        self.folder, self.limit = folder, limit
        self.piece = min(PIECE_BYTES, limit // 2)
        self.free = 0
        self.zip: zipfile.ZipFile | None = None
        self.files: dict[str, dict[str, object]] = {}

    def add(self, name: str, data: bytes) -> None:
        """One file of the machine's folder."""
        self.files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for offset in range(0, max(1, len(data)), self.piece):
            self._put(f"{name}@{offset}", data[offset : offset + self.piece])

    def __enter__(self) -> Parts:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            if error is None:
                self._put("manifest.json@0", json.dumps(self.files).encode())
                self._end()
                self._take_place()
        finally:
            with suppress(OSError):  # of a full disk, which has been told already
                if self.zip:
                    self.zip.close()
            for part in self.parts:
                part.discard()

    def _take_place(self) -> None:
        with explained(self.folder):
            for part in self.parts:
                part.finish()
            for old in set(self.folder.glob("part_*.zip")) - {part.path for part in self.parts}:
                old.unlink()

    def _end(self) -> None:
        """The part that is being written is whole."""
        if self.zip:
            with explained(self.folder):
                self.zip.close()

    def _put(self, name: str, data: bytes) -> None:
        needed = len(data) + 2 * len(name.encode()) + 256
        if needed > self.free:
            self._end()
            with explained(self.folder):
                self.parts.append(Unfinished(self.folder / f"part_{len(self.parts):02d}.zip"))
                self.zip = zipfile.ZipFile(self.parts[-1].part, "w", zipfile.ZIP_STORED)
            self.free = self.limit - 1024
        assert self.zip is not None
        with explained(self.folder):
            self.zip.writestr(name, data)
        self.free -= needed
