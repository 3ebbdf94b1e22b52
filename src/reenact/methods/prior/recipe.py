"""The semantic prior, stage by stage as mmfa is trained, with the same pictures; it may start from mmfa's weights.

reenact train prior|prior_motion|prior_render|prior_render256|prior_joint|prior_tiny --data POOL --out RUN [--start WEIGHTS]

--start src/reenact/weights/mmfa: the rendering network, and both passes, are mmfa's then; the heads of the second pass begin
anew.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from reenact.data.pool import Pool
from reenact.faces.points import MESH_POINTS, template
from reenact.faces.pose import canonical_face
from reenact.methods.matting import backed
from reenact.methods.mmfa import recipe as mmfa
from reenact.methods.prior.config import Config
from reenact.methods.prior.face import Face
from reenact.methods.prior.landmark_prior import LandmarkPrior, recipe
from reenact.methods.prior.model import Prior
from reenact.methods.prior.objective import MOTION_WEIGHTS
from reenact.train.config import Stage
from reenact.train.recipe import Recipe

WIDE = 0.8
"""ours: share of pairs whose poses and expressions lie far apart; .5 in the other methods"""
EMOTION_WEIGHT = 1.0
"""docs/design/methods.md 4.3"""
HEADS = ("motion.expression.", "motion.canonical.")
"""of mmfa's second pass"""
IRIS_LIDS = ((slice(468, 473), [159, 145, 33, 133]), (slice(473, 478), [386, 374, 263, 362]))
"""where they lie in the mean face, until it is fitted: midway between lids and corners (faces/points.py)"""


def build(config: Config | None = None) -> Prior:
    """A fresh model on the mean face, which does not know yet how people and expressions differ."""
    config = config or Config()
    return backed(Prior(config, torch.from_numpy(template(canonical_face().points)), _mean_face(config)))


def fit(model: Prior, pool: Pool) -> None:
    """Lets the model begin at the face model of the pool's landmarks."""
    model.motion.face.take(LandmarkPrior(pool).face(model.config.identity_size))


def _mean_face(config: Config) -> Face:
    face = canonical_face()
    mean = np.concatenate([face.points, np.zeros((10, 3), np.float32)])
    for iris, lids in IRIS_LIDS:
        mean[iris] = mean[lids].mean(0)
    identity, expression = (np.zeros((count, *mean.shape), np.float32) for count in (config.identity_size, config.coefficients))
    return Face(mean, identity, expression, face.triangles, MESH_POINTS)


def adopt(found: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
    """mmfa's weights with our heads in place of its; our own as they are."""
    if "motion.expression.weight" not in found:
        return found
    kept = {name: value for name, value in found.items() if name in fresh and not name.startswith(HEADS)}
    own = {name: value for name, value in fresh.items() if name.startswith("motion.") and name not in kept}
    return {**kept, **own}


def method(config: Config) -> Recipe:
    """The recipe for a model of this configuration."""
    return recipe(partial(build, config), prepare=fit, adopt=adopt, landmarks=True)


METHOD = method(Config())
OWN: dict[str, Any] = {"method": method, "model": Config()}
"""what a stage of mmfa needs to be one of this method"""


def motion() -> Stage:
    """Stage one, as mmfa's, on its own terms."""
    schedule = replace(mmfa.motion().schedule, learning_rate=6e-4)
    return replace(mmfa.motion(), **OWN, schedule=schedule, weights=MOTION_WEIGHTS)


def render() -> Stage:
    """Stage two, as mmfa's, on wider pairs."""
    return replace(mmfa.render(), **OWN, wide=WIDE)


def render256() -> Stage:
    """Stage two at full size, as mmfa's, on wider pairs."""
    return replace(mmfa.render256(), **OWN, wide=WIDE)


def joint() -> Stage:
    """Stage three, as mmfa's, on its own terms and wider pairs."""
    return replace(mmfa.joint(), **OWN, weights=mmfa.joint_weights(MOTION_WEIGHTS), wide=WIDE)


def finetune_encoder() -> Stage:
    """Instead of stage three, through mmfa's rendering network as it is."""
    return mmfa.finetune_encoder(joint())


def finetune_consistency() -> Stage:
    """The motion encoder's temporal consistency alone, as mmfa's. Here coefficients are estimated, not probed, so they stay."""
    weights = mmfa.consistency_weights(MOTION_WEIGHTS) | {"blendshapes": MOTION_WEIGHTS["blendshapes"]}
    return replace(mmfa.finetune_consistency(), **OWN, weights=weights, after=("joint",))


def joint_emotion() -> Stage:
    """After consistency, stage three again, for the paper's claims. What is generated must show the driver's emotion
    (losses/emotion.py; evaluation has face-api's), and what faced away in the source is hidden."""
    stage = joint()
    weights = {**stage.weights, "emotion": EMOTION_WEIGHT}
    explicit = replace(Config(), visibility="explicit")
    return replace(stage, name="joint_emotion", model=explicit, weights=weights, after=("finetune_consistency",))


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
    "finetune_encoder": finetune_encoder,
    "finetune_consistency": finetune_consistency,
    "joint_emotion": joint_emotion,
    "tiny": tiny,
}
