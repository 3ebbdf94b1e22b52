"""The yardstick: its motion encoder by itself; its renderer is mmfa's, trained the same way (and may start from mmfa's).

python -m reenact.recipes.facevid2vid motion|render POOL RUN [--minutes M] [--size 128|256] [--start RUN] ...
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from reenact.data.pairs import PairSampler, jitter
from reenact.data.pool import Pool
from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.methods.facevid2vid.config import Config
from reenact.methods.facevid2vid.model import FaceVid2Vid
from reenact.methods.facevid2vid.objective import MOTION_WEIGHTS, MotionObjective
from reenact.recipes import mmfa
from reenact.recipes.mmfa import RENDER_PARTS, averaged, command, parts
from reenact.train.loop import Schedule, load_average, train

__all__ = ["MOTION_PARTS", "RENDER_PARTS", "MotionObjective", "build", "motion", "render"]

MOTION_PARTS = ("motion",)


def build() -> FaceVid2Vid:
    """A fresh model on the mean face's keypoints."""
    return FaceVid2Vid(Config(), torch.from_numpy(template(canonical_face().points)))


def motion(pool: Pool, folder: Path, schedule: Schedule, start: Path | None = None, seed: int = 0) -> None:
    """Stage one: pictures, turned, zoomed and shifted at random, against the teacher's reading."""
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
            terms = objective(validation, held_out.read(rows, 128))
        return {
            "val_keypoints_px": round(float(terms["keypoints"]) * 128, 3),
            "val_offsets": round(float(terms["offsets"]), 5),
            "val_pose": round(float(terms["pose"]), 4),
        }

    train(folder, trained, step, MOTION_WEIGHTS, schedule, check)


render = partial(mmfa.render, fresh=build)
"""Stage two, mmfa's: one frame of a clip moved to another by the teacher's keypoints."""


def main() -> None:
    command(__doc__, motion, render)


if __name__ == "__main__":
    main()
