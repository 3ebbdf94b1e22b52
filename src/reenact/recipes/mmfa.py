"""The plain form of mmfa: its motion encoder by itself, its renderer by itself, on one pool.

python -m reenact.recipes.mmfa motion|render POOL RUN [--minutes M] [--size 128|256] ...
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import nn

from reenact.core.errors import ReenactError
from reenact.data.pairs import PairSampler, jitter
from reenact.data.pool import Pool
from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.objective import MOTION_WEIGHTS, RENDER_WEIGHTS, MotionObjective, RenderObjective, gaps
from reenact.nn.blocks import pool as shrink
from reenact.train.loop import Schedule, load_average, train

RENDER_PARTS = ("source", "dense_motion", "generator")
MOTION_PARTS = ("motion", "expression")


def build() -> Mmfa:
    """A fresh model on the mean face's keypoints."""
    return Mmfa(Config(), torch.from_numpy(template(canonical_face().points)))


def parts(model: Mmfa, names: tuple[str, ...]) -> nn.ModuleDict:
    """The sub-networks that one stage trains."""
    return nn.ModuleDict({name: getattr(model, name) for name in names})


def motion(pool: Pool, folder: Path, schedule: Schedule, start: Path | None = None, seed: int = 0) -> None:
    """Stage one: pictures, turned and shifted at random, against the teacher's reading."""
    torch.manual_seed(seed)
    model = build()
    objective = MotionObjective(model)
    trained = parts(model, MOTION_PARTS)
    trained["probe"] = objective
    if start is not None:
        load_average(start, trained)
    trained.to(memory_format=torch.channels_last)
    sampler = PairSampler(pool, ("train", "strain", "ptrain"), seed, wide=1.0)
    held_out = PairSampler(pool, ("val",), seed)
    random = np.random.default_rng(seed)

    def step() -> dict[str, torch.Tensor]:
        model.train()
        _, rows = sampler.rows(schedule.batch)
        batch = sampler.flipped(sampler.read(rows, 256))
        side = model.config.first_view
        small = jitter({**batch, "image": shrink(batch["image"], side)}, random, side)
        with torch.autocast("cpu", torch.bfloat16):
            return objective(model, batch, small)

    def check(average: nn.Module) -> dict[str, float]:
        validation = _averaged(average, MOTION_PARTS)
        with torch.no_grad():
            rows = np.flatnonzero(np.isin(pool.split, ("val",)))[::10]
            terms = MotionObjective(validation).eval()(validation, held_out.read(rows, 256))
            batch = held_out.read(rows, 256)
            found = validation.expression(validation.motion(batch["image"])["expression"])
            fit = agreement(found, batch["head"] - batch["canonical"])
        return {
            "val_keypoints_px": round(float(terms["keypoints"]) * 128, 3),
            "val_offsets": round(float(terms["offsets"]), 5),
            "val_pose": round(float(terms["pose"]), 4),
            "val_rough": round(float(terms["rough"]), 4),
            **fit,
        }

    train(folder, trained, step, MOTION_WEIGHTS, schedule, check)


def agreement(found: torch.Tensor, truth: torch.Tensor) -> dict[str, float]:
    """Correlation and slope (1 is best) of the opening of lids and lips and the turn of the irises with the truth's."""
    found, truth = ((x - x.mean(0)).double() for x in (gaps(found), gaps(truth)))
    out = {}
    for name, pairs, axis in (("lids", [0, 1], 1), ("lips", [2], 1), ("corners", [3], 0), ("gaze", [4, 6], 0)):
        a, b = found[:, pairs, axis].flatten(), truth[:, pairs, axis].flatten()
        out[f"{name}_r"] = round(float((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt().clamp(min=1e-12)), 3)
        out[f"{name}_slope"] = round(float((a * b).sum() / b.square().sum().clamp(min=1e-12)), 3)
    return out


def render(pool: Pool, folder: Path, schedule: Schedule, size: int, start: Path | None = None, seed: int = 0) -> None:
    """Stage two: one frame of a clip moved to another by the teacher's keypoints."""
    torch.manual_seed(seed)
    model = build()
    trained = parts(model, RENDER_PARTS)
    if start is not None:
        load_average(start, trained)
    trained.to(memory_format=torch.channels_last)
    objective = RenderObjective()
    sampler = PairSampler(pool, ("train", "strain"), seed)

    def step() -> dict[str, torch.Tensor]:
        model.train()
        source, driving = sampler.batch(schedule.batch, size)
        with torch.autocast("cpu", torch.bfloat16):
            return objective(model, _last(source), _last(driving))[0]

    def check(average: nn.Module) -> dict[str, float]:
        validation = _averaged(average, RENDER_PARTS)
        source, driving = (PairSampler(pool, ("val",), 1).read(rows, size) for rows in validation_rows(pool))
        with torch.no_grad():
            terms, frame = objective(validation, source, driving)
            still = objective.lpips(source["image"], driving["image"]).mean()
        return {
            "val_l1": round(float((frame - driving["image"]).abs().mean()), 5),
            "val_lpips": round(float(terms["lpips"]), 5),
            **{f"val_{name}": round(float(terms[name]), 5) for name in ("features", "mesh", "mesh_gaps", "mesh_shapes")},
            "still_l1": round(float((source["image"] - driving["image"]).abs().mean()), 5),
            "still_lpips": round(float(still), 5),
        }

    train(folder, trained, step, RENDER_WEIGHTS, schedule, check)


def validation_rows(pool: Pool, each: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Frame 0 of every validation clip against `each` frames spread over it."""
    source, driving = [], []
    for clip in np.unique(pool.clip[pool.split == "val"]):
        rows = np.flatnonzero(pool.clip == clip)
        source += [rows[0]] * each
        driving += list(rows[np.linspace(len(rows) // 5, len(rows) - 1, each).astype(int)])
    return np.array(source), np.array(driving)


def _averaged(average: nn.Module, names: tuple[str, ...]) -> Mmfa:
    """A model for validation, with one stage's averaged weights."""
    model = build()
    for name in names:
        getattr(model, name).load_state_dict(average[name].state_dict())
    return model.eval()


def _last(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {**batch, "image": batch["image"].contiguous(memory_format=torch.channels_last)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stage", choices=("motion", "render"))
    parser.add_argument("pool", type=Path)
    parser.add_argument("run", type=Path)
    parser.add_argument("--images", type=int, required=True)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=4e-4)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--size", type=int, default=128, choices=(128, 256))
    parser.add_argument("--start", type=Path)
    parser.add_argument("--threads", type=int, default=0)
    parser.add_argument("--save-every", type=int, default=4000)
    given = parser.parse_args()
    if given.threads:
        torch.set_num_threads(given.threads)
    try:
        pool = Pool.load(given.pool)
        warm_up = min(Schedule.warm_up, given.images // 10)
        schedule = Schedule(given.images, given.batch, given.rate, given.minutes, warm_up, save_every=given.save_every)
        if given.stage == "motion":
            motion(pool, given.run, schedule, given.start)
        else:
            render(pool, given.run, schedule, given.size, given.start)
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
