"""The disocclusion mask: where the head has moved away, the inpainted background is shown (nn/background.py). ours: no paper
here has it. The flow between a moving head and a static backdrop is neither's: what is sampled there is a ghost."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, sample
from reenact.nn.background import MOVED_RIM, from_head, from_rim, grown
from reenact.nn.blocks import ConvBlock, Maps, ResidualBlock, exact, pool, to_flow_size, upsample
from reenact.nn.keypoints import Tensors

Mask = Float[Tensor, "batch 1 size size"]
WIDTHS = (16, 32, 48, 64)
"""ours: channels at 1/2, 1/4, 1/8 and 1/16 of the side; a seventh of the arithmetic of a frame"""
REACH = 4.0
"""ours: brings ways, in halves of the side, near unit size"""
PERSON, NOBODY = 6.0, 10.0
"""ours: by how much the mask's logits fall where the flow brings a person, and rise where it brings nobody and the generator did
not take the portrait's own pixels either"""
DOUBT = (1.0, 3.0)
"""ours: logits; where the network is surer than the second that the backdrop is seen, a person there is where the head was"""
BESIDE = (1.2, 1.5)
"""ours: from the head's middle as nn/background.py counts; beyond the second, too"""
FACE = (0.9, 1.05)
"""ours: the same; within the first nobody's absence is not believed, since a face that turns towards the camera is not in the
portrait and has to be generated"""
AT_FIRST = -3.0
"""ours: a fresh network shows next to nothing of the inpainted background"""


class DisocclusionMask(nn.Module):
    """A rendered frame, the inpainted background, the portrait, where the person was and is -> the frame with the inpainted
    background where nobody is, and that mask. A ghost is a piece of the person that is rendered where the portrait has it,
    though the head has gone: so the network is given the portrait itself, and how far each pixel was moved."""

    def __init__(self, motion: int) -> None:
        """motion: channels of the dense motion's features."""
        super().__init__()
        half, quarter, eighth, least = WIDTHS
        self.enter = ConvBlock(2 * 12 + 2 + 12, half)
        self.quarter = nn.Sequential(ConvBlock(half, quarter, 2))
        self.told = ConvBlock(quarter + motion + 2 + 2, quarter)
        self.eighth = nn.Sequential(ConvBlock(quarter, eighth, 2), ResidualBlock(eighth))
        self.least = nn.Sequential(ConvBlock(eighth, least, 2), ResidualBlock(least))
        self.from_least = ConvBlock(least + eighth, eighth)
        self.from_eighth = ConvBlock(eighth + quarter, quarter)
        self.from_quarter = ConvBlock(quarter + half, half)
        self.head = nn.Conv2d(half, 4, 3, padding=1)
        nn.init.normal_(self.head.weight, std=1e-2)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        frame: Float[Tensor, "batch 3 size size"],
        image: Float[Tensor, "batch 3 size size"],
        grids: Sequence[Tensor],
        occlusion: Maps,
        motion: Maps,
        plate: Float[Tensor, "batch 3 size size"],
        person: Mask,
        matte: Float[Tensor, "batch 2 size size"] | None = None,
    ) -> tuple[Float[Tensor, "batch 3 size size"], Mask]:
        """The frame with the inpainted background, and how much of each pixel that is. matte: `by_matte`; the rest: `logits`."""
        logits = self.logits(frame, image, grids, occlusion, motion, plate, person)
        shown = torch.sigmoid(logits if matte is None else decided(logits, matte))
        return frame + shown * (plate - frame), shown

    def logits(
        self,
        frame: Float[Tensor, "batch 3 size size"],
        image: Float[Tensor, "batch 3 size size"],
        grids: Sequence[Tensor],
        occlusion: Maps,
        motion: Maps,
        plate: Float[Tensor, "batch 3 size size"],
        person: Mask,
    ) -> Mask:
        """frame, plate, image (the portrait): RGB in [0, 1]; grids: where the frame was sampled, at 1, 1/2 and 1/4 of the side
        (nn/generator.py: grids); person: of the portrait, 0..1."""
        size = frame.shape[-1]
        person = pool(person, size // 2)
        folded = [F.pixel_unshuffle(picture - 0.5, 2) for picture in (frame, plate, image)]
        half = self.enter(torch.cat([*folded[:2], person, sample(person, grids[1]), folded[2]], 1))
        quarter = self.quarter(half)
        brought = (grids[2] - identity_grid(size // 4, size // 4, grids[2])).permute(0, 3, 1, 2)
        hints = torch.cat([motion, torch.sigmoid(occlusion).to(motion.dtype)], 1)
        hints = torch.cat([to_flow_size(hints, size // 4), REACH * brought.to(motion.dtype)], 1)
        quarter = self.told(torch.cat([quarter, hints], 1))
        eighth = self.eighth(quarter)
        x = self.from_least(torch.cat([upsample(self.least(eighth)), eighth], 1))
        x = self.from_eighth(torch.cat([upsample(x), quarter], 1))
        x = self.from_quarter(torch.cat([upsample(x), half], 1))
        return calm(self.head(x).float()) + AT_FIRST

    @torch.no_grad()
    def sharpen(self, gain: float) -> None:
        """Multiplies the mask's logits by `gain`, for good: half a ghost is worse than an inpainted background or a person."""
        self.head.weight *= gain
        self.head.bias.copy_(gain * (self.head.bias + AT_FIRST) - AT_FIRST)


@exact
@torch.no_grad()
def by_matte(
    person: Mask, grid: Float[Tensor, "batch size size 2"], keep: Mask, driving: Tensors
) -> Float[Tensor, "batch 2 size size"]:
    """Where the portrait's matte, brought by the flow, shows a person, and where nobody, 0..1.

    person: of the portrait; grid: where the frame was sampled; keep: how much of each pixel is the warped portrait, which holds
    fine hair that a matte misses; driving: the frame's motion, as `from_head`. At the picture's rim neither: a frame ends there
    as the portrait does."""
    brought, reach = sample(person, grid), from_head(driving, grid.shape[1])
    here = brought * between(reach, *reversed(BESIDE))
    nobody = (1 - grown(brought, MOVED_RIM)) * (1 - keep) * between(reach, *FACE)
    return torch.cat([here, nobody], 1) * from_rim(keep).clamp(0, 1)


def decided(logits: Mask, matte: Float[Tensor, "batch 2 size size"]) -> Mask:
    """The mask's logits with what `by_matte` says. The network alone is undecided over a band of 10 to 20 px along the outline,
    where a turned head was half-transparent: far ears pale, hair with a pale rim. The matte's outline is sharp."""
    here, nobody = matte.split(1, 1)
    return logits + NOBODY * nobody - PERSON * here * between(logits, *reversed(DOUBT))


def between(value: Tensor, none: float, whole: float) -> Tensor:
    """0 at `none`, 1 at `whole`, evenly between and constant beyond."""
    return ((value - none) / (whole - none)).clamp(0, 1)


def calm(blocks: Float[Tensor, "batch n row column"]) -> Mask:
    """A pixel shuffle's n x n channels -> the mask at n times the side, after a binomial 3x3 mean. ours: adversarial training
    makes the pixel shuffle's mask checkered, which dots every strong edge; rendered pixels keep their texture. The mean is one
    convolution before the shuffle, a tenth of the render time less; the last row of blocks is repeated beyond the rim."""
    times = math.isqrt(blocks.shape[1])
    return F.pixel_shuffle(F.conv2d(F.pad(blocks, (1, 1, 1, 1), mode="replicate"), _binomial(blocks, times)), times)


def _binomial(like: Tensor, times: int) -> Float[Tensor, "n n 3 3"]:
    """The kernel of `calm`: from a pixel of a block of times x times to those of the blocks around, both as row, column."""
    weights, within = {-1: 0.25, 0: 0.5, 1: 0.25}, range(times)
    steps = [[[weights.get(times * block + there - here, 0.0) for block in (-1, 0, 1)] for there in within] for here in within]
    line = like.new_tensor(steps)  # [here, there, block]
    return torch.einsum("iay,jbx->ijabyx", line, line).reshape(times**2, times**2, 3, 3)
