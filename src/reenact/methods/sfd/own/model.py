"""Descriptors recombined as latent codes, which drive a generator (arXiv 2501.17718, abstract).

The nearest published form is LIA's (arXiv 2203.09043).

picture --Encoder--> a (identity), b (motion)
w_s = X a_s + Y b_s,  w_d = X a_s + Y b_d      Q = [X | Y] complete and orthonormal (space.py)
[w_s, w_d] --> style --> Generator: every level is modulated, moves the source's features by a flow of its own, and blends them in

No keypoints, no pose, no landmarker but for the crop, nothing adopted.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, resize_flow, sample
from reenact.methods.sfd.own.config import Config
from reenact.methods.sfd.space import Space
from reenact.nn.blocks import ConvBlock, Maps, Modulation, exact, upsample
from reenact.nn.conv_trunk import ConvTrunk
from reenact.nn.source_encoder import SourceEncoder

REACH = 0.5
"""ours: half sides by which one level may move what the level before it has"""
FIRST_FLOW = 1e-3
"""ours: of a fresh flow head's weights; a fresh model shows the portrait"""
KEPT = 2.0
"""ours: logit of how much of the moved source a fresh level keeps"""


class Coefficients(NamedTuple):
    """The encoder's estimate of one picture."""

    identity: Float[Tensor, "batch identity"]
    motion: Float[Tensor, "batch motion"]


class Drawn(NamedTuple):
    frame: Float[Tensor, "batch 3 size size"]
    """[0, 1]"""
    warped: Float[Tensor, "batch 3 size size"]
    """the source picture, moved by the last level's flow"""
    flow: Float[Tensor, "batch size size 2"]
    occlusion: Float[Tensor, "batch 2 size size"]
    """logits of how much of the moved source is kept; twice, for the validation grid"""
    uncovered: None = None


class Level(nn.Module):
    """Twice the side: a modulated convolution, a flow, the source's features moved by it and blended in."""

    def __init__(self, inputs: int, channels: int, style: int) -> None:
        """channels: of this level, and of the source's features at it."""
        super().__init__()
        self.enter = ConvBlock(inputs, channels)
        self.modulate = Modulation(style, channels)
        self.second = ConvBlock(channels, channels)
        self.head = nn.Conv2d(channels, 3, 3, padding=1)
        nn.init.normal_(self.modulate.linear.weight, std=0.02)
        for parameter in self.head.parameters():
            nn.init.normal_(parameter, std=FIRST_FLOW)

    def forward(
        self, x: Maps, source: Maps, flow: Float[Tensor, "batch row column 2"], style: Float[Tensor, "batch style"]
    ) -> tuple[Maps, Float[Tensor, "batch row column 2"], Maps]:
        """x: of the level before; flow: its own, where in the source each place comes from. -> this level's maps, flow, and logit
        of how much of the source is kept."""
        x = self.second(self.modulate(self.enter(upsample(x)), style))
        change = self.head(x).float()
        side = x.shape[-1]
        finer = resize_flow(flow, side) + REACH * torch.tanh(change[:, :2]).permute(0, 2, 3, 1)
        keep = change[:, 2:] + KEPT
        share = torch.sigmoid(keep).to(x.dtype)
        return share * sample(source, finer).to(x.dtype) + (1 - share) * x, finer, keep


class Generator(nn.Module):
    """From a constant of 1/16 of the side; levels at 1/8, 1/4, 1/2; at the full side the source's features are the picture."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        fine, middle, coarse = config.source_widths
        start = config.size // 16
        self.constant = nn.Parameter(torch.randn(1, coarse, start, start))
        self.style = nn.Sequential(
            nn.Linear(2 * config.descriptor_size, config.style), nn.ReLU(), nn.Linear(config.style, config.style)
        )
        widths = (coarse, coarse, middle, fine)
        self.levels = nn.ModuleList(Level(*pair, config.style) for pair in zip(widths, widths[1:], strict=False))
        self.enter, self.modulate = ConvBlock(fine, fine), Modulation(config.style, fine)
        self.head = nn.Conv2d(fine, 6, 3, padding=1)
        nn.init.normal_(self.modulate.linear.weight, std=0.02)
        for parameter in self.head.parameters():
            nn.init.normal_(parameter, std=FIRST_FLOW)

    def forward(
        self,
        image: Float[Tensor, "batch 3 size size"],
        features: tuple[Maps, Maps, Maps],
        both: Float[Tensor, "batch descriptors"],
    ) -> Drawn:
        """features: of the source at 1/2, 1/4, 1/8; both: its descriptor and the one that is asked for, side by side."""
        style = F.relu(self.style(both))
        count = len(image)
        x = self.constant.expand(count, -1, -1, -1)
        flow = identity_grid(x.shape[-1], x.shape[-1], image).expand(count, -1, -1, -1)
        for level, source in zip(self.levels, features[::-1], strict=True):
            x, flow, _ = level(x, source, flow, style)
        change = self.head(self.modulate(self.enter(upsample(x)), style)).float()
        flow = resize_flow(flow, image.shape[-1]) + REACH * torch.tanh(change[:, :2]).permute(0, 2, 3, 1)
        keep, drawn = change[:, 2:3] + KEPT, torch.sigmoid(4 * change[:, 3:])
        warped = sample(image, flow)
        share = torch.sigmoid(keep)
        return Drawn(share * warped + (1 - share) * drawn, warped, flow, torch.cat([keep, keep], 1))


class Encoder(nn.Module):
    """A picture -> its coefficients on the basis."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.trunk = ConvTrunk(config.size, config.encoder_widths, config.encoder_squeeze, config.features)
        self.identity = nn.Linear(config.features, config.identity_size)
        self.motion = nn.Linear(config.features, config.motion_size)

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> Coefficients:
        feature = self.trunk(image)
        return Coefficients(self.identity(feature), self.motion(feature))


class SfdOwn(nn.Module):
    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.encoder = Encoder(config)
        self.space = Space(config)
        self.source = SourceEncoder(config.source_widths, config.source_blocks)
        self.generator = Generator(config)

    def read(self, image: Float[Tensor, "batch 3 size size"]) -> Coefficients:
        """A picture in [0, 1] -> a, b."""
        return self.encoder(image)

    @exact
    def descriptor(self, who: Float[Tensor, "batch identity"], what: Float[Tensor, "batch motion"]) -> Tensor:
        """w = X a + Y b."""
        return self.space(who, what)

    def draw(
        self, image: Float[Tensor, "batch 3 size size"], source: Coefficients, motion: Float[Tensor, "batch motion"]
    ) -> Drawn:
        """The person of a picture, whose coefficients are `source`, in another motion."""
        both = [self.descriptor(source.identity, what) for what in (source.motion, motion)]
        return self.generator(image, self.source(image), torch.cat(both, 1))
