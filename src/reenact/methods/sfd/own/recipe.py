"""The form's terms and its stages.

reenact train sfd_own|sfd_own64 --data POOL --out RUN

Reconstruction, perceptual loss, discriminator; swap and cycle across identities (docs/design/methods.md 2.3): one person in
another's motion must be encoded as that person and that motion, and, given its own motion again, must be the original picture.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.losses.lpips import LPIPS
from reenact.methods.sfd.own.config import Config
from reenact.methods.sfd.own.model import Coefficients, Drawn, SfdOwn
from reenact.nn.keypoints import Tensors
from reenact.objectives import adversary
from reenact.objectives.adversary import DISCRIMINATOR_WEIGHTS, WholeAdversary
from reenact.objectives.untaught import SHORT_PICTURE_WEIGHTS
from reenact.train import validation_grid as shown
from reenact.train.config import THIN, Discriminator, Schedule, Shown, Stage, Task, Terms, Validation
from reenact.train.tasks import DISCRIMINATOR_SHARE, about
from reenact.train.validation import averaged, picture_figures

PARTS = ("encoder", "space", "source", "generator")
WEIGHTS = {
    "l1": 4.0,
    "warped": 1.0,
    "lpips": 1.0,
    "identity_kept": 0.2,
    "swap_identity": 0.2,
    "swap_motion": 0.2,
    "cycle": 1.0,
}
"""ours. Agreements are in units of the batch's own spread, so that they cannot be had by shrinking"""
SWAPPED_SHARE = 2
"""ours: one of so many pairs is rendered in another's motion, too, and back"""
SMALL = Config(
    size=64,
    encoder_widths=(16, 32, 64, 96, 128),
    source_widths=(16, 32, 64),
    source_blocks=(1, 1, 1),
    features=256,
    style=128,
)
"""thin, for a proof on a CPU"""


class Objective(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lpips = LPIPS("alex")

    def forward(self, model: SfdOwn, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], Drawn]:
        """Pairs of frames of one clip each; of both batches only `image` [B,3,size,size] in [0, 1] is looked at."""
        image, truth, count = source["image"], driving["image"], len(source["image"])
        read = model.read(torch.cat([image, truth]))
        one, other = (Coefficients(*(value.split(count)[part] for value in read)) for part in (0, 1))
        drawn = model.draw(image, one, other.motion)
        terms = {
            "l1": (drawn.frame - truth).abs().mean(),
            "warped": (drawn.warped - truth).abs().mean(),
            "lpips": self.lpips(drawn.frame, truth).mean(),
            "identity_kept": apart(one.identity, other.identity),
        }
        return terms | self._across(model, image, one, count // SWAPPED_SHARE), drawn

    def _across(self, model: SfdOwn, image: Tensor, read: Coefficients, some: int) -> dict[str, Tensor]:
        """The first `some` people in the motion of the next one: encoded again, and moved back."""
        who, what = read.identity[:some], read.motion[:some].roll(1, 0)
        made = model.draw(image[:some], Coefficients(who, read.motion[:some]), what).frame
        found = model.read(made)
        back = model.draw(made, Coefficients(found.identity, found.motion), read.motion[:some]).frame
        return {
            "swap_identity": apart(found.identity, who),
            "swap_motion": apart(found.motion, what),
            "cycle": (back - image[:some]).abs().mean() + self.lpips(back, image[:some]).mean(),
        }


def apart(one: Tensor, other: Tensor) -> Tensor:
    """Mean squared distance of rows that are to be the same, by how far apart the batch is. Its gradient reaches the spread, too:
    without, everything shrinks to one point (docs/log.md)."""
    spread = (one - one.mean(0)).square().mean() + (other - other.mean(0)).square().mean() + 1e-6
    return (one - other).square().mean() / spread


def own() -> Stage:
    """Everything at once, at 128 px."""
    schedule = Schedule(images=3_000_000, batch=32, learning_rate=4e-4, warm_up=8_000, save_every=50_000, log_every=5_000)
    weights = WEIGHTS | adversary.WEIGHTS
    return Stage("own", own_task, schedule, weights, Config(), wide=0.3, splits=("train",))


def own64() -> Stage:
    """The same at 64 px without a discriminator, which has nothing to say so early, from frames that lie far apart: a proof for a
    CPU."""
    weights = WEIGHTS | SHORT_PICTURE_WEIGHTS
    return replace(own(), name="own64", schedule=THIN, weights=weights, model=SMALL, size=64, wide=1.0)


def own_task(stage: Stage, pool: Pool, device: torch.device) -> Task:
    """Encoder, basis and generator at once, from pairs of pictures and nothing else."""
    model = SfdOwn(stage.model).to(device).train()
    objective = Objective().to(device)
    trained: Any = nn.ModuleDict({name: getattr(model, name) for name in PARTS})
    trained.to(memory_format=torch.channels_last)
    data = Batches(pool, stage.splits, stage.size, device, stage.seed, stage.wide)
    against = WholeAdversary().to(device) if "adversarial" in stage.weights else None
    rate = DISCRIMINATOR_SHARE * stage.schedule.learning_rate
    discriminator = against and Discriminator(against, against, DISCRIMINATOR_WEIGHTS, rate)

    def compute(batch: tuple[Batch, Batch]) -> tuple[Terms, Shown]:
        terms, drawn = objective(model, *batch)
        exhibit = {"fake": drawn.frame, "real": batch[1]["image"]} if against else {}
        return {**terms, **(against.terms(exhibit) if against else {})}, exhibit

    def check(average: Mapping[str, Tensor]) -> Validation:
        checked = averaged(SfdOwn(stage.model).to(device), PARTS, average)
        figures = picture_figures(draw_as_read, objective.lpips, checked, data)
        return Validation(figures, *shown.drawn_rows(draw_as_read, checked, data))

    batches = partial(_pairs, data, stage.schedule.batch)
    return Task(trained, compute, batches, check, discriminator, data=about(pool))


def _pairs(data: Batches, batch: int, seen: int, share: slice) -> tuple[Batch, Batch]:
    return data.pairs(seen, batch, share)


def draw_as_read(model: SfdOwn, source: Batch, driving: Batch) -> Drawn:
    """The source frame in the driving one's estimated motion."""
    return model.draw(source["image"], model.read(source["image"]), model.read(driving["image"]).motion)
