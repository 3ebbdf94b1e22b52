"""One step of training: the objective's terms, weighed and summed; backward; the optimisers. And what is measured of steps."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import nullcontext

import torch
from torch import Tensor

from reenact.train.config import Machine, Schedule, Stage, Task, Terms
from reenact.train.speed import counted, matrix_peak
from reenact.train.state import Player, State
from reenact.train.workers import Workers


class Step:
    """One step of every player: the objective's terms, weighed and summed; backward; the optimiser's step."""

    def __init__(self, stage: Stage, task: Task, state: State, workers: Workers) -> None:
        self.stage, self.task, self.state, self.workers = stage, task, state, workers
        self.past = 0.0
        """share of the time that is over, where the learning rate falls with the time (Machine.by_clock)"""
        kind = dtype(stage.machine, workers.device)
        # weights change between two passes, so autocast's cache of them is of no use across steps
        self.autocast = lambda: nullcontext() if kind == torch.float32 else torch.autocast(workers.device.type, kind)
        self.compiled = torch.compile(state.main.module) if stage.machine.compiled else None

    def __call__(self, batches: Iterator, meter: Meter) -> Terms:
        """Gives the terms of this process's share, unweighted, detached."""
        self.prepare()
        sums: dict[str, Tensor] = {}
        count = self.stage.schedule.accumulate
        for part in range(count):
            for name, value in self.part(meter.waiting(batches), part == count - 1, meter).items():
                sums[name] = sums.get(name, 0) + value.detach().float() / count
        self._step()
        return sums

    def prepare(self) -> None:
        """What of a step is the host's: random numbers, learning rates."""
        torch.manual_seed(hash((self.stage.seed, self.state.seen, self.workers.rank)))
        share = rate(self.stage.schedule, self.state.seen, self.past)
        for player in self._players():
            player.set_rate(share)

    def learn(self, batch: object, meter: Meter | None = None) -> dict[str, Tensor]:
        """All the rest of a step of one part: nothing in it waits for the device or comes from the host (train/graph.py)."""
        terms = self.part(batch, True, meter)
        self._step()
        return {name: value.detach().float() for name, value in terms.items()}

    def part(self, batch: object, last: bool, meter: Meter | None) -> Terms:
        """Both players' terms and gradients; last: of the step's parts."""
        with meter.counting() if meter else nullcontext():
            terms, shown = self._main(batch, last)
        return {**terms, **self._discriminator(shown, last)} if self.state.discriminator and self.task.discriminator else terms

    def _players(self) -> list[Player]:
        return [player for player in (self.state.main, self.state.discriminator) if player]

    def _step(self) -> None:
        for player in self._players():
            player.step()

    def _main(self, batch: object, last: bool) -> tuple[Terms, dict[str, Tensor]]:
        player, discriminator = self.state.main, self.task.discriminator
        if discriminator:
            discriminator.network.requires_grad_(False)
        # the first step runs as written, so that its operations can be counted
        module = self.compiled if self.compiled is not None and self.state.seen > 0 else player.module
        with self.workers.gathering(player.module, last):
            with self.autocast():
                terms, shown = module(batch)
            self.workers.backward(self._total(terms, self.stage.weights))
        return terms, {name: value.detach() for name, value in shown.items()}

    def _discriminator(self, shown: dict[str, Tensor], last: bool) -> Terms:
        discriminator, player = self.task.discriminator, self.state.discriminator
        discriminator.network.requires_grad_(True)
        with self.workers.gathering(player.module, last):
            with self.autocast():
                terms = player.module(shown)
            self.workers.backward(self._total(terms, discriminator.weights))
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


def rate(schedule: Schedule, seen: int, past: float = 0.0) -> float:
    """Share of the learning rate: a linear warm-up, then a cosine to a twentieth, over the images or, where that is more, over
    the share of the time that is past."""
    cosine = 0.525 + 0.475 * math.cos(math.pi * min(1.0, max(seen / schedule.images, past)))
    return cosine * min(1.0, (seen + schedule.batch) / max(1, schedule.warm_up))
