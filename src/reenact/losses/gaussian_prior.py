"""The expression code's prior: KL divergence from N(0, 1), with free bits and warm-up.

Kingma and Welling, arXiv 1312.6114; free bits: Kingma et al., arXiv 1606.04934; warm-up: Bowman et al., arXiv 1511.06349.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor


def kl_by_dimension(mean: Float[Tensor, "batch code"], log_variance: Float[Tensor, "batch code"]) -> Float[Tensor, "code"]:
    """KL(N(mean, variance) || N(0, 1)) of each dimension in nats, mean over the batch: near 0 where one has collapsed."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).mean(0)


def kl(
    mean: Float[Tensor, "batch code"], log_variance: Float[Tensor, "batch code"], free_bits: float = 0.05
) -> Float[Tensor, ""]:
    """Sum over dimensions of max(free_bits, KL of the dimension), in nats. Below free_bits a dimension has no gradient,
    so it is not squeezed out."""
    return kl_by_dimension(mean, log_variance).clamp(min=free_bits).sum()


def warm_up(images_seen: int, images: int, start: float = 0.1) -> float:
    """A factor on the weight: from `start` (1e-4 -> 1e-3 in our design) up to 1 in a straight line over `images`."""
    return 1.0 if images_seen >= images else start + (1 - start) * images_seen / images
