"""The stages that methods which move keypoints share: a method's recipe fills in `Recipe`, the rest is the same for all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.recipes import shown
from reenact.train.config import Shown, Stage, Task, Terms, Validation
from reenact.train.state import fill

CHECKED_AT_ONCE = 64
"""ours: pictures of one validation batch"""


@dataclass(frozen=True)
class Recipe:
    """What a method brings to the shared stages."""

    build: Callable[[], nn.Module]
    draw: Callable[[Any, Batch, Batch], Any]
    """(model, source, driving) -> frame, warped, flow, occlusion, driven by the teacher's keypoints"""
    keypoints: Callable[[Any, Batch], tuple[Tensor, Tensor]]
    """(model, batch) -> the teacher's keypoints and the encoder's"""
    motion_parts: tuple[str, ...]
    motion_objective: Callable[[Any], nn.Module]
    render_parts: tuple[str, ...]
    render_objective: Callable[[], nn.Module]


def parts(model: nn.Module, names: tuple[str, ...]) -> nn.ModuleDict:
    """The sub-networks that one stage trains."""
    return nn.ModuleDict({name: getattr(model, name) for name in names})


def motion_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Stage one: the motion encoder, one picture at a time, against the teacher's reading."""
    model = method.build().to(device).train()
    objective = method.motion_objective(model).to(device)
    trained = parts(model, method.motion_parts)
    trained["probe"] = objective
    trained.to(memory_format=torch.channels_last)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide)
    rows = np.flatnonzero(pool.split == shown.held_out(pool))[::10]

    def compute(batch: Batch) -> tuple[Terms, Shown]:
        return objective(model, batch), {}

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(method.build().to(device), method.motion_parts, average)
        terms = _means(method.motion_objective(validation).to(device), validation, data, rows)
        figures = {
            "val_keypoints_px": round(terms["keypoints"] * 128, 3),
            "val_offsets": round(terms["offsets"], 5),
            "val_pose": round(terms["pose"], 4),
        }
        return Validation(figures, *shown.keypoint_rows(method.keypoints, validation, data, rows))

    batch = stage.schedule.batch
    return Task(trained, compute, lambda seen, share: data.singles(seen, batch, share), check, data=about(pool))


def render_task(method: Recipe, stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Stage two: everything that draws, driven by the teacher's keypoints."""
    model = method.build().to(device).train()
    objective = method.render_objective().to(device)
    trained = parts(model, method.render_parts).to(memory_format=torch.channels_last)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide)

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        terms, frame = objective(model, *batch)
        return terms, {"fake": frame, "real": batch[1]["image"]}

    def check(average: Mapping[str, Tensor]) -> Validation:
        validation = averaged(method.build().to(device), method.render_parts, average)
        figures = _render_figures(method, objective, validation, data)
        return Validation(figures, *shown.drawn_rows(method.draw, validation, data))

    batch = stage.schedule.batch
    return Task(trained, compute, lambda seen, share: data.pairs(seen, batch, share), check, data=about(pool))


def about(pool: Pool) -> dict[str, Any]:
    """What config.json says of the pool."""
    return {"frames": len(pool.split), "clips": len(np.unique(pool.clip))}


def validation_rows(pool: Pool, each: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Frame 0 of every validation clip against `each` frames spread over it."""
    source, driving = [], []
    for clip in np.unique(pool.clip[pool.split == shown.held_out(pool)]):
        rows = np.flatnonzero(pool.clip == clip)
        source += [rows[0]] * each
        driving += list(rows[np.linspace(len(rows) // 5, len(rows) - 1, each).astype(int)])
    return np.array(source), np.array(driving)


def averaged(model: nn.Module, names: tuple[str, ...], average: Mapping[str, Tensor]) -> Any:
    """A model for validation, with one stage's averaged weights."""
    for name in names:
        prefix = f"{name}."
        fill(getattr(model, name), {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)})
    return model.eval()


@torch.no_grad()
def _means(objective: nn.Module, model: nn.Module, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """Mean terms over rows."""
    sums: dict[str, float] = {}
    for first in range(0, len(rows), CHECKED_AT_ONCE):
        some = rows[first : first + CHECKED_AT_ONCE]
        for name, value in objective(model, data.read(some)).items():
            sums[name] = sums.get(name, 0.0) + float(value) * len(some) / len(rows)
    return sums


@torch.no_grad()
def _render_figures(method: Recipe, objective: Any, model: nn.Module, data: Batches) -> dict[str, float]:
    """L1 and LPIPS (alex) of frames drawn from another frame of their clip, beside those of the still source."""
    sums = dict.fromkeys(("val_l1", "val_lpips", "still_l1", "still_lpips"), 0.0)
    source_rows, driving_rows = validation_rows(data.pool)
    for first in range(0, len(source_rows), CHECKED_AT_ONCE):
        cut = slice(first, first + CHECKED_AT_ONCE)
        source, driving = data.read(source_rows[cut]), data.read(driving_rows[cut])
        share, truth = len(source["image"]) / len(source_rows), driving["image"]
        for name, image in (("val", method.draw(model, source, driving).frame), ("still", source["image"])):
            sums[f"{name}_l1"] += share * float((image - truth).abs().mean())
            sums[f"{name}_lpips"] += share * float(objective.lpips(image, truth).mean())
    return {name: round(value, 5) for name, value in sums.items()}
