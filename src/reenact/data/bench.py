"""`reenact data bench`: frames a second out of shards, by each way of reading them."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np

from reenact.data.pool import Pool
from reenact.data.reader import Shards


def bench(folder: Path, workers: int = 2, seconds: float = 5.0, cache: Path | None = None) -> dict[str, float]:
    """Frames/s: `bytes` (read, not decoded) and `decoded` with `workers` processes that stream the shards; `one_worker` decoded
    by one; `random` decoded single frames from anywhere, one process; `cache` random rows of the decoded pool, one process, if
    `cache` is given.

    The files come from the page cache after the first epoch, so this measures the processor, not the disk.
    """
    shards = Shards(folder)
    run = {
        "bytes": _together(folder, workers, seconds, "bytes"),
        "decoded": _together(folder, workers, seconds, "decoded"),
        "one_worker": _together(folder, 1, seconds, "decoded"),
        "random": _random_frames(shards, seconds),
    }
    if cache is not None:
        run["cache"] = _rows(Pool.load(folder, cache=cache), seconds)
    return {name: round(speed, 1) for name, speed in run.items()}


def _together(folder: Path, workers: int, seconds: float, how: str) -> float:
    """All workers' frames over the time in which all ran."""
    with ProcessPoolExecutor(workers, multiprocessing.get_context("spawn")) as pool:
        list(pool.map(_ready, range(workers)))
        jobs = [pool.submit(_stream, folder, part, workers, seconds, how) for part in range(workers)]
        return sum(job.result() for job in jobs)


def _ready(_: int) -> int:
    time.sleep(0.2)  # so that every process is started and has imported what it needs before the clock runs
    return os.getpid()


def _stream(folder: Path, part: int, parts: int, seconds: float, how: str) -> float:
    shards = Shards(folder)
    started, frames, epoch = time.perf_counter(), 0, 0
    while True:
        for clip in shards.stream(0, epoch, part, parts):
            if how == "decoded":
                for number in range(clip.info.frames):
                    clip.image(number)
            frames += clip.info.frames
            if time.perf_counter() - started >= seconds:
                return frames / (time.perf_counter() - started)
        epoch += 1


def _random_frames(shards: Shards, seconds: float) -> float:
    keys, random = shards.keys, np.random.default_rng(0)

    def read() -> int:
        key = keys[random.integers(len(keys))]
        shards.frame(key, int(random.integers(shards.info(key).frames)))
        return 1

    return _timed(read, seconds)


def _rows(pool: Pool, seconds: float, batch: int = 32) -> float:
    random = np.random.default_rng(0)
    return _timed(lambda: len(pool.read(random.integers(len(pool.clip), size=batch))), seconds)


def _timed(read: Callable[[], int], seconds: float) -> float:
    started, frames = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        frames += read()
    return frames / (time.perf_counter() - started)
