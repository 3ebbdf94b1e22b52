"""New heads on a reader that stands still: what the second pass says of a face is worked out once, then only linear layers learn.

python -m experiments.prior_heads POOL OUT --start src/reenact/weights/mmfa --face RUN [--frames 5000] [--steps 4000]

--start: whose two passes (and the rendering network) are taken as they are; --face: a run of prior_motion, whose face model and
residual
decoder are gone on from. Minutes where `prior_motion` takes an hour, and the pose stays as good as that of the reader, which
was trained together with the rendering network. OUT becomes a folder that --start and the exporter take.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.data.batches import FIELDS
from reenact.data.pairs import mirrored
from reenact.data.pool import Pool, mirror_order
from reenact.methods.prior import recipe as prior
from reenact.methods.prior.model import Prior
from reenact.methods.prior.objective import MOTION_WEIGHTS, MotionObjective
from reenact.train.start import begin, read_start
from reenact.train.tensors import write_tensors

SPLITS = ("train", "strain", "ptrain")
HEADS = ("coefficients", "residual", "identity")
BATCH, AT_ONCE = 256, 16
NOISE = 0.1
"""ours: of a feature's standard deviation, added in training: some thousand frames would else be learnt by heart"""
SHIPPED = "weights_0.safetensors"


def choose(pool: Pool, count: int, seed: int = 0) -> np.ndarray:
    """Rows of the training splits, people alike, without repetition as far as they reach."""
    numbers = np.random.default_rng(seed)
    rows = np.flatnonzero(np.isin(pool.split, SPLITS))
    if not len(rows):
        raise ReenactError(f"the pool has no frames of {', '.join(SPLITS)}")
    shuffled = numbers.permutation(rows)
    _, person = np.unique(pool.identity[shuffled], return_inverse=True)
    order = np.argsort(person, kind="stable")
    turn = np.empty(len(rows), np.int64)
    sizes = np.bincount(person)
    turn[order] = np.concatenate([np.arange(size) for size in sizes])
    return np.sort(shuffled[np.lexsort((numbers.random(len(rows)), turn))[:count]])


@torch.no_grad()
def looked(model: Prior, pool: Pool, rows: np.ndarray, seed: int = 0) -> dict[str, Tensor]:
    """For each row (half of them mirrored): `feature`, the pose that goes with it, and the truth with true_<pose>."""
    model.eval().to(memory_format=torch.channels_last)
    flips = torch.from_numpy(np.random.default_rng(seed).random(len(rows)) < 0.5)
    truth = {name: torch.from_numpy(np.ascontiguousarray(getattr(pool.truth, name)[rows])) for name in FIELDS}
    kept: dict[str, list[Tensor]] = {}
    seen: list[Tensor] = []
    hook = model.motion.second.register_forward_hook(lambda _, __, feature: seen.append(feature))
    for first in range(0, len(rows), AT_ONCE):
        cut = slice(first, first + AT_ONCE)
        image = torch.from_numpy(pool.read(rows[cut])).permute(0, 3, 1, 2).float() / 255
        batch = {"image": image.contiguous(memory_format=torch.channels_last), **{k: v[cut] for k, v in truth.items()}}
        batch = mirrored(batch, flips[cut], torch.ones(1), torch.from_numpy(mirror_order()))
        with torch.autocast("cpu", torch.bfloat16):
            found = model.motion(batch["image"])
        said = {name: found[name] for name in ("head_pose", "scale", "translation")}
        known = {name if name in ("canonical", "head", "blendshapes") else f"true_{name}": batch[name] for name in FIELDS}
        for name, value in {"feature": seen[-1].float(), **said, **known}.items():
            kept.setdefault(name, []).append(value.clone())
        seen.clear()
    hook.remove()
    return {name: torch.cat(values) for name, values in kept.items()}


def terms(objective: MotionObjective, model: Prior, batch: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those of prior's motion stage, on features."""
    pose = {name: batch[name] for name in ("head_pose", "scale", "translation")}
    truth = {**batch, **{name: batch[f"true_{name}"] for name in pose}}
    return objective.compare(model, model.motion.describe(batch["feature"], pose), truth)


def begin_at_regression(model: Prior, data: dict[str, Tensor], ridge: float = 1e-2) -> None:
    """The coefficients' head at the least squares of their logits, the others at nothing."""
    feature = data["feature"].double()
    mean = feature.mean(0)
    wanted = torch.logit(data["blendshapes"].double().clamp(0.01, 0.99))
    left = feature - mean
    gram = left.T @ left + ridge * len(left) * left.var(0).mean() * torch.eye(left.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, left.T @ (wanted - wanted.mean(0)))
    with torch.no_grad():
        head = model.motion.coefficients
        head.weight.copy_(weight.T)
        head.bias.copy_(wanted.mean(0) - mean @ weight)


def learn(model: Prior, data: dict[str, Tensor], steps: int, rate: float = 1e-3, seed: int = 0) -> list[dict[str, float]]:
    """AdamW on heads, face model and residual decoder; gives the terms' means, a tenth of the steps at a time."""
    torch.manual_seed(seed)
    trained = [getattr(model.motion, name) for name in HEADS] + [model.motion.face, model.residual]
    parameters = [parameter for part in trained for parameter in part.parameters()]
    optimiser = torch.optim.AdamW(parameters, rate, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, rate / 20)
    spread, log = data["feature"].std(0), []
    objective = MotionObjective(model)
    sums: dict[str, float] = {}
    for step in range(steps):
        rows = torch.randint(len(data["feature"]), (BATCH,))
        batch = {name: value[rows] for name, value in data.items()}
        batch["feature"] = batch["feature"] + NOISE * spread * torch.randn_like(batch["feature"])
        found = terms(objective, model, batch)
        loss = sum(MOTION_WEIGHTS[name] * value for name, value in found.items())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
        for name, value in found.items():
            sums[name] = sums.get(name, 0.0) + float(value.detach()) * 10 / steps
        if (step + 1) % max(1, steps // 10) == 0:
            log.append({name: round(value, 5) for name, value in sums.items()})
            sums = {}
    return log


def start(model: Prior, reader: Path, face: Path) -> None:
    """Looks and the rendering network from `reader`; face model and residual decoder from `face`."""
    whole = nn.ModuleDict(dict(model.named_children()))
    known = read_start(face)
    begin(whole, prior.adopt(read_start(reader), model.state_dict()))
    kept = {name: value for name, value in known.items() if name.startswith(("motion.face.", "residual."))}
    begin(whole, {**{k: v for k, v in model.state_dict().items() if k.startswith(("motion.", "residual."))}, **kept})


def make(pool: Pool, reader: Path, face: Path, out: Path, frames: int, steps: int) -> list[dict[str, float]]:
    """The whole run; writes the model's weights into `out`."""
    model = prior.build()
    start(model, reader, face)
    data = looked(model, pool, choose(pool, frames))
    model.to(memory_format=torch.contiguous_format)
    begin_at_regression(model, data)
    log = learn(model, data, steps)
    out.mkdir(parents=True, exist_ok=True)
    write_tensors(
        out / SHIPPED, {name: value.contiguous() for name, value in model.state_dict().items()}, {"images": str(frames)}
    )
    return log


def main(given: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--start", type=Path, required=True)
    parser.add_argument("--face", type=Path, required=True)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--steps", type=int, default=4000)
    args = parser.parse_args(given)
    try:
        for line in make(Pool.load(args.pool), args.start, args.face, args.out, args.frames, args.steps):
            sys.stdout.write(f"{line}\n")
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None


if __name__ == "__main__":
    main()
