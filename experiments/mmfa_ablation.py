"""What each idea of mmfa is good for: its motion stage, or the rendering network, trained anew without one of them, from the
same looks.

for form in anew without_vae without_projection in_camera without_scale; do
    reenact train mmfa_motion_$form --data POOL --out RUNS/$form --start src/reenact/weights/mmfa
done
for form in one_scale several_scales each_scale; do
    reenact train mmfa_render_$form --data POOL --out RUNS/$form --start src/reenact/weights/mmfa
done
python -m experiments.mmfa_ablation POOL RUNS --json results/mmfa_ablation.json

Figures are of people never trained on. FIGURES and SCALE_FIGURES say what they are.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.core.provenance import dated
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.geometry.grid import sample
from reenact.methods import recipe
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.projection import without_pose
from reenact.methods.mmfa.recipe import build
from reenact.nn.keypoints import Tensors
from reenact.train.start import begin, read_start
from reenact.train.validation_grid import held_out

FORMS = {
    "anew": "whole",
    "without_vae": "without VAE",
    "without_projection": "without projection",
    "in_camera": "offsets in the camera's frame (LivePortrait's equation)",
    "without_scale": "in the camera's frame, no scale (face-vid2vid's)",
}
"""folder of a run, its name in the table"""
FIGURES = {
    "keypoints_px": "distance of keypoints from the teacher's, px at 256",
    "lids_r": "correlation of the opening of the lids with the teacher's, each person's mean left in",
    "lips_r": "the same of the lips",
    "moved_percent": "change of the head-frame offsets when the picture is turned by 20 degrees, made 15 % smaller and moved by a"
    " tenth of its half side; percent of their spread",
    "turned_percent": "change of the head-frame offsets when the motion's yaw alone grows by 20 degrees; percent of their spread",
    "pose_percent": "share of the offsets that a shift, a turn or a change of size could make; percent",
    "evenness": "largest step of the keypoints over the mean step, 24 steps from one code to another, mean of 64 pairs",
    "sampled": "distance of sampled expressions, z from N(0, I), from the nearest real one; in distances between two people's",
}
SCALES = {
    "one_scale": "one scale",
    "several_scales": "several scales",
    "each_scale": "several, image losses at each",
}
"""the same, of the rendering network: its generator from nothing, at 128 px, driven by the teacher's keypoints"""
SCALE_FIGURES = {
    "val_l1": "mean absolute difference from the true frame",
    "val_lpips": "LPIPS-Alex",
    "val_features": "LPIPS-Alex of eyes and mouth enlarged",
    "val_mouths": "LPIPS-Alex of the mouth enlarged, the widest open of a clip drawn from the one most shut",
    "val_mesh": "distance of the mesh read off the picture from the true one's, half sides of the landmarker's square",
}
ANGLE, SIZE, SHIFT, YAW = np.radians(20.0), 0.85, 0.1, np.radians(20.0)
STEPS, PAIRS, SAMPLES = 24, 64, 256


@torch.no_grad()
def figures(model: Mmfa, data: Batches, rows: np.ndarray, people: np.ndarray) -> dict[str, float]:
    """Of these rows; people: whose picture each is."""
    parts = [_read(model, data.read(rows[i : i + 32])["image"]) for i in range(0, len(rows), 32)]
    found, moved = ({name: torch.cat([part[k][name] for part in parts]) for name in parts[0][k]} for k in (0, 1))
    offsets, count = _offsets(model, found), model.config.mesh_keypoints
    spread = (offsets - offsets.mean(0)).square().mean().sqrt()
    turned = {**found, "head_pose": found["head_pose"] + torch.tensor([float(YAW), 0.0, 0.0])}
    canonical = found["canonical_keypoints"][:, :count]
    confined = without_pose(canonical, offsets)
    return {
        "moved_percent": _percent(_offsets(model, moved) - offsets, spread),
        "turned_percent": _percent(_offsets(model, turned) - offsets, spread),
        "pose_percent": round(100 * float((offsets - confined).norm() / offsets.norm()), 1),
        "evenness": _evenness(model, found),
        "sampled": _sampled(model, found, offsets, people),
    }


def _percent(change: Tensor, spread: Tensor) -> float:
    return round(100 * float(change.square().mean().sqrt() / spread), 1)


def _read(model: Mmfa, image: Tensor) -> tuple[Tensors, Tensors]:
    """The motion read of pictures, and of the same turned, smaller, moved."""
    cos, sin = np.cos(ANGLE) / SIZE, np.sin(ANGLE) / SIZE
    rows = torch.tensor([[cos, -sin, SHIFT], [sin, cos, -SHIFT]], dtype=torch.float32).expand(len(image), 2, 3)
    grid = torch.nn.functional.affine_grid(rows, list(image.shape), align_corners=False)
    return model.motion(image), model.motion(sample(image, grid))


def _offsets(model: Mmfa, motion: Tensors) -> Tensor:
    """What the expression adds to the person, in the head's frame: [n, mesh keypoints, 3]."""
    canonical = motion["canonical_keypoints"]
    return (model.pose(canonical, motion).head - canonical)[:, : model.config.mesh_keypoints]


def _evenness(model: Mmfa, found: Tensors) -> float:
    random = np.random.default_rng(0)
    ratios = []
    for _ in range(PAIRS):
        one, other = random.choice(len(found["expression"]), 2, replace=False)
        share = torch.linspace(0, 1, STEPS + 1)[:, None]
        code = found["expression"][one] * (1 - share) + found["expression"][other] * share
        held = {name: value[one : one + 1].expand(STEPS + 1, *value.shape[1:]) for name, value in found.items()}
        steps = _offsets(model, {**held, "expression": code}).diff(dim=0).norm(dim=-1).mean(1)
        ratios.append(float(steps.max() / steps.mean()))
    return round(float(np.mean(ratios)), 3)


def _sampled(model: Mmfa, found: Tensors, offsets: Tensor, people: np.ndarray) -> float:
    random = torch.Generator().manual_seed(0)
    who = torch.randint(len(offsets), (SAMPLES,), generator=random)
    code = torch.randn(SAMPLES, found["expression"].shape[1], generator=random)
    drawn = _offsets(model, {**{name: value[who] for name, value in found.items()}, "expression": code})
    real = offsets.flatten(1)
    between = torch.cdist(real, real) + 1e9 * torch.from_numpy(people[:, None] == people[None])
    nearest = torch.cdist(drawn.flatten(1), real).amin(1)
    return round(float(nearest.mean() / between.amin(1).mean()), 3)


def last_validation(run: Path, figure: str = "val_keypoints_px") -> dict[str, float]:
    """The last line of a run's log with this figure of validation. Raises ReenactError where there is none."""
    path = run / "log.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()] if path.is_file() else []
    said = [line for line in lines if figure in line]
    if not said:
        raise ReenactError(f"{run} holds no finished run: train it first (see --help)")
    return said[-1]


def measure(pool: Pool, runs: Path, every: int = 10) -> dict[str, dict[str, float]]:
    """Form -> its figures. Raises ReenactError where a run is missing."""
    rows = np.flatnonzero(pool.split == held_out(pool))[::every]
    out = {}
    for folder, name in FORMS.items():
        (stage,) = recipe(f"mmfa_motion_{folder}")
        model = build(stage.model)
        said = last_validation(runs / folder)
        begin(torch.nn.ModuleDict({"motion": model.motion, "expression": model.expression}), read_start(runs / folder))
        data = Batches(pool, stage.splits, stage.size, torch.device("cpu"), stage.seed, stage.wide)
        known = {
            "images": said["images"],
            "keypoints_px": said["val_keypoints_px"],
            "lids_r": said["lids_r"],
            "lips_r": said["lips_r"],
        }
        out[name] = known | figures(model.eval(), data, rows, pool.identity[rows])
        sys.stdout.write(f"{name}: {out[name]}\n")
    return out


def scales(runs: Path) -> dict[str, dict[str, float]]:
    """Form -> its last validation. Raises ReenactError where a run is missing."""
    said = {name: last_validation(runs / folder, "val_lpips") for folder, name in SCALES.items()}
    return {name: {figure: line[figure] for figure in ("images", *SCALE_FIGURES)} for name, line in said.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("runs", type=Path, help=f"folder of the runs {', '.join((*FORMS, *SCALES))}")
    parser.add_argument("--json", type=Path, required=True, help="where the figures go")
    given = parser.parse_args()
    try:
        drawn = scales(given.runs)
        found = measure(Pool.load(given.pool), given.runs)
        told = {"figures": FIGURES, "forms": found, "scale_figures": SCALE_FIGURES, "scales": drawn}
        write_json(given.json, {"about": __doc__.splitlines()[0], **dated({}), **told})
    except ReenactError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
