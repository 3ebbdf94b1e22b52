"""mmfa as its title has it: keypoints positioned without a teacher, from nothing.

No landmarker says where a keypoint is, no blendshape what an expression is, no network but LPIPS compares the frames. 20
keypoints begin spread over a ball, all unlike a face; the equation x = s R (x_c + d(e)) + t, the Gaussian code and the
rendering network are those of the supervised form (model.py, nn/). The first pass of the motion encoder says nothing (its heads
begin near zero and are frozen): trained on what the second finds, both drift out of the picture together (docs/log.md).
ours: sizes, weights and schedule; crops and which frames of a clip lie far apart still come of the pool, which a landmarker has
made.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.hybrid import Hybrid
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.objective import MotionObjective
from reenact.objectives import adversary
from reenact.objectives.adversary import DISCRIMINATOR_WEIGHTS, WholeAdversary
from reenact.objectives.untaught import (
    CODE_WEIGHTS,
    PICTURE_WEIGHTS,
    SHORT_PICTURE_WEIGHTS,
    UNTAUGHT_WEIGHTS,
    UntaughtObjective,
)
from reenact.train import validation_grid as shown
from reenact.train.config import THIN, Discriminator, Schedule, Shown, Stage, Task, Terms, Validation
from reenact.train.recipe import Recipe, parts
from reenact.train.tasks import DISCRIMINATOR_SHARE, about, adopter
from reenact.train.validation import averaged, draw_as_read, picture_figures

KEYPOINTS = 20
"""face-vid2vid's"""
BALL = (0.50, 0.60, 0.45)
"""ours: half axes of where keypoints begin, in face heights"""
OWN = Config(
    size=128,
    mesh_keypoints=KEYPOINTS,
    shell_keypoints=0,
    motion_view=64,
    offsets="without_pose",
    rigid="all",
    code="gaussian",
    scales="each",
    backdrop="drawn",
)
"""20 keypoints without names; image losses at the generator's inner scales, which the ablation found better by 1.5 %"""
SMALL = replace(
    OWN,
    size=64,
    first_view=32,
    first_widths=(8, 16, 24, 32),
    motion_widths=(16, 24, 40, 64, 96),
    motion_squeeze=32,
    source_widths=(16, 32, 64),
    source_blocks=(1, 1, 2),
    generator_blocks=(1, 1, 2),
    flow_blocks=(1, 1),
    flow_size=32,
    flow_widths=(16, 32, 48),
)
"""thin, for a proof on a CPU"""
WEIGHTS = (
    PICTURE_WEIGHTS
    | {name: value for name, value in UNTAUGHT_WEIGHTS.items() if not name.startswith("turned")}
    | CODE_WEIGHTS
    | {"scales": 0.5}
)


def ball(count: int) -> Float[Tensor, "count 3"]:
    """Points spread evenly over an ellipsoid (a Fibonacci lattice): no two alike, none of a face."""
    number = torch.arange(count) + 0.5
    height, angle = 1 - 2 * number / count, math.pi * (1 + math.sqrt(5)) * number
    ring = (1 - height.square()).sqrt()
    return torch.stack([ring * angle.cos(), height, ring * angle.sin()], 1) * torch.tensor(BALL)


def build(config: Config = OWN) -> Mmfa:
    """A fresh model that has seen no face, not even a mean one."""
    return (Hybrid if config.free_keypoints else Mmfa)(config, ball(config.keypoints))


def method(config: Config) -> Recipe:
    """What the shared parts of training need. The motion objective is the supervised form's, and is never made."""
    return Recipe(partial(build, config), motion_parts=("motion", "expression"), motion_objective=MotionObjective)


def unsupervised() -> Stage:
    """Everything at once, at 128 px."""
    schedule = Schedule(images=3_000_000, batch=32, learning_rate=4e-4, warm_up=8_000, save_every=50_000, log_every=5_000)
    weights = WEIGHTS | adversary.WEIGHTS
    return Stage("unsupervised", unsupervised_task, schedule, weights, OWN, method, wide=0.3, splits=("train",))


def unsupervised64() -> Stage:
    """The same at 64 px without a discriminator, which has nothing to say so early, from frames that lie far apart: a proof for a
    CPU."""
    weights = WEIGHTS | SHORT_PICTURE_WEIGHTS | {"scales": 5.0}
    return replace(unsupervised(), name="unsupervised64", schedule=THIN, weights=weights, model=SMALL, size=64, wide=1.0)


def hybrid64() -> Stage:
    """The same with MobilePortrait's 50 free 2-D keypoints beside the 20: an ablation."""
    return replace(unsupervised64(), name="unsupervised64_hybrid", model=replace(SMALL, free_keypoints=50))


def unsupervised_task(stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Motion encoder and rendering network at once, from pairs of pictures and nothing else."""
    method: Recipe = stage.method(stage.model)  # type: ignore[misc]
    model: Any = method.build().to(device).train()
    objective = UntaughtObjective(stage.size, turned_share=0).to(device)
    names = (*method.render_parts, *method.motion_parts)
    trained: Any = parts(model, names)
    for part in (model.motion.first, model.motion.place):
        part.requires_grad_(False)
    trained.to(memory_format=torch.channels_last)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide, mouths=stage.mouths)
    against = WholeAdversary().to(device) if "adversarial" in stage.weights else None
    rate = DISCRIMINATOR_SHARE * stage.schedule.learning_rate
    discriminator = against and Discriminator(against, against, DISCRIMINATOR_WEIGHTS, rate)

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        terms, rendered, *_ = objective(model, *batch)
        exhibit = {"fake": rendered.frame, "real": batch[1]["image"]} if against else {}
        return {**terms, **(against.terms(exhibit) if against else {})}, exhibit

    def check(average: Mapping[str, Tensor]) -> Validation:
        checked = averaged(method.build().to(device), names, average)
        figures = picture_figures(draw_as_read, objective.lpips, checked, data)
        return Validation(figures, *shown.drawn_rows(draw_as_read, checked, data))

    batch = stage.schedule.batch
    return Task(
        trained,
        compute,
        lambda seen, share: data.pairs(seen, batch, share),
        check,
        discriminator,
        data=about(pool),
        adopt=adopter(method, model),
    )
