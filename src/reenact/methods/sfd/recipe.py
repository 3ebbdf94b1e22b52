"""Semantic facial descriptors, stage by stage as mmfa is trained; motion encoder and rendering network may start from mmfa's.

reenact train sfd|sfd_motion|sfd_render|sfd_render256|sfd_joint|sfd_tiny --data POOL --out RUN [--start src/reenact/weights/mmfa]
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.faces.actions import ACTIONS, action_matrix
from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.losses.identity import SFace
from reenact.methods.matting import backed
from reenact.methods.mmfa import recipe as mmfa
from reenact.methods.sfd.adopt import adopted
from reenact.methods.sfd.config import Config
from reenact.methods.sfd.model import Sfd
from reenact.methods.sfd.objective import KNOWN_AS, MOMENT, MOTION_WEIGHTS, PERSON, SPLIT_TERMS, MotionObjective
from reenact.methods.sfd.own import recipe as whole_own
from reenact.methods.sfd.parts import IDENTITY
from reenact.methods.sfd.space import off_orthonormal
from reenact.methods.sfd.turn import directions, turn
from reenact.train.config import Schedule, Stage
from reenact.train.recipe import RENDER_PARTS, Recipe

TURNED_EVERY = 12
"""ours: every which frame is looked at where the directions are turned"""
LOOKED_AT = 2
"""ours: frames of a clip from which its person is recognised"""


def build(config: Config | None = None) -> Sfd:
    """A fresh model on the mean face's keypoints."""
    return backed(Sfd(config or Config(), torch.from_numpy(template(canonical_face().points))))


def method(config: Config) -> Recipe:
    """The recipe for a model of this configuration."""
    return Recipe(
        build=partial(build, config),
        motion_parts=("motion", "space", "read_out"),
        motion_objective=MotionObjective,
        render_parts=(*RENDER_PARTS, "correction"),
        adopt=adopted,
        learn=learn,
        paired=True,
        landmarks=True,
        figures=figures,
    )


def method_drawn(config: Config) -> Recipe:
    """The same without the correction of the flow, which descriptors drive: of stages driven by the teacher's keypoints."""
    return replace(method(config), render_parts=RENDER_PARTS)


def motion() -> Stage:
    """Stage one, as mmfa's, on its own terms."""
    schedule = Schedule(images=100_000, batch=64, learning_rate=4e-4, save_every=8_000)
    stage = replace(mmfa.motion(), **OWN, schedule=schedule, weights=MOTION_WEIGHTS)
    return replace(stage, same_motion=0.25)


def render() -> Stage:
    """Stage two, as mmfa's."""
    return replace(mmfa.render(), **OWN | DRAWN)


def render256() -> Stage:
    """Stage two at full size, as mmfa's."""
    return replace(mmfa.render256(), **OWN | DRAWN)


def joint() -> Stage:
    """Stage three, as mmfa's, on its own terms; what keeps identity and motion apart weighs as much as before."""
    weights = mmfa.joint_weights(MOTION_WEIGHTS) | {name: MOTION_WEIGHTS[name] for name in SPLIT_TERMS}
    return replace(mmfa.joint(), **OWN, weights=weights)


def finetune_encoder() -> Stage:
    """Instead of stage three, through mmfa's rendering network as it is."""
    return mmfa.finetune_encoder(joint())


def whole() -> tuple[Stage, ...]:
    """motion; render at 128; render at 256; joint."""
    return motion(), render(), render256(), joint()


def tiny() -> tuple[Stage, ...]:
    """Every stage for 20 steps or fewer, as mmfa's."""
    return mmfa.shortened(motion(), render(), joint())


def learn(data: Batches) -> None:
    """Adds to the batches: the numbers of each frame's clip and moment, and how the identity network knows its person."""
    _, clip = np.unique(data.pool.clip, return_inverse=True)
    data.learn(PERSON, clip.astype(np.int64))
    data.learn(MOMENT, moments(data.pool))
    data.learn(KNOWN_AS, recognised(data.pool, clip))


def moments(pool: Pool) -> np.ndarray:
    """[N] a number for each frame, its own but where rendered people are shown at the same moment of the same motion."""
    numbers = np.arange(len(pool.split))
    if pool.motion is None or pool.time is None:
        return numbers
    rendered = np.flatnonzero(pool.motion != "")
    named = [f"{pool.motion[row]} {1000 * pool.time[row]:.0f}" for row in rendered]
    _, first, again = np.unique(named, return_index=True, return_inverse=True)
    numbers[rendered] = rendered[first][again]
    return numbers


@torch.no_grad()
def recognised(pool: Pool, clip: np.ndarray) -> np.ndarray:
    """[N,128]: the mean embedding of some frames of each frame's clip, of unit length."""
    network = SFace().eval()
    rows = [np.flatnonzero(clip == number) for number in range(clip.max() + 1)]
    chosen = [own[np.linspace(0, len(own) - 1, LOOKED_AT).astype(int)] for own in rows]
    half = pool.frames[0].shape[1] / 2
    means = []
    for some in chosen:
        picture = torch.from_numpy(pool.read(some)).permute(0, 3, 1, 2).float() / 255
        landmarks = torch.from_numpy(pool.landmarks[some]).float() / half
        landmarks[..., :2] -= 1
        means.append(F.normalize(network.embed(picture, landmarks).mean(0), dim=0))
    return torch.stack(means).numpy()[clip]


@torch.no_grad()
def figures(model: Sfd, data: Batches, rows: np.ndarray) -> dict[str, float]:
    """Held-out people. same_r: how much of the identity coefficients' variance is the person's (1: all of it). verified: share of
    pairs of frames that a threshold on their cosine classifies right, the same people and others in equal parts. basis_error: max
    |Q^T Q - 1|."""
    found = torch.cat(
        [model.motion(data.read(rows[i : i + 32])["image"])[IDENTITY].float().cpu() for i in range(0, len(rows), 32)]
    )
    _, person = np.unique(data.pool.clip[rows], return_inverse=True)
    centred = found - found.mean(0)
    member = F.one_hot(torch.from_numpy(person)).float()
    own = (member / member.sum(0)).T @ centred
    between = float(own[person].square().sum() / centred.square().sum())
    return {
        "same_share": round(between, 4),
        "verified": round(verified(F.normalize(centred, dim=1), person), 4),
        "basis_error": float(f"{float(off_orthonormal(model.space.basis())):.2g}"),
    }


def verified(embedding: torch.Tensor, person: np.ndarray) -> float:
    """The best balanced accuracy of a threshold on the cosine of all pairs of rows; 0.5 is chance."""
    first, second = np.triu_indices(len(person), 1)
    cosine = (embedding @ embedding.T).numpy()[first, second]
    same = person[first] == person[second]
    order = np.argsort(-cosine)
    hits, alarms = np.cumsum(same[order]) / max(same.sum(), 1), np.cumsum(~same[order]) / max((~same).sum(), 1)
    return float(((hits + 1 - alarms) / 2).max()) if same.any() and not same.all() else 1.0


@torch.no_grad()
def finish(model: Sfd, pool: Pool) -> dict[str, list[str]]:
    """Turns the expression's directions towards the face's actions (methods/sfd/turn.py); gives the names of the first."""
    rows = np.flatnonzero(np.isin(pool.split, ("train", "strain")))[::TURNED_EVERY]
    codes = []
    for begin in range(0, len(rows), 32):
        picture = torch.from_numpy(pool.read(rows[begin : begin + 32])).permute(0, 3, 1, 2).float() / 255
        codes.append(model.motion(picture)["expression"].numpy())
    matrix, named = directions(np.concatenate(codes), pool.blendshapes[rows] @ action_matrix().T, pool.clip[rows])
    turn(model, matrix)
    return {"turned_to": [list(ACTIONS)[number] for number in named]}


METHOD = method(Config())
OWN: dict[str, Any] = {"method": method, "model": Config()}
"""what a stage of mmfa needs to be one of this method"""
DRAWN = {"method": method_drawn}
RECIPES = {
    "": whole,
    "motion": motion,
    "render": render,
    "render256": render256,
    "joint": joint,
    "finetune_encoder": finetune_encoder,
    "tiny": tiny,
    "own": whole_own.own,
    "own64": whole_own.own64,
}
