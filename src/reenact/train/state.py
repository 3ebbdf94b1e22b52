"""All that a run is between two steps: networks, their moving average, optimisers, images seen. One file, replaced whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.train.config import Discriminator, Schedule, Task
from reenact.train.tensors import read_tensors, write_tensors
from reenact.train.workers import Workers, laid_out_like, whole

CHECKPOINT = "checkpoint.safetensors"
BETAS = (0.5, 0.99)
"""ours; 0.5 as the field's generators have it (docs/design/methods.md)"""


class _Step(nn.Module):
    """The objective as a module whose parameters are the trained ones: what several processes wrap."""

    def __init__(self, trained: nn.Module, objective: Any) -> None:
        super().__init__()
        self.trained = trained
        self.objective = objective

    def forward(self, batch: Any) -> Any:
        return self.objective(batch)


class Player:
    """One network and its optimiser: the trained one, or its discriminator."""

    def __init__(
        self, trained: nn.Module, objective: Any, learning_rate: float, workers: Workers, captured: bool = False
    ) -> None:
        """captured: its step is to be part of a graph, so that its rate is a tensor, and on CUDA its kernels are fused."""
        self.trained, self.learning_rate = trained, learning_rate
        options: dict[str, Any] = {"fused": True, "capturable": True} if captured and workers.device.type == "cuda" else {}
        options["lr"] = torch.tensor(learning_rate, device=workers.device) if captured else learning_rate
        self.module, self.optimiser = workers.share(
            _Step(trained, objective), lambda m: torch.optim.AdamW(m.parameters(), betas=BETAS, weight_decay=1e-4, **options)
        )

    def set_rate(self, share: float) -> None:
        for group in self.optimiser.param_groups:
            if isinstance(group["lr"], Tensor):
                group["lr"].fill_(share * self.learning_rate)
            else:
                group["lr"] = share * self.learning_rate

    def step(self) -> None:
        nn.utils.clip_grad_norm_(self.trained.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)

    def tensors(self) -> dict[str, Tensor]:
        """Every tensor of both, by name, as they lie."""
        named = {f"model.{name}": value for name, value in self.trained.state_dict().items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            named |= {f"adam.{number}.{name}": value for name, value in state.items()}
        return named

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        fill(self.trained, _under("model.", tensors))
        parameters = list(self.trained.parameters())
        state: dict[int, dict[str, Tensor]] = {}
        for name, tensor in _under("adam.", tensors).items():
            number, _, field = name.partition(".")
            pattern = parameters[int(number)] if number.isdecimal() and int(number) < len(parameters) else None
            if pattern is None or tensor.numel() not in (1, pattern.numel()):
                raise ReenactError(f"the checkpoint's adam.{name} is another network's: delete it, or take another folder")
            state.setdefault(int(number), {})[field] = (
                tensor if field == "step" else laid_out_like(tensor.reshape(pattern.shape), pattern)
            )
        self.optimiser.load_state_dict({"state": state, "param_groups": self.optimiser.state_dict()["param_groups"]})


class State:
    """Players, average and progress."""

    def __init__(self, task: Task, schedule: Schedule, workers: Workers, captured: bool = False) -> None:
        self.seen = 0
        self.schedule = schedule
        self.main = Player(task.trained, task.objective, schedule.learning_rate, workers, captured)
        discriminator: Discriminator | None = task.discriminator
        self.discriminator = discriminator and Player(
            discriminator.network, discriminator.objective, discriminator.learning_rate, workers, captured
        )
        self.average = {name: value.detach().clone() for name, value in task.trained.state_dict().items()}

    @torch.no_grad()
    def follow(self) -> None:
        """The average takes its step; early on it follows more closely, so that it forgets the first weights."""
        steps = self.seen / self.schedule.batch
        keep = min(self.schedule.ema, (1 + steps) / (10 + steps))
        pairs = [(self.average[name], value.detach()) for name, value in self.main.trained.state_dict().items()]
        for group in _alike(pair for pair in pairs if pair[0].is_floating_point()):
            torch._foreach_lerp_([mean for mean, _ in group], [value for _, value in group], 1 - keep)
        for mean, value in pairs:
            if not mean.is_floating_point():
                mean.copy_(value)

    def averaged(self) -> dict[str, Tensor]:
        """The averaged weights, whole. Every process must call it."""
        return {name: whole(value) for name, value in self.average.items()}

    def save(self, folder: Path, first: bool) -> None:
        """Every process must call it; the first one writes."""
        tensors = self.main.tensors() | {f"average.{name}": value for name, value in self.average.items()}
        if self.discriminator:
            tensors |= {f"critic.{name}": value for name, value in self.discriminator.tensors().items()}
        tensors = {name: whole(value) for name, value in tensors.items()}
        if first:
            write_tensors(folder / CHECKPOINT, tensors, {"images": str(self.seen)})

    def load(self, folder: Path) -> None:
        """Where the run left off; nothing where it has not begun."""
        if not (folder / CHECKPOINT).exists():
            return
        tensors, about = read_tensors(folder / CHECKPOINT)
        self.main.load(tensors)
        if self.discriminator:
            self.discriminator.load(_under("critic.", tensors))
        kept = _under("average.", tensors)
        for name, mean in self.average.items():
            mean.copy_(laid_out_like(fitting(kept, name, mean).reshape(mean.shape), mean))
        self.seen = seen_of(about, folder / CHECKPOINT)


def _alike(pairs: Iterable[tuple[Tensor, Tensor]]) -> list[list[tuple[Tensor, Tensor]]]:
    """Pairs that one call may work on: sharded ones apart from whole ones."""
    groups: dict[type, list[tuple[Tensor, Tensor]]] = {}
    for pair in pairs:
        groups.setdefault(type(pair[0]), []).append(pair)
    return list(groups.values())


def read_average(folder: Path) -> tuple[dict[str, Tensor], int]:
    """A run's averaged weights and the images it has seen. Raises ReenactError if there are none."""
    path = folder / CHECKPOINT
    if not path.exists():
        raise ReenactError(f"{path} is missing: train first")
    tensors, about = read_tensors(path, ("average.",))
    return _under("average.", tensors), seen_of(about, path)


def seen_of(about: Mapping[str, str], path: Path) -> int:
    """The images that a checkpoint has seen, of its metadata. Raises ReenactError where it does not say."""
    try:
        return int(about["images"])
    except (KeyError, TypeError, ValueError):
        raise ReenactError(f"{path} does not say how many images it has seen, so no run wrote it: delete it") from None


def load_average(folder: Path, module: nn.Module) -> int:
    """Fills `module` with the run's averaged weights; gives the images seen. Raises ReenactError if there are none."""
    tensors, seen = read_average(folder)
    fill(module, tensors)
    return seen


@torch.no_grad()
def fill(module: nn.Module, tensors: Mapping[str, Tensor]) -> None:
    """Copies every tensor of `module` out of `tensors`. Raises ReenactError naming one that is missing or of another shape."""
    for name, value in module.state_dict().items():
        value.copy_(laid_out_like(fitting(tensors, name, value).reshape(value.shape), value))


def fitting(tensors: Mapping[str, Tensor], name: str, pattern: Tensor) -> Tensor:
    """The tensor of this name, of the pattern's shape but for sides of one, since FSDP keeps a single number as a row of one.
    Raises ReenactError."""
    found = tensors.get(name)
    if found is None or found.squeeze().shape != pattern.squeeze().shape:
        raise ReenactError(f"the checkpoint has no {name} of shape {tuple(pattern.shape)}: it is another network's")
    return found


def _under(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
