"""Where a picture shows what is behind the person. ours."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

ELSEWHERE = 0.1
"""ours: where nobody was and nobody is, the portrait's own pixels are right wherever they come from"""


def behind(
    shown: Float[Tensor, "batch 1 size size"],
    before: Float[Tensor, "batch 1 size size"],
    now: Float[Tensor, "batch 1 size size"],
    near: Float[Tensor, "batch 1 size size"],
) -> Float[Tensor, ""]:
    """Cross entropy between the inpainted background's share and what the true picture shows of it, 0 or more. before, now: how
    much of each
    pixel was a person in the portrait, and is one in the true picture, 0..1; near: where there is an inpainted background, 0..1
    (nn/background.py: near_head)."""
    weight = (near * torch.maximum(now, before)).clamp(min=ELSEWHERE)
    shown = shown.float().clamp(1e-4, 1 - 1e-4)
    with torch.autocast(shown.device.type, enabled=False):
        entropy = F.binary_cross_entropy(shown, 1 - now.float(), weight.float(), reduction="sum")
    return entropy / weight.sum()
