"""The mouth of a rendered frame, drawn once more by a small network that does nothing else. ours: no paper here has it.

Of a whole frame a mouth is a fiftieth, and what the generator draws between lips that the portrait has closed is the least
of what it was trained for. So a window around the rendered mouth, upright and always of one size in the head's own measure, goes
through a network of its own: rendered pixels, how much of them is the warped portrait, and the code that the generator has (the
driving and the source face's shapes; nn/keypoint_method.py) -> the window again. All methods whose renderer has that code share
it; either renderer's frames go in.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, sample
from reenact.geometry.rotation import rotation_matrix
from reenact.nn.blocks import Maps, Modulation, exact

ROWS, COLUMNS = 72, 96
"""of a window; at 256 px, of a portrait as it is usually cut, about the frame's own pixels"""
ACROSS = 1.1
"""ours: a window's width, in distances of the outer corners of the eyes"""
EDGE = 12
"""ours: px over which a window goes over into the frame around"""
SHAPES = 10.0
"""what offsets are multiplied by in the code"""
WIDTHS = (24, 48, 96)
"""ours: channels at 1/2, 1/4 and 1/8 of the window"""
CODE = 96
"""ours: length of the code that modulates"""
SLOPE = 0.2
CHANGED = 0.15
"""ours: a pixel that is changed by so much, of 1, on the mean of those around it keeps nothing of the portrait's own detail"""
AROUND = 5
"""ours: px"""


class Place(NamedTuple):
    """Where a window lies."""

    into: Float[Tensor, "batch rows columns 2"]
    """where in the frame each of its pixels is looked up, [-1, 1]"""
    back: Float[Tensor, "batch size size 2"]
    """where in the window each of the frame's pixels lies; beyond [-1, 1] outside of it"""


class MouthPlace(nn.Module):
    """From the code and the driving head's place to the window. Coordinates: always in fp32."""

    lips: Tensor

    def __init__(self, lips: Float[Tensor, "lip 3"], eyes: float, keypoints: int, size: int) -> None:
        """lips: the mean face's keypoints there, which are the first of so many keypoints in the code; eyes: how far the outer
        corners of its eyes are apart, in the head's unit; size: side of the frames, px."""
        super().__init__()
        self.count, self.shapes, self.size, self.reach = len(lips), 3 * keypoints, size, ACROSS * eyes / 2
        self.register_buffer("lips", lips.clone(), persistent=False)

    @exact
    def forward(
        self,
        code: Float[Tensor, "batch code"],
        scale: Float[Tensor, "batch 1"],
        translation: Float[Tensor, "batch 2"],
    ) -> Place:
        """scale, translation: of the driving head (core/types.py: Motion)."""
        head = self.lips + code[:, : 3 * self.count].reshape(-1, self.count, 3) / SHAPES
        turn = rotation_matrix(code[:, 2 * self.shapes : 2 * self.shapes + 3])
        middle = (scale[:, :, None] * (head @ turn.transpose(1, 2)))[..., :2].mean(1) + translation
        along = turn[:, :2, 0] / turn[:, :2, 0].square().sum(1, keepdim=True).sqrt().clamp(min=1e-6)
        down = torch.stack([-along[:, 1], along[:, 0]], 1)
        axes = torch.stack([along, down * (ROWS / COLUMNS)], 1) * (self.reach * scale)[:, :, None]
        into = identity_grid(ROWS, COLUMNS, code) @ axes[:, None] + middle[:, None, None]
        away = identity_grid(self.size, self.size, code) - middle[:, None, None]
        return Place(into, away @ (axes / axes.square().sum(2, keepdim=True)).transpose(1, 2)[:, None])


class MouthRefiner(nn.Module):
    """Window -> window, and a frame with the window in it."""

    edge: Tensor

    def __init__(self, code: int, widths: tuple[int, int, int] = WIDTHS) -> None:
        """code: length of the generator's code."""
        super().__init__()
        fine, middle, coarse = widths
        self.code = nn.Sequential(nn.Linear(code, CODE), nn.LeakyReLU(SLOPE), nn.Linear(CODE, CODE), nn.LeakyReLU(SLOPE))
        self.enter, self.first = nn.Conv2d(4 * 4, fine, 3, 1, 1), _Block(fine)
        self.to_middle, self.second = nn.Conv2d(fine, middle, 3, 2, 1), _Block(middle)
        self.to_coarse = nn.Conv2d(middle, coarse, 3, 2, 1)
        self.inner = nn.ModuleList(_Block(coarse) for _ in range(3))
        self.from_coarse, self.third = nn.Conv2d(coarse, middle, 3, 1, 1), _Block(middle)
        self.from_middle, self.fourth = nn.Conv2d(middle, fine, 3, 1, 1), _Block(fine)
        self.head = nn.Conv2d(fine, 4 * 4, 3, 1, 1)
        weight, bias = self.head.parameters()
        nn.init.normal_(weight, std=1e-2)
        nn.init.zeros_(bias)
        y, x = (1 - identity_grid(ROWS, COLUMNS)[..., axis].abs() for axis in (1, 0))
        self.register_buffer("edge", (torch.minimum(x * COLUMNS, y * ROWS) / (2 * EDGE)).clamp(max=1)[None, None], False)

    def forward(self, frame: Tensor, keep: Tensor, code: Tensor, place: Place) -> tuple[Tensor, Tensor]:
        """frame [B,3,size,size] in [0, 1], keep [B,1,size,size]: how much of each pixel is the warped portrait -> both with the
        mouth drawn again. What is changed there is the portrait's no longer."""
        window = sample(frame, place.into)
        change = self.refine(window, sample(keep, place.into), code)[0] - window
        strength = F.avg_pool2d(change.abs().amax(1, keepdim=True), AROUND, 1, AROUND // 2)
        change = sample(torch.cat([change, (strength / CHANGED).clamp(max=1)], 1), place.back, "zeros")
        return (frame + change[:, :3]).clamp(0, 1), keep * (1 - change[:, 3:])

    def refine(
        self, window: Float[Tensor, "batch 3 rows columns"], keep: Float[Tensor, "batch 1 rows columns"], code: Tensor
    ) -> tuple[Tensor, Tensor]:
        """The window drawn again, and how much of each pixel is."""
        told = self.code(code)
        x = F.pixel_unshuffle(torch.cat([window, keep], 1) * 2 - 1, 2)
        fine = self.first(self.enter(x), told)
        middle = self.second(self.to_middle(fine), told)
        x = self.to_coarse(middle)
        for block in self.inner:
            x = block(x, told)
        x = self.third(self.from_coarse(_twice(x)) + middle, told)
        x = self.fourth(self.from_middle(_twice(x)) + fine, told)
        out = F.pixel_shuffle(self.head(F.leaky_relu(x, SLOPE)), 2).float()
        share = torch.sigmoid(out[:, 3:] + 2) * self.edge
        return window + share * out[:, :3], share


class _Block(nn.Module):
    """x + conv(conv(x)), modulated by the code; the second half starts at nothing. No norm: what a window shows is not to
    depend on a batch."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.modulate = Modulation(CODE, channels)
        self.one, self.two = (nn.Conv2d(channels, channels, 3, 1, 1) for _ in range(2))
        for parameter in self.two.parameters():
            nn.init.zeros_(parameter)

    def forward(self, x: Maps, told: Float[Tensor, "batch code"]) -> Maps:
        inner = self.one(F.leaky_relu(self.modulate(x, told), SLOPE))
        return x + self.two(F.leaky_relu(inner, SLOPE))


def _twice(x: Maps) -> Tensor:
    return F.interpolate(x, scale_factor=2.0, mode="nearest")
