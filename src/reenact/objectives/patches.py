"""Patch-wise training of the generator: a mouth is a fortieth of a picture, and to render it alone costs a seventh.

ours. Motion, flow and occlusion come from the whole pictures and are frozen; the generator, which is nothing but
convolutions behind them, renders a window of 96 px, of which the inner 64 are compared. So six times as many pairs are seen
in an hour as by the joint stage, and those that open widest most.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from reenact.faces.points import LIPS
from reenact.losses.lpips import LPIPS
from reenact.losses.patch_gan import PatchDiscriminator
from reenact.nn.blocks import Maps
from reenact.nn.keypoint_method import Field, KeypointMethod
from reenact.nn.keypoints import Pose, Tensors
from reenact.objectives.adversary import WIDTH, Discriminators
from reenact.objectives.self_reenactment import decided

CELL = 8
"""px: one of the coarsest features"""
CELLS, MARGIN = 12, 2
"""ours: cells along a window, and of its edge, where convolutions miss their neighbours"""
FACES = 0.6
"""ours: of the windows that are not on the mouth, how many lie around another keypoint; the rest lie anywhere, so that nothing
is forgotten"""
SHAKE = 0.06
"""ours: by how much the middle of a mouth's window is off, half sides of the picture"""
WEIGHTS = {"l1": 4.0, "lpips": 1.5, "adversarial": 0.05, "matching": 0.5}
"""ours, as in the joint stage; the discriminator weighs more, since a mouth's inside cannot be looked up in the source"""


class PatchObjective(nn.Module):
    """Self-reenactment by the method's own motion estimate, two windows of each picture: the mouth and another."""

    def __init__(self) -> None:
        super().__init__()
        self.lpips = LPIPS("alex")

    def forward(self, model: KeypointMethod, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms, and what a discriminator is shown: `fake` and `real` windows [2 B,3,64,64]."""
        whole = undrawn(model, source, driving)
        made, wanted = [], []
        for corners in chosen(model.teacher(driving), whole.cells):
            given, truth = whole.window(corners)
            made.append(inner(model.generator(*given).frame))
            wanted.append(inner(truth))
        made, wanted = torch.cat(made), torch.cat(wanted)
        larger = [F.interpolate(x, scale_factor=2.0, mode="bilinear", align_corners=False) for x in (made, wanted)]
        lpips = (self.lpips(made, wanted).mean() + self.lpips(*larger).mean()) / 2  # as the picture is looked at, and closer
        terms = {"l1": (made - wanted).abs().mean(), "lpips": lpips}
        return terms, {"fake": made, "real": wanted}


class Undrawn(NamedTuple):
    """Pairs of pictures up to the generator, which then renders windows of them."""

    image: Float[Tensor, "batch 3 size size"]
    pyramid: tuple[Maps, Maps, Maps]
    field: Field
    features: Maps
    code: Float[Tensor, "batch code"]
    target: Float[Tensor, "batch 3 size size"]

    @property
    def cells(self) -> int:
        """Along the picture."""
        return self.image.shape[-1] // CELL

    def window(self, corners: Int64[Tensor, "batch 2"]) -> tuple[tuple, Tensor]:
        """What the generator is given for the window of each picture (Generator.forward), and the true window."""
        levels = tuple(cut(level, corners, self.cells, rows=1) for level in self.field.levels)
        occlusion, features, wanted = (
            cut(maps, corners, self.cells) for maps in (self.field.occlusion, self.features, self.target)
        )
        return (self.image, self.pyramid, levels, occlusion, features, self.code), wanted


@torch.no_grad()
def undrawn(model: KeypointMethod, source: Tensors, driving: Tensors) -> Undrawn:
    """By the method's own motion estimate, without gradients."""
    _, field, features, code = decided(model, source, driving)
    return Undrawn(source["image"], model.source(source["image"]), field, features, code, driving["image"])


def chosen(pose: Pose, cells: int) -> tuple[Int64[Tensor, "batch 2"], Int64[Tensor, "batch 2"]]:
    """Row and column of the first cell of each picture's mouth, and of another window. cells: along the picture."""
    points = pose.keypoints[..., :2]
    count, device = len(points), points.device
    some = points[torch.arange(count, device=device), torch.randint(points.shape[1], (count,), device=device)]
    anywhere = torch.rand(count, 2, device=device) * 2 - 1
    other = torch.where(torch.rand(count, 1, device=device) < FACES, some, anywhere)
    shaken = points[:, : len(LIPS)].mean(1) + SHAKE * (torch.rand(count, 2, device=device) * 2 - 1)
    return corner(shaken, cells), corner(other, cells)


def corner(middle: Float[Tensor, "batch 2"], cells: int) -> Int64[Tensor, "batch 2"]:
    """Row and column of the first cell of the window around each middle ([-1, 1], x and y), the window inside the picture."""
    return ((middle.flip(1) + 1) / 2 * cells - CELLS / 2).round().clamp(0, cells - CELLS).long()


def inner(maps: Tensor) -> Tensor:
    """Of a window, what convolutions see all neighbours of."""
    edge = MARGIN * CELL
    return maps[..., edge:-edge, edge:-edge]


def cut(maps: Tensor, corners: Int64[Tensor, "batch 2"], cells: int, rows: int = 2) -> Tensor:
    """The window of each picture's maps, whatever their size. cells: along the whole; rows: their dimension, columns are next."""
    unit = maps.shape[rows] // cells
    parts = []
    for one, (row, column) in zip(maps, corners.tolist(), strict=True):
        parts.append(one.narrow(rows - 1, unit * row, unit * CELLS).narrow(rows, unit * column, unit * CELLS))
    return torch.stack(parts)


class WindowDiscriminator(Discriminators):
    """One discriminator, of windows."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = PatchDiscriminator(WIDTH, blocks=3)

    def networks(self) -> tuple[tuple[PatchDiscriminator, str], ...]:
        return ((self.judge, ""),)
