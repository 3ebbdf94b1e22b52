"""mmfa freed from its teacher: begins at supervised weights; the teacher's terms fade out, those of the paper's abstract fade in.

ours: the paper learns without a teacher from the first picture on (unsupervised.py); where an encoder without one drifts to from
supervised weights shows what the teacher is good for, term by term. No landmarker is in any loss once its terms are gone; the
crops are still its own, and it says which pairs of a clip lie far apart (data/pairs.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.methods.mmfa.objective import MOTION_WEIGHTS, MotionObjective
from reenact.nn.keypoints import Tensors
from reenact.objectives import adversary
from reenact.objectives.self_reenactment import RENDER_WEIGHTS, RenderObjective, enlarged
from reenact.objectives.untaught import CODE_WEIGHTS, PICTURE_WEIGHTS, UNTAUGHT_WEIGHTS, UntaughtObjective
from reenact.train import validation_grid as shown
from reenact.train.config import Shown, Stage, Task, Terms, Validation
from reenact.train.recipe import Recipe, parts
from reenact.train.tasks import about, adopter, hold_norms, in_turn
from reenact.train.tasks import adversary as judged
from reenact.train.validation import agreement, averaged, draw_as_read, render_figures

READ = ("keypoints", "offsets", "gaps", "gaps_head", "canonical", "pose", "code")
"""the teacher's terms of the estimated motion. Not the blendshapes: their probe would begin from nothing (consistency_weights)"""
DRAWN = ("mesh", "mesh_gaps", "mesh_shapes", "identity")
"""and of the rendered frame; the last is SFace's, which the landmarker's points align"""
TAUGHT_WEIGHTS = {name: 0.5 * MOTION_WEIGHTS[name] for name in READ} | {name: RENDER_WEIGHTS[name] for name in DRAWN}
"""as in the joint stage"""
FADING = 0.7
"""ours: of the stage's pairs, those over which the teacher goes: 10,000 of 14,000"""
LEAST = 1e-4
"""ours: D_t of the keypoint prior for 40 keypoints of which lids and lips lie .01 of a face apart; face-vid2vid's .1 is of 20"""
FEATURES_WEIGHT = 1.5
"""as in the joint stage: eyes and mouth enlarged, where the method itself has found the face"""
WEIGHTS = (
    TAUGHT_WEIGHTS
    | PICTURE_WEIGHTS
    | {"features": FEATURES_WEIGHT}
    | UNTAUGHT_WEIGHTS
    | CODE_WEIGHTS
    | adversary.WEIGHTS
    | {"taught": 0.0}
)


def taught_share(seen: int, images: int) -> float:
    """Of the teacher's weights, after `seen` of `images` pairs: from 1 down to 0, a straight line."""
    return max(0.0, 1 - seen / (FADING * images))


class FreeObjective(nn.Module):
    """Both lists: the teacher's, fading, and what an estimate has to obey by itself, growing."""

    def __init__(self, model: Any, drawn_at: int) -> None:
        """model: a `Mmfa`; drawn_at: side of the rendered frame, px."""
        super().__init__()
        depth = float(model.motion.template[:, 2].mean())
        self.untaught = UntaughtObjective(drawn_at, depth, LEAST)
        self.teacher, self.reading = RenderObjective(), MotionObjective(model)

    def forward(self, model: Any, source: Tensors, driving: Tensors, share: float) -> tuple[dict[str, Tensor], Tensors, Tensors]:
        """share: of the teacher's weights. The weighed terms, and what a discriminator compares: the rendered frame and the true
        one, with where the method has found its face."""
        terms, rendered, read, target = self.untaught(model, source, driving)
        made, wanted = (enlarged(picture, target) for picture in (rendered.frame, target["image"]))
        terms["features"] = self.untaught.lpips(made, wanted).mean()
        grown = {name: (1 - share) * value if name in UNTAUGHT_WEIGHTS else value for name, value in terms.items()}
        if share:
            said = self.reading.compare(model, in_turn(*read), in_turn(source, driving))
            said |= self.teacher.read_back(model, rendered.frame, {**driving, "image": target["image"]})
            grown |= {name: share * said[name] for name in TAUGHT_WEIGHTS}
        return grown | {"taught": torch.tensor(share)}, {"frame": rendered.frame}, target


def free_task(stage: Stage, pool: Pool, device: torch.device, still: tuple[str, ...] = (), drawn_at: int = 0) -> Task:
    """still: frozen parts; drawn_at: side of the frame rendered in training, px; 0: the stage's own."""
    assert stage.method is not None
    method: Recipe = stage.method(stage.model)
    model: Any = method.build().to(device).train()
    objective = FreeObjective(model, drawn_at or stage.size).to(device)
    names = (*method.render_parts, *method.motion_parts)
    trained: Any = parts(model, names)
    trained.to(memory_format=torch.channels_last)
    parts(model, still).requires_grad_(False)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide, mouths=stage.mouths)
    against, discriminator = judged(stage, device)
    images, batch = stage.schedule.images, stage.schedule.batch

    def compute(given: tuple[int, tuple[Batch, Batch]]) -> tuple[Terms, Shown]:
        hold_norms(model)
        terms, drawn, target = objective(model, *given[1], taught_share(given[0], images))
        more, exhibit = against(drawn["frame"], target)
        return {**terms, **more}, exhibit

    def batches(seen: int, share: slice) -> tuple[int, tuple[Batch, Batch]]:
        return seen, data.pairs(seen, batch, share)

    check = partial(read_and_drawn, method, objective.teacher, data, names)
    return Task(trained, compute, batches, check, discriminator, data=about(pool), adopt=adopter(method, model))


def reading_task(stage: Stage, pool: Pool, device: torch.device) -> Task:
    """The motion encoder and the dense motion learn, through a frozen generator, rendered at half the side: the same question
    for a third of the arithmetic, which is what a CPU has time for."""
    return free_task(stage, pool, device, ("source", "generator", "uncover"), stage.size // 2)


def read_and_drawn(
    method: Recipe, judge: RenderObjective, data: Batches, names: tuple[str, ...], average: Mapping[str, Tensor]
) -> Validation:
    """Figures of people never trained on, those of the teacher among them: how far the motion encoder has gone from it."""
    model = averaged(method.build().to(data.device), names, average)
    rows = np.flatnonzero(data.pool.split == shown.held_out(data.pool))[::10]
    figures = render_figures(draw_as_read, judge, model, data) | agreement(model, data, rows)
    figures |= {"val_keypoints_px": off_the_teacher(model, data, rows)}
    return Validation(figures, *shown.drawn_rows(draw_as_read, model, data))


@torch.no_grad()
def off_the_teacher(model: Any, data: Batches, rows: np.ndarray) -> float:
    """Mean |difference| of the face's keypoints from the landmarker's, px of a picture of 256, x and y."""
    total = 0.0
    for first in range(0, len(rows), 32):
        batch = data.read(rows[first : first + 32])
        found = model.motion(batch["image"])
        away = model.pose(found[model.person], found).keypoints - model.teacher(batch).keypoints
        total += float(away[:, : model.config.mesh_keypoints, :2].abs().mean()) * len(away)
    return round(128 * total / len(rows), 3)
