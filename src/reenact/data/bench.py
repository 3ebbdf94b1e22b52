"""`reenact data bench`: frames a second out of shards, by each way of reading them, by the clock and by the processor.

The clock says what a script gets here and now; on a machine that has other work it says little. Processor time (of the process,
all its threads) does not count while others have the core.
"""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from reenact.data.pool import Pool
from reenact.data.reader import Shards

HALF = 2
"""the smaller view that is measured: this part of the picture's side"""


@dataclass(frozen=True)
class Speed:
    """Frames, in a second of the clock and in a second of one core's own time."""

    per_second: float
    per_core_second: float


Run = tuple[int, float, float]
"""frames, seconds, processor seconds"""


def bench(folder: Path, workers: int = 2, seconds: float = 5.0, cache: Path | None = None) -> dict[str, Speed]:
    """`bytes` (read with truth, not decoded), `decoded`, and `half` (decoded to half the side) by `workers` processes that stream
    the shards; `random`: decoded single frames from anywhere, one process; `cache`: random rows of the decoded pool, one process,
    if `cache` is given.

    The files come from the page cache after the first epoch, so this measures the processor, not the disk.
    """
    shards = Shards(folder)
    speeds = {how: _together(folder, workers, seconds, how) for how in ("bytes", "decoded", "half")}
    speeds["random"] = _speed([_timed(_random_frames(shards), seconds)])
    if cache is not None:
        speeds["cache"] = _speed([_timed(_rows(Pool.load(folder, cache=cache)), seconds)])
    return speeds


def _speed(runs: list[Run]) -> Speed:
    """Of workers that ran at the same time."""
    frames, _, busy = (sum(column) for column in zip(*runs, strict=True))
    return Speed(round(sum(run[0] / run[1] for run in runs), 1), round(frames / max(busy, 1e-9), 1))


def _together(folder: Path, workers: int, seconds: float, how: str) -> Speed:
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_ready, range(workers)))
        jobs = [pool.submit(_stream, folder, part, workers, seconds, how) for part in range(workers)]
        return _speed([job.result() for job in jobs])


def _ready(_: int) -> int:
    time.sleep(0.2)  # so that every process is started and has imported what it needs before the clock runs
    return os.getpid()


def _stream(folder: Path, part: int, parts: int, seconds: float, how: str) -> Run:
    return _timed(_clips(Shards(folder), part, parts, how), seconds)


def _clips(shards: Shards, part: int, parts: int, how: str) -> Iterator[int]:
    epoch = 0
    while True:
        for clip in shards.stream(0, epoch, part, parts):
            if how != "bytes":
                size = clip.info.size // HALF if how == "half" else 0
                for number in range(clip.info.frames):
                    clip.image(number, size)
            yield clip.info.frames
        epoch += 1


def _random_frames(shards: Shards) -> Iterator[int]:
    keys, random = shards.keys, np.random.default_rng(0)
    while True:
        key = keys[random.integers(len(keys))]
        shards.frame(key, int(random.integers(shards.info(key).frames)))
        yield 1


def _rows(pool: Pool, batch: int = 32) -> Iterator[int]:
    random = np.random.default_rng(0)
    while True:
        yield len(pool.read(random.integers(len(pool.clip), size=batch)))


def _timed(reads: Iterator[int], seconds: float, clock: Callable[[], float] = time.perf_counter) -> Run:
    """reads: does some work at each step and yields how many frames that was."""
    started, busy, frames = clock(), time.process_time(), 0
    while clock() - started < seconds:
        frames += next(reads)
    return frames, clock() - started, time.process_time() - busy
