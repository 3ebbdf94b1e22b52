"""Which orthonormal directions span the expression's part of the motion subspace is free: here they are turned until each of the
first says one action of the face.

ours. Y R with R orthogonal spans what Y spans, and R^T b are the same descriptor's coefficients, so no rendered frame changes.
The directions are Gram-Schmidt of the actions' own, those that move most first; what is left is ordered by variance.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float

from reenact.core.groups import off_the_mean
from reenact.methods.sfd.config import POSE_SIZE
from reenact.methods.sfd.model import Sfd

RIDGE = 1e-2
"""ours: of an action's variance"""
OWN_SHARE = 0.4
"""ours: a direction of which the earlier ones leave less than this (of its length) is no direction of its own"""


def directions(
    codes: Float[np.ndarray, "n code"], actions: Float[np.ndarray, "n action"], person: np.ndarray
) -> tuple[Float[np.ndarray, "code code"], list[int]]:
    """An orthogonal matrix whose columns are directions of the code, and which action each of the first columns is.

    A direction is what the code does, within a person, when one action changes and the others do not (ridge regression).
    """
    code, action = off_the_mean(codes, person), off_the_mean(actions, person)
    action = action / np.maximum(action.std(0), 1e-6)
    live = action.std(0) > 0.5
    gram = action.T @ action / len(action) + RIDGE * np.eye(action.shape[1])
    moved = np.linalg.solve(gram, action.T @ code / len(action))
    found: list[np.ndarray] = []
    named: list[int] = []
    for number in np.argsort(-np.linalg.norm(moved, axis=1)):
        if not live[number] or len(found) == code.shape[1]:
            continue
        own = _left(moved[number], found)
        if np.linalg.norm(own) > OWN_SHARE * np.linalg.norm(moved[number]):
            found.append(own / np.linalg.norm(own))
            named.append(int(number))
    rest = code - sum((np.outer(code @ one, one) for one in found), np.zeros_like(code))
    # Directions that are taken have no variance left, so they come last.
    others = np.linalg.eigh(rest.T @ rest)[1][:, ::-1].T
    for other in others:
        own = _left(_left(other, found), found)
        if len(found) < code.shape[1] and np.linalg.norm(own) > 1e-3:
            found.append(own / np.linalg.norm(own))
    return np.stack(found, 1), named


@torch.no_grad()
def turn(model: Sfd, matrix: Float[np.ndarray, "code code"]) -> None:
    """The expression's coefficients become matrix^T times what they were, its directions Y matrix: every descriptor stays."""
    turned = torch.from_numpy(np.ascontiguousarray(matrix)).float()
    head = model.motion.expression
    for layer in (head.linear, head.outer):
        layer.weight.copy_(turned.T @ layer.weight)
        layer.bias.copy_(turned.T @ layer.bias)
    first = model.config.identity_size + POSE_SIZE
    model.eval().space.fixed[:, first:] = model.space.fixed[:, first:] @ turned


def _left(vector: np.ndarray, found: list[np.ndarray]) -> np.ndarray:
    """What of a vector is at right angles to all that were found."""
    for one in found:
        vector = vector - (vector @ one) * one
    return vector
