"""The baseline, stage by stage as mmfa is trained, with as many pictures; the rendering network may start from mmfa's.

reenact train facevid2vid|facevid2vid_motion|facevid2vid_render|facevid2vid_joint|facevid2vid_tiny --data POOL --out RUN
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import torch

from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.methods.facevid2vid.config import Config
from reenact.methods.facevid2vid.model import FaceVid2Vid
from reenact.methods.facevid2vid.objective import MOTION_WEIGHTS, MotionObjective
from reenact.methods.matting import backed
from reenact.methods.mmfa import recipe as mmfa
from reenact.train.config import Stage
from reenact.train.recipe import Recipe


def build(config: Config | None = None) -> FaceVid2Vid:
    """A fresh model on the mean face's keypoints."""
    return backed(FaceVid2Vid(config or Config(), torch.from_numpy(template(canonical_face().points))))


def method(config: Config) -> Recipe:
    """The recipe for a model of this configuration."""
    return Recipe(build=partial(build, config), motion_parts=("motion",), motion_objective=MotionObjective)


METHOD = method(Config())
OWN: dict[str, Any] = {"method": method, "model": Config()}
"""what a stage of mmfa needs to be one of this method"""


def motion() -> Stage:
    """Stage one, as mmfa's, on its own terms."""
    return replace(mmfa.motion(), **OWN, weights=MOTION_WEIGHTS)


def render() -> Stage:
    """Stage two, as mmfa's."""
    return replace(mmfa.render(), **OWN)


def render256() -> Stage:
    """Stage two at full size, as mmfa's."""
    return replace(mmfa.render256(), **OWN)


def joint() -> Stage:
    """Stage three, as mmfa's, on its own terms."""
    return replace(mmfa.joint(), **OWN, weights=mmfa.joint_weights(MOTION_WEIGHTS))


def finetune_consistency() -> Stage:
    """The motion encoder alone, towards consistency, as mmfa's, on its own terms."""
    return replace(mmfa.finetune_consistency(), **OWN, weights=mmfa.consistency_weights(MOTION_WEIGHTS))


def finetune_encoder() -> Stage:
    """Instead of stage three, through mmfa's rendering network as it is."""
    return mmfa.finetune_encoder(joint())


def finetune_renderer() -> Stage:
    """The rendering network, by the baseline's own motion encoder, as mmfa's last stage."""
    return replace(mmfa.finetune_renderer(), **OWN, after=("joint",))


def whole() -> tuple[Stage, ...]:
    """motion; render at 128; render at 256; joint."""
    return motion(), render(), render256(), joint()


def tiny() -> tuple[Stage, ...]:
    """Every stage for 20 steps or fewer, as mmfa's."""
    return mmfa.shortened(motion(), render(), joint())


RECIPES = {
    "": whole,
    "motion": motion,
    "render": render,
    "render256": render256,
    "joint": joint,
    "finetune_consistency": finetune_consistency,
    "finetune_encoder": finetune_encoder,
    "finetune_renderer": finetune_renderer,
    "tiny": tiny,
}
