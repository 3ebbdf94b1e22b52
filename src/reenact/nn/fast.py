"""A frame for a quarter of the arithmetic: generator and disocclusion mask at half the side. ours: no paper here has it.

Nearly all of a frame is the portrait, warped at its full side as before; what is generated, and both masks, come from features at
half the side of those of nn/generator.py. Flow and source encoder are the method's own: the encoder sees the portrait at half the
side.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor, nn

from reenact.nn.blocks import Maps, pool, upsample
from reenact.nn.disocclusion import DisocclusionMask, by_matte, decided
from reenact.nn.generator import Drawn, Generator
from reenact.nn.keypoints import Tensors
from reenact.nn.sizes import Sizes

SHUFFLE = 4
"""ours: how much the generator's last step enlarges"""
FIRST, LAST = "fine.0.0.weight", "head"
"""the generator's layers that are of another shape"""


class FastDrawn(NamedTuple):
    """A frame and what it was made of."""

    frame: Float[Tensor, "batch 3 size size"]
    drawn: Drawn
    """before the inpainted background"""
    uncovered: Float[Tensor, "batch 1 size size"]
    """how much of each pixel is the inpainted background's, 0..1"""
    logits: Float[Tensor, "batch 1 size size"]
    """of `uncovered`"""


class FastRenderer(nn.Module):
    """The generator and the disocclusion mask at half the side."""

    def __init__(self, config: Sizes, motion: int, code: int) -> None:
        """motion: channels of the motion features; code: length of the code."""
        super().__init__()
        self.generator = Generator(config.source_widths, motion, code, config.scales, config.generator_blocks, shuffle=SHUFFLE)
        self.uncover = DisocclusionMask(motion)

    @staticmethod
    def of(generator: Generator, uncover: DisocclusionMask, config: Sizes) -> FastRenderer:
        """From those at the whole side: every pixel of half the side starts as four alike."""
        state = generator.state_dict()
        made = FastRenderer(config, config.flow_widths[0], state["code.0.weight"].shape[1])
        made.uncover.load_state_dict(uncover.state_dict())
        known = {name: value for name, value in state.items() if name != FIRST and not name.startswith(f"{LAST}.")}
        colours = 3 * generator.shuffle**2
        first = state[FIRST]
        known[FIRST] = torch.cat([first[:, :-colours], _spread(first[:, -colours:], 1) / 4], 1)
        for name in ("weight", "bias"):
            known[f"{LAST}.{name}"] = _spread(state[f"{LAST}.{name}"], 0)
        made.generator.load_state_dict(known)
        return made.eval()

    def forward(
        self,
        image: Float[Tensor, "batch 3 size size"],
        features: tuple[Maps, Maps, Maps],
        levels: tuple[Tensor, ...],
        occlusion: Maps,
        motion: Maps,
        code: Float[Tensor, "batch code"],
        person: Float[Tensor, "batch 1 size size"],
        plate: Float[Tensor, "batch 3 size size"],
        driving: Tensors,
    ) -> FastDrawn:
        """features: of the portrait at half the side; levels: the flow at 1, 1/2, 1/4 and 1/8 of the side; person, plate: of the
        portrait (nn/background.py); driving: head_pose, scale and translation of the frame; the rest as in nn/generator.py."""
        half = image.shape[-1] // 2
        least = pool(levels[3].permute(0, 3, 1, 2), half // 8).permute(0, 2, 3, 1)
        drawn = self.generator(image, features, (levels[0], levels[2], levels[3], least), occlusion, motion, code)
        frame, portrait, behind, matte = (pool(picture, half) for picture in (drawn.frame, image, plate, person))
        logits = self.uncover.logits(frame, portrait, levels[1:], occlusion, motion, behind, matte)
        logits = decided(upsample(logits), by_matte(person, levels[0], drawn.keep, driving))
        shown = torch.sigmoid(logits)
        return FastDrawn(drawn.frame + shown * (plate - drawn.frame), drawn, shown, logits)


def _spread(values: Tensor, dim: int) -> Tensor:
    """A pixel shuffle's channels of 2 x 2 blocks along `dim` -> of 4 x 4 blocks in which 2 x 2 pixels are alike."""
    blocks = values.unflatten(dim, (-1, 2, 2))
    for side in (dim + 1, dim + 2):
        blocks = blocks.repeat_interleave(2, side)
    return blocks.flatten(dim, dim + 2)
