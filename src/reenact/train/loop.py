"""Weigh, sum, step, average, log, save, in that order. Progress is counted in images.

To resume, run the same command again. A checkpoint is one safetensors file (weights, their moving average, Adam's state),
replaced whole, so that a kill at any moment loses at most the last interval.
"""

from __future__ import annotations

import copy
import json
import math
import os
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from reenact.core.errors import ReenactError

Step = Callable[[], dict[str, Tensor]]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast. `images` is the whole run; `minutes` ends this call early, to be gone on with later."""

    images: int
    batch: int
    learning_rate: float
    minutes: float = math.inf
    warm_up: int = 2_000
    """images over which the rate rises from nothing"""
    ema: float = 0.999
    save_every: int = 4_000
    """images between two checkpoints"""


def train(
    folder: Path,
    trained: nn.Module,
    step: Step,
    weights: dict[str, float],
    schedule: Schedule,
    check: Callable[[nn.Module], dict] | None = None,
) -> nn.Module:
    """Runs `step` (named, unweighted losses of a fresh batch) until `schedule` is done; gives the averaged weights.

    trained: what the optimiser moves. check: validation figures from the averaged weights, at every save.
    Raises ReenactError if the folder's run was started with other settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    settings = {**asdict(schedule), "weights": weights}
    settings.pop("minutes")
    _same_settings(folder / "config.json", settings)
    average = copy.deepcopy(trained).requires_grad_(False)
    optimiser = torch.optim.AdamW(trained.parameters(), schedule.learning_rate, betas=(0.5, 0.99), weight_decay=1e-4)
    seen = _load(folder / "checkpoint.safetensors", trained, average, optimiser)
    end, started, first, saved = time.monotonic() + 60 * schedule.minutes, time.monotonic(), seen, seen
    sums: dict[str, float] = {}
    steps = 0
    while seen < schedule.images and time.monotonic() < end:
        for group in optimiser.param_groups:
            group["lr"] = _rate(schedule, seen)
        terms = step()
        total = sum(weights[name] * value for name, value in terms.items())
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 1.0)
        optimiser.step()
        seen += schedule.batch
        steps += 1
        _follow(average, trained, min(schedule.ema, (1 + seen / schedule.batch) / (10 + seen / schedule.batch)))
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach())
        if seen - saved >= schedule.save_every:
            _save(folder / "checkpoint.safetensors", trained, average, optimiser, seen)
            speed = (seen - first) / (time.monotonic() - started)
            figures = {name: round(value / steps, 5) for name, value in sums.items()}
            line = {"images": seen, "images_per_second": round(speed, 1), **figures, **(check(average) if check else {})}
            with open(folder / "log.jsonl", "a") as log:
                log.write(json.dumps(line) + "\n")
            saved, sums, steps = seen, {}, 0
    _save(folder / "checkpoint.safetensors", trained, average, optimiser, seen)
    return average


def load_average(folder: Path, module: nn.Module) -> int:
    """Fills `module` with the run's averaged weights; gives the images seen. Raises ReenactError if there are none."""
    path = folder / "checkpoint.safetensors"
    if not path.exists():
        raise ReenactError(f"{path} is missing: train first")
    with safe_open(path, "pt") as file:
        state = {name.removeprefix("average."): file.get_tensor(name) for name in file.keys() if name.startswith("average.")}
        module.load_state_dict(state)
        return int(file.metadata()["images"])


def _rate(schedule: Schedule, seen: int) -> float:
    """Linear warm-up, then a cosine to a twentieth."""
    cosine = 0.525 + 0.475 * math.cos(math.pi * min(1.0, seen / schedule.images))
    return schedule.learning_rate * cosine * min(1.0, (seen + schedule.batch) / schedule.warm_up)


@torch.no_grad()
def _follow(average: nn.Module, trained: nn.Module, keep: float) -> None:
    for mean, value in zip(average.state_dict().values(), trained.state_dict().values(), strict=True):
        if mean.is_floating_point():
            mean.lerp_(value, 1 - keep)
        else:
            mean.copy_(value)


def _save(path: Path, trained: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer, seen: int) -> None:
    tensors = {f"model.{name}": value for name, value in trained.state_dict().items()}
    tensors |= {f"average.{name}": value for name, value in average.state_dict().items()}
    for number, state in optimiser.state_dict()["state"].items():
        tensors |= {f"adam.{number}.{name}": value for name, value in state.items()}
    part = path.with_suffix(".part")
    save_file({name: value.contiguous().clone() for name, value in tensors.items()}, part, {"images": str(seen)})
    os.replace(part, path)


def _load(path: Path, trained: nn.Module, average: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    if not path.exists():
        return 0
    with safe_open(path, "pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}
        seen = int(file.metadata()["images"])
    for prefix, module in (("model.", trained), ("average.", average)):
        module.load_state_dict({n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)})
    state: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("adam."):
            _, number, field = name.split(".")
            state.setdefault(int(number), {})[field] = tensor
    optimiser.load_state_dict({"state": state, "param_groups": optimiser.state_dict()["param_groups"]})
    return seen


def _same_settings(path: Path, settings: dict) -> None:
    if not path.exists():
        path.write_text(json.dumps(settings, indent=1))
        return
    before = json.loads(path.read_text())
    for name, value in settings.items():
        if before.get(name) != value:
            raise ReenactError(
                f"this run was started with {name} = {before.get(name)}, not {value}: take the old value or another folder"
            )
