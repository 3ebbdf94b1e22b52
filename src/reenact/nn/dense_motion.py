"""From sparse keypoints to a dense flow."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, sample
from reenact.nn.blocks import ConvBlock, Keypoints, Maps, ResidualBlock, exact, pool, upsample

HEAD_REACH = 0.15
"""ours: how far beyond its keypoints the head goes on, in half sides"""


class DenseMotion(nn.Module):
    """Keypoints -> flow (where in the source each driving pixel comes from) and occlusion, on a 64x64 grid.

    All candidate flows share one 2x2 matrix, the image-plane block of s_s R_s (s_d R_d)^-1, so 2-D flow knows of 3-D
    rotation and the mixture needs no warped copy of the picture for each keypoint. The mixture's logits start as
    Gaussians around the driving keypoints (a fresh network already warps sensibly) and a small hourglass corrects them.
    """

    def __init__(
        self, widths: tuple[int, int, int], size: int, spread: Float[Tensor, " keypoint"], blocks: tuple[int, int]
    ) -> None:
        """widths: channels of the hourglass; size: side of the grid; spread: reach of each keypoint at the start; blocks:
        residual blocks at 1/2 and 1/4 of the grid."""
        super().__init__()
        self.size, self.keypoints = size, len(spread)
        first, second, third = widths
        self.log_spread = nn.Parameter(spread.log())
        self.background = nn.Parameter(torch.tensor(-2.0))
        self.enter = ConvBlock(self.keypoints + 8, first)
        self.down = nn.Sequential(ConvBlock(first, second, 2), *(ResidualBlock(second) for _ in range(blocks[0])))
        self.deep = nn.Sequential(ConvBlock(second, third, 2), *(ResidualBlock(third) for _ in range(blocks[1])))
        self.up = ConvBlock(second + third, second)
        self.out = ConvBlock(first + second, first)
        self.head = nn.Conv2d(first, self.keypoints + 1 + 2 + 2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        image: Float[Tensor, "batch 3 size size"],
        source: Keypoints,
        driving: Keypoints,
        matrix: Tensor,
        told: Maps | None = None,
    ) -> tuple[Maps, Maps]:
        """`correct` of `entered`."""
        return self.correct(self.entered(image, source, driving, matrix, told))

    def entered(
        self,
        image: Float[Tensor, "batch 3 size size"],
        source: Keypoints,
        driving: Keypoints,
        matrix: Tensor,
        told: Maps | None = None,
    ) -> Maps:
        """What the hourglass is given, [B,first width,64,64]: the keypoints' heat maps, the flow that they make by themselves,
        the picture and the picture moved by it. told: maps of that shape that a method adds (KeypointMethod.told)."""
        grid, logits = self._start(driving)
        heat = self.heat(driving) - self.heat(source)
        flow = self._mix(logits, grid, source, driving, matrix)
        small = pool(image, self.size)
        hints = [heat, (flow - grid).permute(0, 3, 1, 2) * 4, small - 0.5, sample(small, flow) - 0.5]
        enter = self.enter(torch.cat(hints, 1))
        return enter if told is None else enter + told

    def correct(self, enter: Maps) -> tuple[Maps, Maps]:
        """Corrections [B,K+1+2+2,64,64] (logits, residual flow, occlusion logits) and motion features [B,first width,64,64]."""
        down = self.down(enter)
        features = self.out(torch.cat([enter, upsample(self.up(torch.cat([down, upsample(self.deep(down))], 1)))], 1))
        return self.head(features).float(), features

    @exact
    def flow(
        self, correction: Maps, source: Keypoints, driving: Keypoints, matrix: Tensor
    ) -> tuple[Float[Tensor, "batch 64 64 2"], Float[Tensor, "batch 2 64 64"]]:
        """Where each pixel comes from, in [-1, 1], and occlusion logits (features, picture).

        Apart from `forward` because it must run in fp32: a coordinate rounded to bf16 is half a pixel off.
        """
        grid, logits = self._start(driving)
        count = self.keypoints + 1
        flow = self._mix(logits + correction[:, :count], grid, source, driving, matrix)
        # ours: a free residual of at most a tenth of the half side, for what no keypoint explains (hair, shoulders).
        flow = flow + 0.1 * torch.tanh(correction[:, count : count + 2]).permute(0, 2, 3, 1)
        return flow, correction[:, count + 2 :]

    def _start(self, driving: Keypoints) -> tuple[Tensor, Float[Tensor, "batch keypoint+1 64 64"]]:
        """The grid, and the logits before correction: Gaussians around the keypoints; last the background's.

        The background's grows with the distance from the nearest keypoint, so that sparse cheeks do not count as it.
        """
        grid = identity_grid(self.size, self.size, driving)
        x, y = self._axes(driving)
        squared = x[:, :, None, :] + y[:, :, :, None]
        background = self.background + squared.amin(1, keepdim=True) / (2 * HEAD_REACH**2)
        return grid, torch.cat([squared * self._precision(), background], 1)

    def heat(self, keypoints: Keypoints) -> Float[Tensor, "batch keypoint 64 64"]:
        """exp(-r^2 / 2 spread^2), as the product of its two axes (a third of the work of the plain form).

        Tails end at exp(-20) an axis: denormal numbers further out would make the next convolution six times slower.
        """
        precision = self._precision().detach()[..., 0]
        x, y = ((axis * precision).clamp(min=-20).exp() for axis in self._axes(keypoints))
        return x[:, :, None, :] * y[:, :, :, None]

    def _precision(self) -> Float[Tensor, "keypoint 1 1"]:
        return -0.5 * (-2 * self.log_spread).exp()[:, None, None]

    def _axes(self, keypoints: Keypoints) -> tuple[Tensor, Tensor]:
        """Squared distances along x and along y: [B,K,64] each."""
        axis = identity_grid(1, self.size, keypoints)[0, :, 0]
        return (axis - keypoints[:, :, :1]).square(), (axis - keypoints[:, :, 1:2]).square()

    @exact
    def _mix(self, logits: Tensor, grid: Tensor, source: Keypoints, driving: Keypoints, matrix: Tensor) -> Tensor:
        """m_0 p + (1 - m_0) sum_k m_k (x_s + A (p - x_d)), the m_k summing to one."""
        background = torch.sigmoid(logits[:, -1, :, :, None])
        shift = source[..., :2] - driving[..., :2] @ matrix.transpose(1, 2)
        turned = (grid.reshape(-1, 2) @ matrix.transpose(1, 2)).view(-1, *grid.shape)
        moved = (logits[:, :-1].softmax(1).flatten(2).transpose(1, 2) @ shift).view_as(turned)
        return (turned + moved) * (1 - background) + background * grid
