"""Runs a recipe: every stage in its own folder, each from the weights that it names."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.data.pairs import NO_TWINS, twins
from reenact.data.pool import Pool
from reenact.train.config import SETTINGS, Machine, Stage, Task, held_to
from reenact.train.loop import Tell, train
from reenact.train.recipe import parts
from reenact.train.start import begin, read_start
from reenact.train.state import CHECKPOINT, seen_of
from reenact.train.tasks import about, adopter, task_of
from reenact.train.tensors import read_about
from reenact.train.workers import Workers, gather


def configured(stages: Sequence[Stage], images: int | None, start: Sequence[str], machine: Machine) -> tuple[Stage, ...]:
    """The stages with what the command line changes. Raises ReenactError where that makes no sense."""
    if images is not None:
        if len(stages) > 1:
            names = ", ".join(stage.name for stage in stages)
            raise ReenactError(f"`images` is for one stage, and this recipe has several ({names}): name one, as in mmfa_motion")
        if images < 1:
            raise ReenactError("`images` must be 1 or more")
        schedule = replace(stages[0].schedule, images=images, warm_up=min(stages[0].schedule.warm_up, images // 10))
        stages = [replace(stages[0], schedule=schedule)]
    if len(stages) == 1 and stages[0].after and not start:
        before = " and ".join(stages[0].after)
        raise ReenactError(f"{stages[0].name} goes on from the weights of {before}: name their runs with `start`")
    return tuple(replace(stage, start=(*stage.start, *start), machine=machine) for stage in stages)


def folder_of(stage: Stage, stages: Sequence[Stage], out: Path) -> Path:
    """A recipe of one stage uses the run's folder itself."""
    return out / stage.name if len(stages) > 1 else out


def run(stages: Sequence[Stage], data: Any, out: Path, minutes: float = math.inf, tell: Tell | None = None) -> list[Path]:
    """Every stage that is not done, in turn, until `minutes` are over; gives the folders. To resume, call it again."""
    check_settings(stages, data, out)
    if left := [stage for stage in stages if not _done(folder_of(stage, stages, out), stage)]:
        check_pool(left, data)
        check_starts(stages, data)
    end = time.monotonic() + 60 * minutes
    workers = gather(stages[0].machine)
    folders = []
    try:
        for stage in stages:
            folder = folder_of(stage, stages, out)
            done = _done(folder, stage)
            if not done and time.monotonic() >= end:
                break
            folders.append(folder)
            if done:
                continue
            task = make(stage, stages, data, out, workers)
            train(folder, stage, task, workers, (end - time.monotonic()) / 60, tell)
    finally:
        workers.close()
    return folders


def check_settings(stages: Sequence[Stage], data: Any, out: Path) -> None:
    """Raises ReenactError where a stage was started otherwise, before any is gone on with. One that is done is asked too: a
    shorter run of another recipe would be told that all is done."""
    for stage in stages:
        path = folder_of(stage, stages, out) / SETTINGS
        if path.exists():
            held_to(path, stage, about(data) if isinstance(data, Pool) and isinstance(stage.task, str) else None)


def check_starts(stages: Sequence[Stage], data: Any) -> None:
    """Raises ReenactError where a start fits none of several stages, each of which would pass over it."""
    if len(stages) > 1:
        for path in dict.fromkeys(path for stage in stages for path in stage.start):
            read_fitting(path, stages, data)


def read_fitting(path: str, stages: Sequence[Stage], data: Any) -> dict[str, Tensor]:
    """What a start holds. Raises ReenactError where no stage's networks can begin with it."""
    found = read_start(Path(path), examples(data))
    wanted: list[str] = []
    for stage in stages:
        if stage.method is None:  # what its own function trains is known once it is made
            return found
        method = stage.method(stage.model)
        model = method.build()
        trained = parts(model, (*method.render_parts, *method.motion_parts))
        if begin(trained, adopter(method, model)(found)):
            return found
        wanted += trained
    raise ReenactError(f"{path} holds none of {', '.join(dict.fromkeys(wanted))}: start from a run of one of these stages")


def check_pool(stages: Sequence[Stage], data: Any) -> None:
    """Raises ReenactError where a later stage asks of the pool what it has not: said before the first one, not after days."""
    if not isinstance(data, Pool):
        return
    side = data.frames[0].shape[1]
    for stage in stages:
        if side % stage.size:
            raise ReenactError(
                f"{stage.name} trains on pictures of {stage.size} px, and the pool's have {side}: "
                f"prepare or pack them with `size` {stage.size}"
            )
        if stage.same_motion and data.motion is not None and not twins(data, np.flatnonzero(np.isin(data.split, stage.splits))):
            raise ReenactError(f"{stage.name}: {NO_TWINS}")


def finished(stages: Sequence[Stage], out: Path) -> bool:
    """Has every stage seen its images?"""
    return all(_done(folder_of(stage, stages, out), stage) for stage in stages)


def make(stage: Stage, stages: Sequence[Stage], data: Any, out: Path, workers: Workers) -> Task:
    """A stage's task, seeded, and filled from what it starts from. Raises ReenactError where a start fits nothing."""
    torch.manual_seed(stage.seed)
    task = task_of(stage, data, workers.device)
    for path in stage.start:
        if not begin(task.trained, task.adopt(read_start(Path(path), examples(data)))) and len(stages) == 1:
            raise ReenactError(f"{path} holds none of {', '.join(task.trained)}: start from a run of the same stage")
    if len(stages) > 1:
        for name in stage.after:
            begin(task.trained, task.adopt(read_start(out / name)))
    return task


def examples(data: Any, count: int = 16) -> Tensor | None:
    """[count,3,side,side] in [0, 1]: pictures spread over a pool; None of other data."""
    if not isinstance(data, Pool):
        return None
    rows = np.linspace(0, len(data.split) - 1, count).astype(int)
    return torch.from_numpy(data.read(rows)).permute(0, 3, 1, 2).float() / 255


def _done(folder: Path, stage: Stage) -> bool:
    path = folder / CHECKPOINT
    return path.exists() and seen_of(read_about(path)[1], path) >= stage.schedule.images
