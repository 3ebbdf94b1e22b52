"""Every method's motion encoder: a first pass finds the face, a second pass sees it upright, centred and at one size.

image --pool to 64--> ConvTrunk --> head_pose, scale, translation (rough)
image --the face's square, upright, at 128--> ConvTrunk --> feature, and what is left of roll, scale, place; yaw, pitch

The second pass is taken twice: a window that is off by much is mended by half. (On people never trained on, keypoints were
2.8 px off after one, 1.6 after two, 1.3 after three; docs/log.md.) Roll, scale and place are what the last one says; all else is
the mean of what both windows showed, two samples of one face, which jitters less than the better of them. The second pass
cannot see place, size and roll (docs/design/methods.md 3.3: what is estimated from it is decoupled from them), and shows the
face half as large again as the whole picture at 128 would.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, sample
from reenact.geometry.rotation import rotation_matrix
from reenact.nn.blocks import exact, pool
from reenact.nn.conv_trunk import ConvTrunk, small

FACE_REACH = 0.58
"""ours: half the side of the second pass, in face heights; the mean face reaches 0.5 above and below its origin"""
FACE_DEPTH, FACE_DROP = 0.37, 0.02
"""z of the mean face's middle (canonical face), and how far below it the second pass is centred (chins fall open)"""
FEATURES = 384
"""ours: numbers of the second pass's feature"""

Tensors = Mapping[str, Tensor]


@runtime_checkable
class Views(Protocol):
    """What a method's Config must say of the two passes."""

    first_view: int
    first_widths: tuple[int, ...]
    motion_view: int
    motion_widths: tuple[int, ...]
    motion_squeeze: int


class MotionEncoder(nn.Module):
    """A subclass gives `describe`: its method's estimate of a face."""

    def __init__(self, config: Views) -> None:
        super().__init__()
        self.first_view, self.face_view = config.first_view, config.motion_view
        self.first = ConvTrunk(config.first_view, config.first_widths, 32, 128)
        self.place = small(nn.Linear(128, 6))
        self.second = ConvTrunk(config.motion_view, config.motion_widths, config.motion_squeeze, FEATURES)
        self.refine = small(nn.Linear(FEATURES, 6))

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """A picture in [0, 1] -> the method's estimate of the face in it, by two second passes: roll, scale and place as the
        last says, all else as the mean of both."""
        rough = self.locate(image)
        before = self.look(image, rough)
        with torch.no_grad():
            settled = self._refined(before, rough)
        last = self.look(image, settled)
        return self._both(before, last, settled)

    def look(self, image: Float[Tensor, "batch 3 size size"], rough: Tensors) -> Float[Tensor, "batch feature"]:
        """The second pass, at the face where `rough` says it is."""
        return self.second(sample(image, face_grid(rough, self.face_view)))

    def locate(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """The first pass: head_pose [B,3] rad, scale [B,1], translation [B,2], roughly."""
        pose = self.place(self.first(pool(image, self.first_view))).float()
        return {"head_pose": pose[:, :3], "scale": torch.exp(pose[:, 3:4].clamp(-1, 1)), "translation": pose[:, 4:6]}

    @torch.no_grad()
    def settle(self, image: Float[Tensor, "batch 3 size size"], rough: Tensors) -> dict[str, Tensor]:
        """A better head_pose, scale and translation than `rough`, for the second pass to stand at."""
        return self._refined(self.look(image, rough), rough)

    def examine(self, face: Float[Tensor, "batch 3 side side"], rough: Tensors) -> dict[str, Tensor]:
        """What a window of `face_grid` shows, `rough` having placed it."""
        return self._heads(self.second(face), rough)

    @exact
    def _heads(self, feature: Float[Tensor, "batch feature"], rough: Tensors) -> dict[str, Tensor]:
        return self.describe(feature, self._refined(feature, rough))

    @exact
    def _both(
        self, before: Float[Tensor, "batch feature"], last: Float[Tensor, "batch feature"], rough: Tensors
    ) -> dict[str, Tensor]:
        """What two windows showed, `rough` having placed the last."""
        feature = (before + last) / 2
        change = torch.cat([self.refine(feature)[:, :2], self.refine(last)[:, 2:]], 1)
        return self.describe(feature, refined(change, rough))

    @exact
    def _refined(self, feature: Float[Tensor, "batch feature"], rough: Tensors) -> dict[str, Tensor]:
        return refined(self.refine(feature), rough)

    def describe(self, feature: Float[Tensor, "batch feature"], pose: dict[str, Tensor]) -> dict[str, Tensor]:
        """A face's feature and its refined pose -> the fields of Motion and the method's estimates of the person."""
        raise NotImplementedError


@exact
def refined(change: Float[Tensor, "batch 6"], rough: Tensors) -> dict[str, Tensor]:
    """yaw and pitch as the second pass says; roll, scale and place as the first says, changed by the second."""
    roll = rough["head_pose"][:, 2:]
    step = torch.einsum("bij,bj->bi", upright(roll), change[:, 4:6])
    return {
        "head_pose": torch.cat([change[:, :2], roll + change[:, 2:3]], 1),
        "scale": rough["scale"] * torch.exp(change[:, 3:4].clamp(-1, 1)),
        "translation": rough["translation"] + rough["scale"] * step,
    }


def upright(roll: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 2 2"]:
    """Rz(roll), its image-plane block."""
    cosine, sine = torch.cos(roll), torch.sin(roll)
    return torch.cat([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)


def face_grid(pose: Tensors, side: int) -> Float[Tensor, "batch side side 2"]:
    """Where in the picture the pixels of an upright, centred face of standard size lie."""
    return window_grid(pose, (0.0, FACE_DROP, FACE_DEPTH), FACE_REACH, side)


@exact
def window_grid(pose: Tensors, middle: tuple[float, float, float], reach: float, side: int) -> Float[Tensor, "batch side side 2"]:
    """Where in the picture the pixels of an upright window lie that is centred on a point of the head's frame.

    reach: half the window's side in face heights. No gradient: what is seen through a window cannot move it.
    """
    with torch.no_grad():
        turn, scale = rotation_matrix(pose["head_pose"]), pose["scale"]
        centre = pose["translation"] + scale * (turn @ turn.new_tensor(middle))[:, :2]
        grid = identity_grid(side, side, scale).reshape(1, -1, 2) @ upright(pose["head_pose"][:, 2:]).transpose(1, 2)
        return (centre[:, None] + reach * scale[:, :, None] * grid).view(-1, side, side, 2)
