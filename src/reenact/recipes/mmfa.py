"""The plain form of mmfa: its motion encoder by itself, its renderer by itself, on one pool.

reenact train mmfa|mmfa_motion|mmfa_render|mmfa_render256|mmfa_tiny --data POOL --out RUN

A stage is one function that returns its configuration, and a task (recipes/stages.py) that makes it.
"""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from reenact.data.pool import Pool
from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa, Rendered, Tensors, place
from reenact.methods.mmfa.objective import MOTION_WEIGHTS, RENDER_WEIGHTS, MotionObjective, RenderObjective
from reenact.recipes.stages import Recipe, motion_task, parts, render_task
from reenact.train.config import Schedule, Stage, Task

__all__ = ["MOTION_PARTS", "RENDER_PARTS", "build", "motion", "parts", "render", "render256", "tiny", "whole"]

RENDER_PARTS = ("source", "dense_motion", "generator")
MOTION_PARTS = ("motion", "expression")


def build() -> Mmfa:
    """A fresh model on the mean face's keypoints."""
    return Mmfa(Config(), torch.from_numpy(template(canonical_face().points)))


def draw(model: Mmfa, source: Tensors, driving: Tensors) -> Rendered:
    """The source frame moved by the teacher's keypoints, with all that the grid shows of the way there."""
    portrait = dict(zip(("fine", "middle", "coarse"), model.source(source["image"]), strict=True))
    return model.render_poses(source["image"], portrait, place(source["head"], source), place(driving["head"], driving))


def keypoints(model: Mmfa, batch: Tensors) -> tuple[Tensor, Tensor]:
    """The teacher's and the encoder's, of the same pictures."""
    found = model.motion(batch["image"])
    return place(batch["head"], batch).keypoints, model.pose(found["canonical_keypoints"], found).keypoints


METHOD = Recipe(
    build=build,
    draw=draw,
    keypoints=keypoints,
    motion_parts=MOTION_PARTS,
    motion_objective=MotionObjective,
    render_parts=RENDER_PARTS,
    render_objective=RenderObjective,
)


def make_motion(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return motion_task(METHOD, stage, pool, device)


def make_render(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return render_task(METHOD, stage, pool, device)


def motion() -> Stage:
    """Stage one: pictures, turned and shifted at random, against the teacher's reading."""
    return Stage(
        name="motion",
        task=make_motion,
        schedule=Schedule(images=66_000, batch=64, learning_rate=1e-3, save_every=8_000),
        weights=MOTION_WEIGHTS,
        model=Config(),
        splits=("train", "strain", "ptrain"),
        wide=1.0,
    )


def render() -> Stage:
    """Stage two: one frame of a clip moved to another by the teacher's keypoints."""
    return Stage(
        name="render",
        task=make_render,
        schedule=Schedule(images=13_000, batch=16, learning_rate=5e-4, warm_up=1_300, save_every=2_000, log_every=500),
        weights=RENDER_WEIGHTS,
        model=Config(),
    )


def render256() -> Stage:
    """Stage two at full size, from the small one."""
    schedule = Schedule(images=1_440, batch=8, learning_rate=3e-4, warm_up=144, save_every=240, log_every=80)
    return replace(render(), name="render256", schedule=schedule, size=256, after=("render",))


def whole() -> tuple[Stage, ...]:
    """What made the first weights: motion; render at 128; render at 256."""
    return motion(), render(), render256()


def tiny() -> tuple[Stage, ...]:
    """Every stage for 20 steps, half a minute on a CPU: does it all still run?"""
    small = Schedule(images=160, batch=8, learning_rate=5e-4, warm_up=16, save_every=80, log_every=8)
    return (
        replace(motion(), schedule=small),
        replace(render(), schedule=replace(small, images=80, batch=4, save_every=40, log_every=4), size=64),
    )
