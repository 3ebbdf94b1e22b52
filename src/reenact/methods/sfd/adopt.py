"""mmfa's weights as a start: the same two passes, the same keypoints, now decoded from a descriptor.

ours. Two CPU cores cannot train a renderer from nothing; the rendering network is shared, and mmfa's motion encoder is linear
in one feature up to the expression's decoder, so it can be said in coefficients without loss: X carries the feature, Y the
expression code.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from torch import Tensor

from reenact.methods.sfd.config import POSE_SIZE
from reenact.methods.sfd.parts import DESCRIPTOR_GAIN

MARK = "motion.canonical.weight"
"""a name that mmfa's weights have and ours have not"""
SHARED = ("source.", "dense_motion.", "generator.")
FRESH = 0.05
"""ours: initial weight of the expression coefficients that mmfa has no counterpart of"""


@torch.no_grad()
def adopted(tensors: Mapping[str, Tensor], fresh: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """mmfa's tensors by our names, a fresh model's state filling the gaps; other tensors as they are.

    Exact for mmfa's plain form; of a Gaussian code it takes the mean, and offsets are taken as they are decoded.
    """
    if MARK not in tensors or "expression.layers.0.weight" not in tensors:
        return dict(tensors)
    own = {name: value.clone() for name, value in fresh.items()}
    identity_size, expression_size = (len(own[f"motion.{name}.linear.bias"]) for name in ("identity", "expression"))
    made = {name: value for name, value in tensors.items() if name.startswith(SHARED)}
    kept = {name: value for name, value in tensors.items() if name.startswith("motion.") and name in own}
    parts = ("motion.", "space.", "read_out.", "correction.")
    made |= {name: value for name, value in own.items() if name.startswith(parts)} | kept
    made["read_out.template"] = tensors["motion.template"]

    basis = own["space.fixed"]
    about_identity, about_expression = basis[:, :identity_size], basis[:, identity_size + POSE_SIZE :]

    shape = tensors[MARK].float()
    directions = torch.linalg.svd(shape, full_matrices=True).Vh[:identity_size]
    made["motion.identity.linear.weight"][: len(directions)] = directions
    made["motion.identity.linear.bias"].zero_()
    made["read_out.layers.linear.weight"] = shape @ directions.T @ about_identity[:, : len(directions)].T / DESCRIPTOR_GAIN
    made["read_out.layers.linear.bias"] = tensors["motion.canonical.bias"].float()

    code = tensors["motion.expression.weight"].float()
    count = min(len(code), expression_size)
    for name in ("weight", "bias"):
        value = made[f"motion.expression.linear.{name}"]
        value *= FRESH
        value[:count] = tensors[f"motion.expression.{name}"][:count]

    enter, shift = tensors["expression.layers.0.weight"].float(), tensors["expression.layers.0.bias"].float()
    leave = tensors["expression.layers.2.weight"].float()
    width = len(enter)
    heard = FRESH * torch.randn(width, expression_size, generator=torch.Generator().manual_seed(1))
    heard[:, :count] = enter[:, :count]
    made["read_out.layers.inner.weight"][:width] = heard @ about_expression.T / DESCRIPTOR_GAIN
    made["read_out.layers.inner.bias"][:width] = shift
    made["read_out.layers.outer.weight"].zero_()
    made["read_out.layers.outer.weight"][:, :width] = leave
    made["read_out.layers.outer.bias"] = -leave @ F.gelu(shift)
    return made
