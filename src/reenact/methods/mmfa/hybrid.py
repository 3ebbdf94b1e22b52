"""Hybrid keypoints, the abstract's future work: free 2-D keypoints beside the 3-D ones.

A small network draws one heat map for each free keypoint; the keypoint is the map's mean (Siarohin et al., arXiv 1903.00048), so
that it moves with the picture from the first step on. The dense motion takes them as it takes the others; MobilePortrait
(arXiv 2407.05712) has 50 of them. They hold what no pose and no expression says, the person's outline too: what they are in a
driving picture fits the person whom that shows, and an edit of pose or expression doesn't move them. So this form is an ablation
by self-reenactment, and no bitstream carries them.
ours: the network's sizes, temperature and reach.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.parts import MotionEncoder
from reenact.nn.blocks import ConvBlock, Maps, ResidualBlock, exact, pool, upsample
from reenact.nn.dense_motion import DenseMotion
from reenact.nn.graphs import MOTION_FIELDS
from reenact.nn.keypoints import Pose, Tensors, keypoint_spread

FREE = "free_keypoints"
WIDTHS = (16, 32, 64)
TEMPERATURE = 0.1
REACH = 0.1
"""half sides; of a free keypoint's heat map in the dense motion at the start"""


class HeatMaps(nn.Module):
    """A picture -> 2-D keypoints, each the mean of a heat map at half the view's side."""

    def __init__(self, count: int, view: int) -> None:
        """view: side of what is looked at, px."""
        super().__init__()
        first, second, third = WIDTHS
        self.view = view
        self.enter = ConvBlock(3, first, 2)
        self.down = nn.Sequential(ConvBlock(first, second, 2), ResidualBlock(second))
        self.deep = nn.Sequential(ConvBlock(second, third, 2), ResidualBlock(third))
        self.up = ConvBlock(second + third, second)
        self.head = nn.Conv2d(first + second, count, 3, padding=1)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Float[Tensor, "batch keypoint 2"]:
        """image in [0, 1]; keypoints in [-1, 1]."""
        enter = self.enter(pool(image, self.view) - 0.5)
        down = self.down(enter)
        mixed = self.up(torch.cat([down, upsample(self.deep(down))], 1))
        return self._means(self.head(torch.cat([enter, upsample(mixed)], 1)))

    @exact
    def _means(self, maps: Maps) -> Float[Tensor, "batch keypoint 2"]:
        rows, columns = maps.shape[-2:]
        grid = identity_grid(rows, columns, maps).reshape(-1, 2)
        return (maps.float().flatten(2) / TEMPERATURE).softmax(-1) @ grid


class HybridEncoder(MotionEncoder):
    """The motion encoder, and beside its fields `free_keypoints` [B,F,2] in [-1, 1] of the picture."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__(config, template)
        self.free = HeatMaps(config.free_keypoints, config.motion_view)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        return {**super().forward(image), FREE: self.free(image)}


class Hybrid(Mmfa):
    """mmfa with free 2-D keypoints beside its own, and after them in `Pose.keypoints`."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__(config, template)
        self.motion = HybridEncoder(config, template)
        spread = torch.cat([keypoint_spread(template), torch.full((config.free_keypoints,), REACH)])
        self.dense_motion = DenseMotion(config.flow_widths, config.flow_size, spread, config.flow_blocks)

    def pose(self, canonical: Float[Tensor, "batch keypoint 3"], motion: Tensors) -> Pose:
        """x = s R (x_c + d(e)) + t, then the free keypoints as they were found, at depth 0."""
        pose = super().pose(canonical, motion)
        return pose._replace(keypoints=torch.cat([pose.keypoints, F.pad(motion[FREE], (0, 1))], 1))

    def encode_motion(self, frame: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """What Mmfa says, and `free_keypoints`."""
        motion = self.motion(frame)
        return {name: motion[name] for name in (*MOTION_FIELDS, FREE)}
