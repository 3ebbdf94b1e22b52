"""A long run in small parts: several processes, and what is done stays done.

Each item's outcome lies in a side folder (`OUT.parts`) as soon as it is whole. The same command goes on where it stopped;
another one (other clips, methods, weights or options), or another commit, starts anew. The folder goes when the results are
written.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import asdict
from multiprocessing import connection, get_context, parent_process
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.files import replaced, write_text
from reenact.evaluate.contact import WorstFrame
from reenact.evaluate.runner import Outcome
from reenact.evaluate.tally import Tally

Progress = Callable[[int, int | None], None]
Work = Callable[[int], Outcome]


class Parts:
    """The side folder of one results file."""

    def __init__(self, out: Path, fingerprint: Any) -> None:
        """fingerprint: whatever the outcomes depend on, as JSON. Raises ReenactError where the folder cannot be made."""
        self.folder = out.with_name(f"{out.name}.parts")
        mark = hashlib.sha256(json.dumps(fingerprint, sort_keys=True, default=str).encode()).hexdigest()
        try:
            # one without a mark is what is left of a folder whose removal was stopped
            if self.folder.exists() and _text(self.folder / "run") != mark:
                shutil.rmtree(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise ReenactError(f"{self.folder}: cannot be written ({error.strerror}); choose another `out`") from None
        if not (self.folder / "run").exists():
            # whole or not at all, and never again: a mark that a kill or a full disk cut would cost all that is done
            try:
                write_text(self.folder / "run", mark)
            except BaseException:
                self.leave()
                raise

    def done(self, index: int) -> bool:
        """Whether this item needs no run any more."""
        return (self.folder / f"{index:05d}.json").exists()

    def save(self, index: int, outcome: Outcome) -> None:
        """An item's outcome, whole or not at all; the JSON comes last."""
        arrays = {f"features:{name}": np.stack(rows) for name, rows in outcome.features.items()}
        record: dict[str, Any] = {
            "tallies": {name: tally.as_dict() for name, tally in outcome.tallies.items()},
            "series": outcome.series,
        }
        if outcome.worst is not None:
            record["worst"] = {key: value for key, value in asdict(outcome.worst).items() if key != "picture"}
            arrays["picture"] = outcome.worst.picture
        with replaced(self.folder / f"{index:05d}.npz") as part, part.open("wb") as handle:
            np.savez(handle, **arrays)
        with replaced(self.folder / f"{index:05d}.json") as part:
            part.write_text(json.dumps(record), encoding="utf-8")

    def load(self, index: int) -> Outcome:
        """What `save` was given."""
        record = json.loads((self.folder / f"{index:05d}.json").read_text(encoding="utf-8"))
        with np.load(self.folder / f"{index:05d}.npz", allow_pickle=False) as arrays:
            marked = [key for key in arrays if key.startswith("features:")]
            features = {key.removeprefix("features:"): list(arrays[key]) for key in marked}
            worst = WorstFrame(picture=arrays["picture"], **record["worst"]) if "worst" in record else None
        tallies = {name: Tally.from_dict(values) for name, values in record["tallies"].items()}
        return Outcome(tallies, record["series"], features, worst)

    def leave(self) -> None:
        """The run ends before its results: what it has nothing of does not stay."""
        if not any(self.folder.glob("*.json")):
            self.remove()

    def remove(self) -> None:
        """The results are written: nothing to go on with."""
        shutil.rmtree(self.folder, ignore_errors=True)


def run_all(
    parts: Parts, costs: Sequence[float], setup: Callable[[], Work], workers: int, progress: Progress | None = None
) -> Iterator[tuple[int, Outcome]]:
    """Every item's outcome, in order, from the side folder or by running it.

    costs: how long each item takes, in any unit: the long ones are run first, so that no process is left with one at the end.
    setup: makes what runs an item; called once a process, so with workers > 1 it must be picklable. Raises what it raises.
    """
    count = len(costs)
    todo = sorted((index for index in range(count) if not parts.done(index)), key=lambda index: -costs[index])
    finished = count - len(todo)
    if workers < 1:
        raise ReenactError(f"`workers` {workers}: must be 1 or more")
    if progress:
        progress(finished, count)
    for _ in _finished(parts, todo, setup, min(workers, len(todo))):
        finished += 1
        if progress:
            progress(finished, count)
    for index in range(count):
        yield index, parts.load(index)


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""


def _finished(parts: Parts, todo: Sequence[int], setup: Callable[[], Work], workers: int) -> Iterator[int]:
    if workers <= 1:
        work = setup() if todo else None
        for index in todo:
            parts.save(index, work(index))  # type: ignore[misc]
            yield index
        return
    # Each process takes the next item and sets up its networks once.
    context = get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context, initializer=_Worker.start, initargs=(setup, parts)) as pool:
        futures = [pool.submit(_Worker.run, index) for index in todo]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BaseException:
            with suppress(Exception):
                pool.shutdown(wait=False, cancel_futures=True)
            raise


class _Worker:
    """What a process of the pool keeps between items."""

    work: Work | None = None
    setup: Callable[[], Work] | None = None
    parts: Parts | None = None

    @classmethod
    def start(cls, setup: Callable[[], Work], parts: Parts) -> None:
        cls.setup, cls.parts = staticmethod(setup), parts  # type: ignore[assignment]
        Thread(target=_end_with_parent, daemon=True).start()

    @classmethod
    def run(cls, index: int) -> int:
        # Set up here and not in `start`: an error in a pool's initializer reaches nobody.
        assert cls.setup is not None and cls.parts is not None
        if cls.work is None:
            cls.work = staticmethod(cls.setup())  # type: ignore[assignment]
        assert cls.work is not None
        cls.parts.save(index, cls.work(index))
        return index


def _end_with_parent() -> None:
    """A killed run leaves no process behind that works on for nobody."""
    if (parent := parent_process()) is not None:
        connection.wait([parent.sentinel])
        os._exit(1)
