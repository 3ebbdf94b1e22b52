"""What a method that moves keypoints can learn without a teacher: the terms that mmfa's abstract names, and what follows from the
same idea.

Equivariance, keypoint prior, deformation prior (arXiv 2603.04302 names them; values of face-vid2vid, arXiv 2011.15126),
perceptual loss, the pull of a Gaussian code. ours: agreement of two estimates of one picture under roll, scale and shift, one
person's shape in two frames of a clip, and a rendered face that is turned and encoded again (docs/design/methods.md 3.3).
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.data.pairs import Shake, shaken_picture, shaken_pose
from reenact.losses import gaussian
from reenact.losses.equivariance import equivariance, random_warp
from reenact.losses.keypoints import MIN_SQUARE_DISTANCE, deformation_prior, keypoint_prior
from reenact.losses.lpips import LPIPS, MIN_SIDE
from reenact.nn.blocks import pool
from reenact.nn.keypoint_method import Rendered
from reenact.nn.keypoints import Pose, Tensors
from reenact.objectives.motion import POSE

PICTURE_WEIGHTS = {"l1": 4.0, "warped": 1.0, "lpips": 1.0}
"""ours, as where there is a teacher"""
SHORT_PICTURE_WEIGHTS = {"l1": 20.0, "warped": 5.0, "lpips": 10.0}
"""ours, of 2,500 steps from nothing: with those above, agreements of a network that knows nothing yet are 3/4 of the loss"""
UNTAUGHT_WEIGHTS = {
    "equivariance": 20.0,
    "keypoint_prior": 10.0,
    "deformation": 5.0,
    "agreement": 2.0,
    "similarity": 5.0,
    "person": 5.0,
    "turned": 2.0,
    "turned_pose": 2.0,
}
"""the first three as in face-vid2vid; the rest is ours: chosen so that no term is ten times another at the start"""
CODE_WEIGHTS = {"kl": 1e-3, "collapsed": 0.0}
"""of a Gaussian code; the second is only for the log"""
FREE_NATS = 0.05
TURN = 0.35
"""ours: rad, 20 degrees; the most that a rendered head is turned by before it is encoded again"""
TURNED_SHARE = 4
"""ours: one more rendering is dear"""


class UntaughtObjective(nn.Module):
    """Self-reenactment by the method's own motion estimate, and what that estimate has to obey by itself."""

    def __init__(
        self, drawn_at: int, depth: float = 0.0, least: float = MIN_SQUARE_DISTANCE, turned_share: int = TURNED_SHARE
    ) -> None:
        """drawn_at: side of the rendered pictures, px, which may be smaller than those that are encoded; depth, least: of
        the keypoint prior (losses/keypoints.py); turned_share: one of so many pairs is rendered turned, too; 0: none."""
        super().__init__()
        self.lpips = LPIPS("alex")
        self.drawn_at, self.depth, self.least, self.turned_share = drawn_at, depth, least, turned_share

    def forward(
        self, model: Any, source: Tensors, driving: Tensors
    ) -> tuple[dict[str, Tensor], Rendered, list[dict[str, Tensor]], dict[str, Tensor]]:
        """The terms; the rendering; the estimates of source and driving picture; the driving picture at its size, with
        the method's own estimate of where the face is. Of both batches only `image` [B,3,size,size] in [0, 1] is used."""
        count, size = len(source["image"]), source["image"].shape[-1]
        shake, warp = drawn_shake(count, source["image"].device), random_warp(count, source["image"])
        views = [driving["image"], shaken_picture(driving["image"], shake, size), warp.picture(driving["image"])]
        read = model.motion(torch.cat([source["image"], *views]))
        one, other, shaken, warped = ({name: value.split(count)[part] for name, value in read.items()} for part in range(4))
        person = one[model.person]
        poses = model.pose(person, sampled(one, model.training)), model.pose(person, sampled(other, model.training))
        image = pool(source["image"], self.drawn_at)
        portrait = model.pyramid(image)
        rendered = model.render_poses(image, portrait, *poses)
        target = {"image": pool(driving["image"], self.drawn_at), **{name: other[name].detach() for name in POSE}}
        terms = {
            **self._pictures(rendered, target),
            **self._reading(model, other, shaken, warped, shake, warp),
            **self._shape(one, other, poses, model.person),
            **code_terms(read),
        }
        if model.training and self.turned_share and (some := count // self.turned_share):
            terms |= self._turned(model, image, portrait, poses, rendered, some)
        return terms, rendered, [one, other], target

    def _pictures(self, rendered: Rendered, target: Tensors) -> dict[str, Tensor]:
        truth = target["image"]
        small = [(one, F.interpolate(truth, size=one.shape[-2:], mode="area")) for one in rendered.small]
        inner = [(one - wanted).abs().mean() for one, wanted in small]
        inner += [self.lpips(one, wanted).mean() for one, wanted in small if one.shape[-1] >= MIN_SIDE["alex"]]
        return {
            "l1": (rendered.frame - truth).abs().mean(),
            "warped": (rendered.warped - truth).abs().mean(),
            "lpips": self.lpips(rendered.frame, truth).mean(),
            **({"scales": torch.stack(inner).mean()} if inner else {}),
        }

    def _reading(self, model: Any, read: Tensors, shaken: Tensors, warped: Tensors, shake: Shake, warp: Any) -> dict[str, Tensor]:
        """Of one picture, and of the same turned, zoomed and shifted, and bent."""
        plain, bent = (seen_keypoints(model, said) for said in (read, warped))
        wanted = shaken_pose(read, shake)
        return {
            "equivariance": equivariance(plain, bent, warp),
            "agreement": F.l1_loss(shaken["expression"], read["expression"]),
            "similarity": torch.stack([F.l1_loss(shaken[name], wanted[name]) for name in POSE]).sum(),
        }

    def _shape(self, one: Tensors, other: Tensors, poses: tuple[Pose, Pose], person: str) -> dict[str, Tensor]:
        """Of the person, whom both frames of a clip show, and of what moves them."""
        canonical = one[person]
        return {
            "keypoint_prior": keypoint_prior(canonical, self.depth, self.least),
            "deformation": deformation_prior(poses[1].head - canonical),
            "person": F.l1_loss(canonical, other[person]),
        }

    def _turned(
        self, model: Any, image: Tensor, portrait: Tensors, poses: tuple[Pose, Pose], rendered: Rendered, some: int
    ) -> dict[str, Tensor]:
        """Some of the frames rendered again with the head turned: the expression estimated from both is to be one, and the turn
        is to arrive. ours: there is no true picture, but the method's own estimate says what may not change."""
        motion = first_of(poses[1], some).motion
        turn = TURN * (2 * torch.rand(some, 1, device=image.device) - 1)
        asked = {**motion, "head_pose": motion["head_pose"] + F.pad(turn, (0, 2))}
        still = first_of(poses[0], some)
        own = {name: value[:some] for name, value in portrait.items()}
        drawn = model.render_poses(image[:some], own, still, model.pose(still.motion[model.person], asked)).frame
        read = model.motion(torch.cat([rendered.frame[:some], drawn]))
        (before, after), (pose, turned) = (read[name].chunk(2) for name in ("expression", "head_pose"))
        return {"turned": F.l1_loss(after, before), "turned_pose": F.l1_loss(turned - pose, F.pad(turn, (0, 2)))}


def seen_keypoints(model: Any, read: Tensors) -> Tensor:
    """Keypoints that a picture shows: all but the shell around the head, which only pose places."""
    keypoints, config = model.pose(read[model.person], read).keypoints, model.config
    return torch.cat([keypoints[:, : config.mesh_keypoints], keypoints[:, config.keypoints :]], 1)


def first_of(pose: Pose, some: int) -> Pose:
    """Its first rows."""
    motion = {name: value[:some] for name, value in pose.motion.items()}
    return Pose(pose.keypoints[:some], pose.head[:some], pose.rotation[:some], motion)


def drawn_shake(count: int, device: torch.device) -> Shake:
    """A similarity of each picture, by torch's random numbers, which the loop seeds."""
    random = np.random.default_rng(int(torch.randint(1 << 31, ())))
    return Shake.draw(random, count).part(slice(None), device)


def sampled(read: Tensors, training: bool) -> dict[str, Tensor]:
    """In training a Gaussian code is sampled, so that the renderer sees its width; else it is the mean."""
    if not training or "log_variance" not in read:
        return dict(read)
    noise = torch.randn_like(read["expression"])
    return {**read, "expression": gaussian.sample(read["expression"], read["log_variance"], noise)}


def code_terms(read: Tensors) -> dict[str, Tensor]:
    """The pull towards the unit Gaussian and the share of dimensions that say nothing; {} of a plain code."""
    if "log_variance" not in read:
        return {}
    divergences = gaussian.divergence(read["expression"], read["log_variance"])
    return {
        "kl": gaussian.beyond_free_bits(divergences, FREE_NATS),
        "collapsed": gaussian.collapsed(divergences).detach(),
    }
