"""The term that only rendered pairs allow: source A, motion of B, and the truth, A rendered with that motion.

Real clips show no person with another's expression, so cross-identity reenactment has no truth there; a renderer has.
ours.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Term = Callable[[Tensor, Tensor], Tensor]
"""pictures, their truth -> one number; any of the terms of self-reenactment"""


def cross_identity(
    generated: Float[Tensor, "batch 3 side side"],
    truth: Float[Tensor, "batch 3 side side"],
    rendered: Bool[Tensor, " batch"],
    terms: Mapping[str, Term],
) -> dict[str, Float[Tensor, ""]]:
    """`terms` of those rows that have a truth, each under the name "cross_" + its own.

    generated: source A with the motion of B; truth: A rendered with it (anything where `rendered` is False). A batch
    without rendered rows gives zeros, whose gradients are zeros, so that all machines of a run see the same graph.
    """
    if not rendered.any():
        nothing = generated.sum() * 0
        return {f"cross_{name}": nothing for name in terms}
    ours, wanted = generated[rendered], truth[rendered].detach()
    return {f"cross_{name}": torch.as_tensor(term(ours, wanted)) for name, term in terms.items()}
