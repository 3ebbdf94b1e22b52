"""Validation: figures over held-out clips, and the pictures of the grid."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from reenact.core.groups import off_the_mean
from reenact.data.batches import Batches
from reenact.data.pairs import Batch
from reenact.data.pool import Pool
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.geometry.grid import identity_grid, sample
from reenact.nn.keypoint_method import KeypointMethod, Rendered
from reenact.objectives.consistency import with_noise
from reenact.objectives.motion import SHOWN_GAPS, gaps
from reenact.objectives.self_reenactment import RenderObjective, enlarged
from reenact.train import validation_grid as shown
from reenact.train.config import Validation
from reenact.train.people import KNOWN_AS
from reenact.train.recipe import Recipe, parts
from reenact.train.state import fill

CHECKED_TERMS = ("lpips", "features", "mesh", "mesh_gaps", "mesh_shapes", "identity", "identity_source", "behind", "emotion")
CHECKED_AT_ONCE = 32
"""ours: pictures of one validation batch"""


def draw(model: KeypointMethod, source: Batch, driving: Batch) -> Rendered:
    """The source frame moved by the teacher's keypoints, with all that the grid shows of the way there."""
    return model.render_poses(source["image"], model.pyramid(source["image"]), model.teacher(source), model.teacher(driving))


def draw_as_read(model: KeypointMethod, source: Batch, driving: Batch) -> Rendered:
    """The source frame moved by the method's own estimates of both pictures, as it will run."""
    read, portrait = model.encode_motion(source["image"]), model.encode_source(source["image"])
    return model.render(source["image"], portrait, read, model.encode_motion(driving["image"]))


def keypoints(model: KeypointMethod, batch: Batch) -> tuple[Tensor, Tensor]:
    """The teacher's and the encoder's, of the same pictures."""
    found = model.motion(batch["image"])
    return model.teacher(batch).keypoints, model.pose(found[model.person], found).keypoints


def reading_check(method: Recipe, data: Batches, rows: np.ndarray, average: Mapping[str, Tensor]) -> Validation:
    """Of a stage that trains the motion encoder: its figures, and keypoints shown."""
    validation = averaged(method.build().to(data.device), method.motion_parts, average)
    figures = _reading_figures(method, validation, data, rows)
    return Validation(figures, *shown.keypoint_rows(keypoints, validation, data, rows))


def _reading_figures(method: Recipe, model: KeypointMethod, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """How well motion is estimated, and how alike two estimates of one picture are, each with noise of its own."""
    objective = method.motion_objective(model).to(data.device)
    terms = _means(objective, model, data, rows)
    return {
        "val_keypoints_px": round(terms["keypoints"] * 128, 3),
        "val_tremble_px": round(_consistency(model, data, rows) * 128, 3),
        "val_offsets": round(terms["offsets"], 5),
        "val_pose": round(terms["pose"], 4),
        "val_rough": round(terms["rough"], 4),
        **agreement(model, data, rows),
        **more_figures(method, model, data, rows),
    }


@torch.no_grad()
def _consistency(model: KeypointMethod, data: Batches, rows: np.ndarray) -> float:
    """Jitter: mean distance, in half sides, of a picture's keypoints and those of it shifted by half a pixel, with noise."""
    total = 0.0
    with torch.random.fork_rng(devices=[data.device] if data.device.type == "cuda" else []):
        torch.manual_seed(0)
        for first in range(0, len(rows), CHECKED_AT_ONCE):
            image = data.read(rows[first : first + CHECKED_AT_ONCE])["image"]
            shift = 1 / image.shape[-1]
            moved = sample(image, identity_grid(*image.shape[-2:], image)[None].expand(len(image), -1, -1, -1) + shift)
            both = torch.cat([with_noise(image), with_noise(moved)])
            found = model.motion(both)
            points = model.pose(found[model.person], found).keypoints[..., :2]
            one, other = points.chunk(2)
            total += float((other + shift - one).abs().mean()) * len(image)
    return total / len(rows)


def more_figures(method: Recipe, model: KeypointMethod, data: Batches, rows: np.ndarray) -> dict[str, float]:
    return method.figures(model, data, rows) if method.figures else {}


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
    for name, part in parts(model, names).items():
        prefix = f"{name}."
        fill(part, {k.removeprefix(prefix): v for k, v in average.items() if k.startswith(prefix)})
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
def render_figures(draw: Callable, objective: RenderObjective, model: KeypointMethod, data: Batches) -> dict[str, float]:
    """Means over frames rendered from another frame of their clip: L1, and the objective's terms, beside the still source's."""
    sums = {"val_mouths": round(_mouths(draw, objective, model, data), 5)}
    source_rows, driving_rows = validation_rows(data.pool)
    for first in range(0, len(source_rows), CHECKED_AT_ONCE):
        cut = slice(first, first + CHECKED_AT_ONCE)
        source, driving = data.read(source_rows[cut]), data.read(driving_rows[cut])
        source.pop(KNOWN_AS, None)  # figures of all runs compare with the portrait itself
        rendered, truth = draw(model, source, driving), driving["image"]
        terms = objective.terms(model, rendered, driving, source)
        found = {name: float(value) for name, value in terms.items() if name in CHECKED_TERMS}
        found["l1"] = float((rendered.frame - truth).abs().mean())
        still = {
            "l1": float((source["image"] - truth).abs().mean()),
            "lpips": float(objective.lpips(source["image"], truth).mean()),
        }
        named = {f"val_{name}": value for name, value in found.items()} | {f"still_{name}": x for name, x in still.items()}
        for name, value in named.items():
            sums[name] = sums.get(name, 0.0) + value * len(truth) / len(source_rows)
    return {name: round(value, 5) for name, value in sums.items()}


@torch.no_grad()
def picture_figures(draw: Callable, lpips: nn.Module, model: nn.Module, data: Batches) -> dict[str, float]:
    """Without a teacher: L1 and LPIPS of frames rendered from another frame of their clip, beside the still source's."""
    sums: dict[str, float] = {}
    source_rows, driving_rows = validation_rows(data.pool)
    for first in range(0, len(source_rows), CHECKED_AT_ONCE):
        cut = slice(first, first + CHECKED_AT_ONCE)
        source, driving = data.read(source_rows[cut]), data.read(driving_rows[cut])
        truth = driving["image"]
        for who, frame in (("val", draw(model, source, driving).frame), ("still", source["image"])):
            for name, value in (("l1", (frame - truth).abs().mean()), ("lpips", lpips(frame, truth).mean())):
                sums[f"{who}_{name}"] = sums.get(f"{who}_{name}", 0.0) + float(value) * len(truth) / len(source_rows)
    return {name: round(value, 5) for name, value in sums.items()}


@torch.no_grad()
def _mouths(draw: Callable, objective: RenderObjective, model: KeypointMethod, data: Batches) -> float:
    """LPIPS of mouths enlarged, the widest open of each clip rendered from the most closed: what a source does not show."""
    jaw, losses = BLENDSHAPE_NAMES.index("jawOpen"), []
    for clip in np.unique(data.pool.clip[data.pool.split == shown.held_out(data.pool)]):
        rows = np.flatnonzero(data.pool.clip == clip)
        order = np.argsort(data.pool.blendshapes[rows, jaw], kind="stable")
        source, driving = data.read(rows[order[:1]]), data.read(rows[order[-1:]])
        pictures = [enlarged(x, driving)[-1:] for x in (draw(model, source, driving).frame, driving["image"])]
        losses.append(float(objective.lpips(*pictures)))
    return float(np.mean(losses))


@torch.no_grad()
def agreement(model: KeypointMethod, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """Correlation and slope (1 is best) of the opening of lids and lips and the turn of the eyes with the teacher's.

    Of the keypoints in the head's frame, each person's mean taken out.
    """
    pairs: list[list[Tensor]] = [[], []]
    for first in range(0, len(rows), CHECKED_AT_ONCE):
        batch = data.read(rows[first : first + CHECKED_AT_ONCE])
        found = model.motion(batch["image"])
        for kept, pose in zip(pairs, (model.pose(found[model.person], found), model.teacher(batch)), strict=True):
            kept.append(gaps(pose.head).double().cpu())
    person = data.pool.clip[rows]
    found, truth = (torch.from_numpy(off_the_mean(torch.cat(kept).numpy(), person)) for kept in pairs)
    out = {}
    for name, (which, axis) in SHOWN_GAPS.items():
        a, b = found[:, which, axis].flatten(), truth[:, which, axis].flatten()
        product = (a * b).sum()
        out[f"{name}_r"] = round(float(product / (a.square().sum() * b.square().sum()).sqrt().clamp(min=1e-12)), 3)
        out[f"{name}_slope"] = round(float(product / b.square().sum().clamp(min=1e-12)), 3)
    return out
