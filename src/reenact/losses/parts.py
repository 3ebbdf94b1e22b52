"""Eyes and mouth looked at closely: a few hundred pixels that decide whether an expression is believed.

ours: upright-turned squares around each eye and the mouth, cut from both pictures where the target's landmarks lie.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.losses.pixels import l1
from reenact.losses.regions import eye_and_mouth_regions

PART_SIZE = 64
"""px; an eye is about 30 px wide in a 256 px crop, a mouth 50"""

Distance = Callable[[Tensor, Tensor], Tensor]
"""two batches of pictures -> one number"""


def part_distance(
    picture: Float[Tensor, "batch 3 side side"],
    target: Float[Tensor, "batch 3 side side"],
    landmarks: Float[Tensor, "batch 478 d"],
    distance: Distance = l1,
    size: int = PART_SIZE,
) -> dict[str, Float[Tensor, ""]]:
    """RGB in [0, 1] -> `distance` of the two pictures' eyes (mean of both) and of their mouths, as "eyes" and "mouth".

    landmarks: the target's, in [-1, 1]; distance: `l1`, or a perceptual one such as VggPyramid(scales=2).
    """
    regions = eye_and_mouth_regions(landmarks)
    ours = {name: region.cut(picture, size) for name, region in regions.items()}
    theirs = {name: region.cut(target, size).detach() for name, region in regions.items()}
    eyes = [torch.cat([parts["right_eye"], parts["left_eye"]]) for parts in (ours, theirs)]
    return {"eyes": distance(*eyes), "mouth": distance(ours["mouth"], theirs["mouth"])}
