"""The networks that are the method's own; the rendering network is shared (nn/)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.methods.sfd.config import Config
from reenact.nn.blocks import ConvBlock, Keypoints, Maps, upsample
from reenact.nn.conv_trunk import small
from reenact.nn.motion_encoder import FEATURES, MotionEncoder

IDENTITY = "identity"
"""the coefficients a, among what the encoder says"""
DRAWN = "drawn_identity"
"""the same, of the rendered person: the source, unless identities are mixed"""
READ_WIDTH = 256
DESCRIPTOR_GAIN = 0.1
"""ours: a descriptor's numbers, each of which is a mixture of all coefficients, count by this share in what is decoded: a step
of an optimiser moves all weights alike, and 512 of them at once would overshoot"""
LEVELS = 4
"""the generator samples the source at 1, 1/2, 1/4 and 1/8 of its side"""
STEP = 0.1
"""ours: half sides by which a correction may move what is looked up"""


class Head(nn.Module):
    """A linear layer, and beside it a small network that starts at nothing."""

    def __init__(self, inputs: int, hidden: int, outputs: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, outputs)
        self.inner, self.outer = nn.Linear(inputs, hidden), nn.Linear(hidden, outputs)
        nn.init.zeros_(self.outer.weight)
        nn.init.zeros_(self.outer.bias)

    def forward(self, x: Float[Tensor, "batch input"]) -> Float[Tensor, "batch output"]:
        return self.linear(x) + self.outer(F.gelu(self.inner(x)))


class Encoder(MotionEncoder):
    """A face -> its pose, the coefficients of its expression and of its identity, in two passes."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__(config)
        self.register_buffer("template", template)
        self.identity = Head(FEATURES, 256, config.identity_size)
        self.expression = Head(FEATURES, 192, config.expression_size)

    def describe(self, feature: Float[Tensor, "batch feature"], pose: dict[str, Tensor]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1], translation [B,2], expression [B,58], identity [B,448]."""
        return {**pose, "expression": self.expression(feature), IDENTITY: self.identity(feature)}


class ReadOut(nn.Module):
    """A descriptor without its pose -> the face's keypoints in the head's own frame, expression and all."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__()
        self.mesh_keypoints = config.mesh_keypoints
        self.register_buffer("template", template)
        self.layers = Head(config.descriptor_size, READ_WIDTH, 3 * config.mesh_keypoints)
        small(self.layers.linear)

    def forward(self, descriptor: Float[Tensor, "batch descriptor"]) -> Keypoints:
        shape = self.layers(DESCRIPTOR_GAIN * descriptor).view(len(descriptor), self.mesh_keypoints, 3)
        return self.template + F.pad(shape, (0, 0, 0, len(self.template) - self.mesh_keypoints))


class Correction(nn.Module):
    """What two descriptors say of the flow and of what is hidden, besides their keypoints; starts at nothing."""

    def __init__(self, config: Config, told: int) -> None:
        """told: length of the generator's conditioning on both faces."""
        super().__init__()
        self.enter = nn.Linear(2 * config.descriptor_size, 32 * 16)
        self.layers = nn.ModuleList([ConvBlock(32, 48), ConvBlock(48, 32), ConvBlock(32, 24)])
        self.head = nn.Conv2d(24, 2 * LEVELS + 2, 3, padding=1)
        self.told = nn.Sequential(nn.Linear(2 * config.descriptor_size, 64), nn.ReLU(), nn.Linear(64, told))
        for layer in (self.head, self.told[-1]):
            nn.init.zeros_(layer.weight)
            nn.init.zeros_(layer.bias)

    def forward(self, both: Float[Tensor, "batch descriptors"]) -> tuple[Maps, Maps]:
        """Source's and driving descriptor -> shifts [B,2 LEVELS,32,32] of what is looked up, finest level first, in half sides;
        [B,2,32,32], added to the occlusion logits."""
        x = torch.relu(self.enter(both)).view(-1, 32, 4, 4)
        for layer in self.layers:
            x = layer(upsample(x))
        shift, hidden = self.head(x).float().split([2 * LEVELS, 2], 1)
        return STEP * torch.tanh(shift), hidden
