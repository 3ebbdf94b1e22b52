"""The pull of a variational code towards the unit Gaussian."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

COLLAPSED = 0.01
"""nats: a dimension that says less is as good as dead"""


def divergence(mean: Float[Tensor, "batch code"], log_variance: Float[Tensor, "batch code"]) -> Float[Tensor, " code"]:
    """KL(N(mean, variance) || N(0, 1)) of each dimension in nats, averaged over the batch; never below 0."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)


def beyond_free_bits(divergences: Float[Tensor, " code"], free: float) -> Float[Tensor, ""]:
    """Sum over dimensions of what exceeds `free` nats: below it a dimension is not pulled, so it need not collapse."""
    return (divergences - free).clamp(min=0).sum()


def sample(
    mean: Float[Tensor, "batch code"], log_variance: Float[Tensor, "batch code"], noise: Float[Tensor, "batch code"]
) -> Float[Tensor, "batch code"]:
    """mean + sigma noise, through which gradients reach both."""
    return mean + torch.exp(0.5 * log_variance) * noise


def collapsed(divergences: Float[Tensor, " code"]) -> Float[Tensor, ""]:
    """The share of dimensions that carry (nearly) nothing: the alarm to watch."""
    return (divergences < COLLAPSED).float().mean()
