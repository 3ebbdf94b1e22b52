"""Reading shards: a clip by its key, or all of them in a shuffled order that can be split, interrupted and gone on with."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.data.jpeg import decode
from reenact.data.shards import Clip, ClipInfo, infos, read_index, shards_in, unpack_truth


@dataclass(frozen=True)
class Entry:
    """Where a clip lies."""

    info: ClipInfo
    shard: Path
    at: tuple[int, int]
    truth_at: tuple[int, int]
    frames_at: list[tuple[int, int]]


class Shards:
    """A data set on disk. Opening reads the indexes only."""

    def __init__(self, folder: str | Path) -> None:
        """folder: as `reenact data prepare` makes it, or one with shards right inside. Raises ReenactError if there are none."""
        self.folder = Path(folder)
        place = self.folder / "shards" if (self.folder / "shards").is_dir() else self.folder
        self.entries: dict[str, Entry] = {}
        self.files = shards_in(place)
        for shard in self.files:
            for info, raw in infos(read_index(shard)):
                self.entries[info.key] = Entry(info, shard, *_ranges(raw))
        if not self.entries:
            raise ReenactError(f"{folder}: holds no shards with clips; make them with `reenact data prepare SOURCE {folder}`")

    @property
    def keys(self) -> list[str]:
        """Every clip, in the order of the files."""
        return list(self.entries)

    def info(self, key: str) -> ClipInfo:
        """What is known of this clip."""
        return self._entry(key).info

    def clip(self, key: str) -> Clip:
        """One clip, read in one piece."""
        entry = self._entry(key)
        data = _read(entry.shard, *entry.at)
        shift = entry.at[0]
        pieces = [data[start - shift : start - shift + length] for start, length in (entry.truth_at, *entry.frames_at)]
        return Clip(entry.info, pieces[1:], unpack_truth(pieces[0], entry.info.size))

    def truth(self, key: str) -> dict[str, np.ndarray]:
        """The truth of a clip without its frames."""
        entry = self._entry(key)
        return unpack_truth(_read(entry.shard, *entry.truth_at), entry.info.size)

    def frame(self, key: str, number: int) -> Image:
        """One frame of a clip, decoded."""
        entry = self._entry(key)
        return decode(_read(entry.shard, *entry.frames_at[number]))

    def order(self, seed: int, epoch: int = 0, select: Callable[[ClipInfo], bool] | None = None) -> list[str]:
        """Every clip that `select` takes once: shards shuffled, then the clips within each. The same for the same seed and
        epoch."""
        random = np.random.default_rng((seed, epoch))
        by_shard: dict[Path, list[str]] = {}
        for key, entry in self.entries.items():
            if select is None or select(entry.info):
                by_shard.setdefault(entry.shard, []).append(key)
        files = [path for path in self.files if path in by_shard]
        return [key for i in random.permutation(len(files)) for key in random.permutation(by_shard[files[i]]).tolist()]

    def stream(
        self,
        seed: int,
        epoch: int = 0,
        part: int = 0,
        parts: int = 1,
        skip: int = 0,
        select: Callable[[ClipInfo], bool] | None = None,
    ) -> Iterator[Clip]:
        """One epoch's clips of one of `parts` readers (rank * workers + worker): all parts together give each clip once.

        skip: how many clips this part has already had; a resumed run gives the epoch's rest without reading the start.
        """
        for key in self.order(seed, epoch, select)[part::parts][skip:]:
            yield self.clip(key)

    def _entry(self, key: str) -> Entry:
        try:
            return self.entries[key]
        except KeyError:
            raise ReenactError(f"{self.folder}: holds no clip {key!r}") from None


def _ranges(raw: dict[str, Any]) -> tuple[tuple[int, int], tuple[int, int], list[tuple[int, int]]]:
    return tuple(raw["at"]), tuple(raw["truth_at"]), [tuple(at) for at in raw["frames_at"]]


def _read(path: Path, start: int, length: int) -> bytes:
    try:
        with open(path, "rb") as file:
            file.seek(start)
            data = file.read(length)
    except OSError as error:
        raise ReenactError(f"{path}: cannot be read ({error.strerror}); prepare the data again") from None
    if len(data) != length:
        raise ReenactError(f"{path}: is cut off; delete it and its .json and run `reenact data prepare` again")
    return data
