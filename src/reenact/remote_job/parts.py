"""Files cut into parts that can be carried one by one: every piece says where it belongs, so parts may arrive in any order."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

PART_BYTES = 60 * 2**20
"""what a part may weigh: under the 64 MiB that one call to a borrowed machine carries"""
PIECE_BYTES = 8 * 2**20


class Parts:
    """Writes files into part_00.zip, part_01.zip, ... of at most `limit` bytes each; `close` writes the list of all."""

    def __init__(self, folder: Path, limit: int = PART_BYTES) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("part_*.zip"):
            old.unlink()
        self.folder, self.limit = folder, limit
        self.piece = min(PIECE_BYTES, limit // 2)
        self.count, self.free = 0, 0
        self.zip: zipfile.ZipFile | None = None
        self.files: dict[str, dict[str, object]] = {}

    def add(self, name: str, data: bytes) -> None:
        """One file of the machine's folder."""
        self.files[name] = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
        for offset in range(0, max(1, len(data)), self.piece):
            self._put(f"{name}@{offset}", data[offset : offset + self.piece])

    def close(self) -> int:
        """Gives the number of parts."""
        self._put("manifest.json@0", json.dumps(self.files).encode())
        if self.zip:
            self.zip.close()
        return self.count

    def _put(self, name: str, data: bytes) -> None:
        needed = len(data) + 2 * len(name.encode()) + 256
        if needed > self.free:
            if self.zip:
                self.zip.close()
            self.zip = zipfile.ZipFile(self.folder / f"part_{self.count:02d}.zip", "w", zipfile.ZIP_STORED)
            self.count, self.free = self.count + 1, self.limit - 1024
        assert self.zip is not None
        self.zip.writestr(name, data)
        self.free -= needed
