"""The yardstick, stage by stage as mmfa is trained, with as many pictures; what draws may start from mmfa's.

reenact train facevid2vid|facevid2vid_motion|facevid2vid_render|facevid2vid_joint|facevid2vid_tiny --data POOL --out RUN
"""

from __future__ import annotations

from dataclasses import replace

import torch

from reenact.data.pool import Pool
from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.methods.facevid2vid.config import Config
from reenact.methods.facevid2vid.model import FaceVid2Vid
from reenact.methods.facevid2vid.objective import MOTION_WEIGHTS, MotionObjective
from reenact.methods.matting import backed
from reenact.methods.mmfa import recipe as mmfa
from reenact.train.config import Stage, Task
from reenact.train.tasks import Recipe, drawing_task, joint_task, motion_task, render_task, steady_task, through_task


def build() -> FaceVid2Vid:
    """A fresh model on the mean face's keypoints."""
    return backed(FaceVid2Vid(Config(), torch.from_numpy(template(canonical_face().points))))


METHOD = Recipe(build=build, motion_parts=("motion",), motion_objective=MotionObjective)


def make_motion(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return motion_task(METHOD, stage, pool, device)


def make_render(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return render_task(METHOD, stage, pool, device)


def make_joint(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return joint_task(METHOD, stage, pool, device)


def make_steady(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return steady_task(METHOD, stage, pool, device)


def make_through(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return through_task(METHOD, stage, pool, device)


def make_drawing(stage: Stage, pool: Pool, device: torch.device) -> Task:
    return drawing_task(METHOD, stage, pool, device)


def motion() -> Stage:
    """Stage one, as mmfa's, on its own terms."""
    return replace(mmfa.motion(), task=make_motion, weights=MOTION_WEIGHTS, model=Config())


def render() -> Stage:
    """Stage two, as mmfa's."""
    return replace(mmfa.render(), task=make_render, model=Config())


def render256() -> Stage:
    """Stage two at full size, as mmfa's."""
    return replace(mmfa.render256(), task=make_render, model=Config())


def joint() -> Stage:
    """Stage three, as mmfa's, on its own terms."""
    return replace(mmfa.joint(), task=make_joint, weights=mmfa.joint_weights(MOTION_WEIGHTS), model=Config())


def steady() -> Stage:
    """The reading alone, steadier, as mmfa's, on its own terms."""
    return replace(mmfa.steady(), task=make_steady, weights=mmfa.steady_weights(MOTION_WEIGHTS), model=Config())


def through() -> Stage:
    """Instead of stage three, with mmfa's drawing as it is."""
    return mmfa.through(joint(), make_through)


def drawing() -> Stage:
    """What draws, by the yardstick's own reading, as mmfa's last stage."""
    return replace(mmfa.drawing(), task=make_drawing, model=Config(), after=("joint",))


def whole() -> tuple[Stage, ...]:
    """motion; render at 128; render at 256; joint."""
    return motion(), render(), render256(), joint()


def tiny() -> tuple[Stage, ...]:
    """Every stage for 20 steps or fewer, as mmfa's."""
    return mmfa.shortened(motion(), render(), joint())
