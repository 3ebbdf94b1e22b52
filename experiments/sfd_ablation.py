"""What each idea of sfd is good for: its heads, space and read-out trained anew without one of them, on the same features.

python -m experiments.sfd_ablation POOL src/reenact/weights/mmfa --json results/sfd_ablation.json [--steps 1500]

The looks are frozen (mmfa's), so that a variant costs a minute and not hours; every variant sees the same batches. Figures are of
people never trained on: self and cross are the distance of keypoints in the head's frame from the teacher's, in thousandths of a
face's height; pose_leak is by how many degrees the pose read of X a_A + Y b_B is not B's; round_trip how far projections are
from the coefficients, in percent of them.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.core.provenance import measured_with
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.geometry.grid import sample
from reenact.methods.sfd import recipe as sfd
from reenact.methods.sfd.adopt import adopted
from reenact.methods.sfd.config import COMPACT, Config
from reenact.methods.sfd.model import Sfd, coefficients
from reenact.methods.sfd.objective import MOTION_WEIGHTS, PERSON, SPLIT_TERMS, MotionObjective
from reenact.methods.sfd.parts import IDENTITY
from reenact.nn.motion_encoder import face_grid, refined
from reenact.train.start import begin, read_start

BATCH, RATE = 64, 1e-3
POSE = ("head_pose", "scale", "translation")
VARIANTS: dict[str, tuple[Config, tuple[str, ...]]] = {
    "whole": (Config(), ()),
    "no orthogonality": (replace(Config(), basis="free"), ()),
    "no orthogonality, no round trip": (replace(Config(), basis="free"), ("round_trip",)),
    "no split": (Config(), SPLIT_TERMS),
    "incomplete basis (64 + 20)": (COMPACT, ()),
}
"""configuration, terms left out"""

Features = dict[str, Tensor]
"""second pass's features, pose as read, and the teacher's truth, row by row"""


@torch.no_grad()
def features(model: Sfd, data: Batches, rows: np.ndarray) -> Features:
    """What the frozen looks say of these rows."""
    kept: dict[str, list[Tensor]] = {}
    for first in range(0, len(rows), 32):
        batch = data.read(rows[first : first + 32])
        rough = model.motion.settle(batch["image"], model.motion.locate(batch["image"]))
        feature = model.motion.second(sample(batch["image"], face_grid(rough, model.motion.face_view)))
        found = refined(model.motion.refine(feature), rough)
        named = {"feature": feature.float(), **{f"read_{name}": found[name] for name in POSE}}
        for name, value in {**{k: v for k, v in batch.items() if k != "image"}, **named}.items():
            kept.setdefault(name, []).append(value)
    return {name: torch.cat(values) for name, values in kept.items()}


def said(model: Sfd, batch: Features) -> dict[str, Tensor]:
    """What the heads make of a feature."""
    return model.motion.describe(batch["feature"], {name: batch[f"read_{name}"] for name in POSE})


def pairs(person: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """Row numbers, two of one clip beside each other."""
    clips = random.choice(np.unique(person), count // 2)
    return np.concatenate([random.choice(np.flatnonzero(person == clip), 2) for clip in clips])


def trained(config: Config, left_out: tuple[str, ...], known: Features, steps: int) -> Sfd:
    """Heads, space and read-out, from nothing."""
    torch.manual_seed(0)
    random, model = np.random.default_rng(0), sfd.build(config).train()
    objective = MotionObjective(model)
    parts = (model.motion.identity, model.motion.expression, model.space, model.read_out, objective)
    optimiser = torch.optim.AdamW([p for part in parts for p in part.parameters()], RATE)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, steps, pct_start=0.1)
    person = known[PERSON].numpy()
    for _ in range(steps):
        rows = torch.from_numpy(pairs(person, BATCH, random))
        batch = {name: value[rows] for name, value in known.items()}
        terms = objective.compare(model, said(model, batch), batch)
        loss = sum(MOTION_WEIGHTS[name] * value for name, value in terms.items() if name not in left_out)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return model.eval()


@torch.no_grad()
def figures(model: Sfd, held: Features) -> dict[str, float]:
    """On people never trained on."""
    count, person = model.config.mesh_keypoints, held[PERSON].numpy()
    found = said(model, held)
    identity, motion = found[IDENTITY], coefficients(found)
    other = torch.from_numpy(np.random.default_rng(1).permutation(len(motion)))
    own, crossed = model.pose(identity, found), model.pose(identity[other], found)
    wanted = held["canonical"][other] + held["head"] - held["canonical"]
    descriptor = model.space(identity, motion)
    back = model.space.coefficients(descriptor)
    off = torch.cat([a - b for a, b in zip(back, (identity, motion), strict=True)], 1)
    leak = (crossed.motion["head_pose"] - found["head_pose"]).abs().mean()
    return {
        "self": _thousandths(own.head, held["head"], count),
        "cross": _thousandths(crossed.head, wanted, count),
        "pose_leak": round(float(torch.rad2deg(leak)), 3),
        "round_trip": round(100 * float(off.norm() / torch.cat([identity, motion], 1).norm()), 4),
        "verified": round(sfd.verified(F.normalize(identity - identity.mean(0), dim=1), person), 3),
    }


def _thousandths(found: Tensor, wanted: Tensor, count: int) -> float:
    return round(1000 * float((found - wanted)[:, :count].norm(dim=-1).mean()), 2)


def ablate(pool: Pool, start: Path, steps: int, every: int) -> dict[str, Any]:
    """Every variant. Raises ReenactError where the start holds no looks."""
    frozen = sfd.build()
    if not begin(torch.nn.ModuleDict({"motion": frozen.motion}), adopted(read_start(start), frozen.state_dict())):
        raise ReenactError(f"{start} holds no motion encoder: give weights of mmfa or sfd")
    data = Batches(pool, ("train", "strain"), 256, torch.device("cpu"))
    sfd.learn(data)
    rows = [np.flatnonzero(np.isin(pool.split, splits))[::every] for splits in (("train", "strain"), ("val", "sval"))]
    known, held = (features(frozen.eval(), data, some) for some in rows)
    out: dict[str, Any] = {"steps": steps, "batch": BATCH, "frames": [len(some) for some in rows]}
    for name, (config, left_out) in VARIANTS.items():
        out[name] = figures(trained(config, left_out, known, steps), held)
        sys.stdout.write(f"{name}: {out[name]}\n")
        sys.stdout.flush()
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("start", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=1500)
    parser.add_argument("--every", type=int, default=3, help="every which frame of the pool")
    given = parser.parse_args()
    try:
        found = ablate(Pool.load(given.pool), given.start, given.steps, given.every)
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None
    command = f"python -m experiments.sfd_ablation POOL {given.start} --steps {given.steps} --every {given.every}"
    write_json(given.json, {"command": command, **measured_with(given.start), **found})


if __name__ == "__main__":
    main()
