"""Differences of pictures, pixel by pixel."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def l1(
    picture: Float[Tensor, "n channel height width"],
    target: Float[Tensor, "n channel height width"],
    weight: Float[Tensor, "n 1 height width"] | None = None,
) -> Float[Tensor, ""]:
    """Mean |difference| over all pixels, in the pictures' unit; with `weight`, sum(weight x difference) / sum(weight)."""
    distance = (picture - target).abs().mean(1, keepdim=True)
    return distance.mean() if weight is None else (distance * weight).sum() / weight.sum()
