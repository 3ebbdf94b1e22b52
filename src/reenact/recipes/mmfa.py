"""The plain form of mmfa: its motion encoder by itself, its renderer by itself, on one pool.

python -m reenact.recipes.mmfa motion|render POOL RUN [--minutes M] [--size 128|256] ...
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
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
from reenact.methods.mmfa.objective import MOTION_WEIGHTS, RENDER_WEIGHTS, MotionObjective, RenderObjective
from reenact.nn.keypoint_method import KeypointMethod
from reenact.train.loop import Schedule, load_average, train

RENDER_PARTS = ("source", "dense_motion", "generator")
MOTION_PARTS = ("motion", "expression")


def build() -> Mmfa:
    """A fresh model on the mean face's keypoints."""
    return Mmfa(Config(), torch.from_numpy(template(canonical_face().points)))


def parts(model: KeypointMethod, names: tuple[str, ...]) -> nn.ModuleDict:
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
        batch = jitter(sampler.read(rows, 128), random, 128)
        with torch.autocast("cpu", torch.bfloat16):
            return objective(model, batch)

    def check(average: nn.Module) -> dict[str, float]:
        validation = averaged(build(), average, MOTION_PARTS)
        with torch.no_grad():
            rows = np.flatnonzero(np.isin(pool.split, ("val",)))[::10]
            terms = MotionObjective(validation)(validation, held_out.read(rows, 128))
        return {
            "val_keypoints_px": round(float(terms["keypoints"]) * 128, 3),
            "val_offsets": round(float(terms["offsets"]), 5),
            "val_pose": round(float(terms["pose"]), 4),
        }

    train(folder, trained, step, MOTION_WEIGHTS, schedule, check)


def render(
    pool: Pool,
    folder: Path,
    schedule: Schedule,
    size: int,
    start: Path | None = None,
    seed: int = 0,
    fresh: Callable[[], KeypointMethod] = build,
) -> None:
    """Stage two: one frame of a clip moved to another by the teacher's keypoints. fresh: what makes the model."""
    torch.manual_seed(seed)
    model = fresh()
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
        validation = averaged(fresh(), average, RENDER_PARTS)
        source, driving = (PairSampler(pool, ("val",), 1).read(rows, size) for rows in validation_rows(pool))
        with torch.no_grad():
            terms, frame = objective(validation, source, driving)
            still = objective.lpips(source["image"], driving["image"]).mean()
        return {
            "val_l1": round(float((frame - driving["image"]).abs().mean()), 5),
            "val_lpips": round(float(terms["lpips"]), 5),
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


def averaged(model: KeypointMethod, average: nn.Module, names: tuple[str, ...]) -> KeypointMethod:
    """`model` for validation, with one stage's averaged weights."""
    for name in names:
        getattr(model, name).load_state_dict(average[name].state_dict())
    return model.eval()


def _last(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {**batch, "image": batch["image"].contiguous(memory_format=torch.channels_last)}


def command(description: str | None, motion: Callable[..., None], render: Callable[..., None]) -> None:
    """The command line of a recipe with these two stages."""
    parser = argparse.ArgumentParser(description=description)
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


def main() -> None:
    command(__doc__, motion, render)


if __name__ == "__main__":
    main()
