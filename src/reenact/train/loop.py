"""Weigh, sum, step, average, log, save, in that order. Progress is counted in images.

To resume, run the same command again. A checkpoint is replaced whole, so a kill at any moment loses at most the last
interval; batches and seeds are functions of the images seen, so the resumed run is the one that was not killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.core.files import explained
from reenact.core.prefetch import drawn_ahead
from reenact.train.config import SETTINGS, Schedule, Stage, Task, Validation, same_settings
from reenact.train.graph import GraphStep
from reenact.train.journal import Journal
from reenact.train.state import State, load_average
from reenact.train.step import Meter, Step, dtype
from reenact.train.workers import Workers

__all__ = ["Schedule", "load_average", "train"]

Tell = Callable[[Mapping[str, float]], None]
"""called with every line of the log"""
BATCHES_AHEAD = 2
"""ours: one being made and one that waits; more would only hold memory"""


def train(
    folder: Path,
    stage: Stage,
    task: Task,
    workers: Workers,
    minutes: float = math.inf,
    tell: Tell | None = None,
) -> dict[str, Tensor]:
    """Runs a stage until its images are seen, or `minutes` are over, to be gone on with later; gives the averaged weights.

    Raises ReenactError if the folder's run was started with other settings.
    """
    schedule = stage.schedule
    begun = time.monotonic()
    end = begun + 60 * minutes
    with explained(folder):
        folder.mkdir(parents=True, exist_ok=True)
    if workers.first:
        same_settings(folder / SETTINGS, stage, task.data)
    captured = wants_graph(stage, task, workers)
    state = State(task, schedule, workers, captured)
    state.load(folder)
    journal = Journal(folder, state.seen, tell) if workers.first else None
    meter = Meter(workers, schedule, dtype(stage.machine, workers.device))
    step = (GraphStep if captured else Step)(stage, task, state, workers)
    saved = logged = state.seen
    batches = drawn_ahead(task.batches, _orders(schedule, state.seen, workers), BATCHES_AHEAD)
    try:
        # at least one step a call, so that every call gets further
        while state.seen < schedule.images and not (meter.steps and workers.late(end, meter.steps)):
            step.past = (time.monotonic() - begun) / (end - begun) if stage.machine.by_clock else 0.0
            meter.add(step(batches, meter))
            state.seen += schedule.batch
            state.follow()
            due = state.seen - saved >= schedule.save_every
            if due or state.seen - logged >= schedule.log_every:
                _write(journal, {"images": state.seen, **meter.read()})
                logged = state.seen
            if due:
                _save(folder, state, task, journal, workers)
                saved = state.seen
                meter.restart()
        if saved < state.seen:
            if logged < state.seen:
                _write(journal, {"images": state.seen, **meter.read()})
            _save(folder, state, task, journal, workers)
    finally:
        batches.close()
    return state.averaged()


def wants_graph(stage: Stage, task: Task, workers: Workers) -> bool:
    """Does this stage run as one graph? Raises ReenactError where that was asked for and cannot be."""
    machine = stage.machine
    able = workers.count == 1 and stage.schedule.accumulate == 1 and not machine.compiled
    if machine.graph == "on" and not able:
        raise ReenactError("a graph holds one process's whole step: leave `graph` out where it is compiled or work is shared")
    if machine.graph == "on" and not task.capturable:
        raise ReenactError(f"{stage.name} asks Python for numbers that change at every step: leave `graph` out")
    return able and task.capturable and (machine.graph == "on" or (machine.graph == "auto" and workers.device.type == "cuda"))


def _orders(schedule: Schedule, seen: int, workers: Workers) -> Iterator[tuple[int, slice]]:
    """The batches of this process: for each step, and each part of it, a share of the step's batch."""
    parts = schedule.accumulate * workers.count
    size, rest = divmod(schedule.batch, parts)
    if rest:
        raise ReenactError(f"a batch of {schedule.batch} cannot be shared by {parts} (processes x accumulate): take a multiple")
    while seen < schedule.images:
        for part in range(schedule.accumulate):
            first = (part * workers.count + workers.rank) * size
            yield seen, slice(first, first + size)
        seen += schedule.batch


def _write(journal: Journal | None, line: dict) -> None:
    if journal:
        journal.write(line)


def _save(folder: Path, state: State, task: Task, journal: Journal | None, workers: Workers) -> None:
    """Every process calls it; the first checks the averaged weights and writes."""
    average = state.averaged()
    state.save(folder, workers.first)
    if journal:
        validation = task.check(average) if task.check else Validation()
        if validation.figures:
            journal.write({"images": state.seen, **validation.figures})
        journal.show(state.seen, validation)
    # the next stage of a recipe reads what the first process has written
    workers.wait()
