"""Weigh, sum, step, average, log, save, in that order. Progress is counted in images.

To resume, run the same command again. A checkpoint is replaced whole, so a kill at any moment loses at most the last
interval; batches and seeds are functions of the images seen, so the resumed run is the one that was not killed.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path

import torch
from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.core.prefetch import drawn_ahead
from reenact.train.config import Machine, Schedule, Stage, Task, Terms, Validation, same_settings
from reenact.train.journal import Journal
from reenact.train.speed import counted, matrix_peak
from reenact.train.state import State, load_average
from reenact.train.workers import Workers

__all__ = ["Schedule", "load_average", "train"]

Tell = Callable[[Mapping[str, float]], None]
"""hears every line of the log"""
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
    end = time.monotonic() + 60 * minutes
    folder.mkdir(parents=True, exist_ok=True)
    if workers.first:
        same_settings(folder / "config.json", stage, task.data)
    state = State(task, schedule, workers)
    state.load(folder)
    journal = Journal(folder, state.seen, tell) if workers.first else None
    meter = Meter(workers, schedule, dtype(stage.machine, workers.device))
    step = Step(stage, task, state, workers)
    saved = logged = state.seen
    batches = drawn_ahead(task.batches, _orders(schedule, state.seen, workers), BATCHES_AHEAD)
    try:
        # at least one step a call, so that every call gets further
        while state.seen < schedule.images and not (meter.steps and workers.late(end, meter.steps)):
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


class Step:
    """One step of every player: the objective's terms, weighed and summed; backward; the optimiser's step."""

    def __init__(self, stage: Stage, task: Task, state: State, workers: Workers) -> None:
        self.stage, self.task, self.state, self.workers = stage, task, state, workers
        kind = dtype(stage.machine, workers.device)
        # weights change between two passes, so autocast's cache of them is of no use across steps
        self.autocast = lambda: nullcontext() if kind == torch.float32 else torch.autocast(workers.device.type, kind)
        self.compiled = torch.compile(state.main.module) if stage.machine.compiled else None

    def __call__(self, batches: Iterator, meter: Meter) -> Terms:
        """Gives the terms of this process's share, unweighted, detached."""
        schedule, state = self.stage.schedule, self.state
        share = rate(schedule, state.seen)
        torch.manual_seed(hash((self.stage.seed, state.seen, self.workers.rank)))
        players = [player for player in (state.main, state.critic) if player]
        for player in players:
            player.set_rate(share)
        sums: dict[str, Tensor] = {}
        for part in range(schedule.accumulate):
            last = part == schedule.accumulate - 1
            batch = meter.waiting(batches)
            with meter.counting():
                terms, shown = self._main(batch, last)
            if state.critic and self.task.critic:
                terms = {**terms, **self._critic(shown, last)}
            for name, value in terms.items():
                sums[name] = sums.get(name, 0) + value.detach().float() / schedule.accumulate
        for player in players:
            player.step()
        return sums

    def _main(self, batch: object, last: bool) -> tuple[Terms, dict[str, Tensor]]:
        player, critic = self.state.main, self.task.critic
        if critic:
            critic.network.requires_grad_(False)
        # the first step runs as written, so that its operations can be counted
        module = self.compiled if self.compiled is not None and self.state.seen > 0 else player.module
        with self.workers.gathering(player.module, last):
            with self.autocast():
                terms, shown = module(batch)
            self.workers.backward(self._total(terms, self.stage.weights))
        return terms, {name: value.detach() for name, value in shown.items()}

    def _critic(self, shown: dict[str, Tensor], last: bool) -> Terms:
        critic, player = self.task.critic, self.state.critic
        critic.network.requires_grad_(True)
        with self.workers.gathering(player.module, last):
            with self.autocast():
                terms = player.module(shown)
            self.workers.backward(self._total(terms, critic.weights))
        return terms

    def _total(self, terms: Terms, weights: dict[str, float]) -> Tensor:
        return sum(weights[name] * value for name, value in terms.items()) / self.stage.schedule.accumulate


class Meter:
    """Means of the terms since they were last read, and the speed."""

    def __init__(self, workers: Workers, schedule: Schedule, kind: torch.dtype) -> None:
        self.workers, self.schedule = workers, schedule
        self.peak = matrix_peak(workers.device, kind)
        self.operations: list[float] = []
        self.steps = 0
        self.restart()

    def restart(self) -> None:
        """The clock does not run while the run is checked and saved."""
        self.sums: dict[str, Tensor] = {}
        self.since, self.waited, self.started = 0, 0.0, time.monotonic()

    def counting(self):
        """Counts the operations of the first part of the first step."""
        return nullcontext() if self.operations else counted(self.operations)

    def waiting(self, batches: Iterator) -> object:
        """The next batch, with the time that it kept the network waiting."""
        asked = time.monotonic()
        batch = next(batches)
        self.waited += time.monotonic() - asked
        return batch

    def add(self, terms: Terms) -> None:
        self.steps += 1
        self.since += 1
        for name, value in terms.items():
            self.sums[name] = self.sums.get(name, 0) + value

    def read(self) -> dict[str, float]:
        """images_per_second, peak_share (of what a large matrix product reaches on these devices), wait_share (of the time,
        waiting for data), and the terms' means over all processes. Every process must call it."""
        means = {name: float(self.workers.mean(value / self.since)) for name, value in self.sums.items()}
        seconds = time.monotonic() - self.started
        step_operations = self.operations[0] * self.schedule.accumulate
        figures = {
            "images_per_second": round(self.since * self.schedule.batch / seconds, 2),
            "peak_share": float(f"{step_operations * self.since / seconds / self.peak:.3g}"),
            "wait_share": round(self.waited / seconds, 3),
        }
        self.restart()
        return figures | {name: float(f"{value:.6g}") for name, value in means.items()}


def dtype(machine: Machine, device: torch.device) -> torch.dtype:
    """What autocast computes in."""
    if machine.precision != "auto":
        return torch.bfloat16 if machine.precision == "bf16" else torch.float32
    able = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported()
    return torch.bfloat16 if able else torch.float32


def rate(schedule: Schedule, seen: int) -> float:
    """Share of the learning rate: a linear warm-up, then a cosine to a twentieth."""
    cosine = 0.525 + 0.475 * math.cos(math.pi * min(1.0, seen / schedule.images))
    return cosine * min(1.0, (seen + schedule.batch) / max(1, schedule.warm_up))


def _orders(schedule: Schedule, seen: int, workers: Workers) -> Iterator[tuple[int, slice]]:
    """What this process draws: for each step, and each part of it, a share of the step's batch."""
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
