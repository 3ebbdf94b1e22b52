"""The descriptors' space: one learned orthonormal basis, part of it for who it is, the rest for what the face does.

w = X a + Y b with Q = [X | Y], Q^T Q = 1, so a = X^T w and b = Y^T w (methods.md 2.3). QR with the signs of R's diagonal made
positive is the Gram-Schmidt process in another order of arithmetic, and keeps its columns at right angles to rounding.
"""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.nn.blocks import exact

PACE = 0.03
"""ours: an optimiser moves every number alike; a basis of numbers near .04 would turn faster than its readers follow"""


@runtime_checkable
class Subspaces(Protocol):
    """What a Config must say of the space."""

    @property
    def descriptor_size(self) -> int: ...
    @property
    def identity_size(self) -> int: ...
    @property
    def motion_size(self) -> int: ...
    @property
    def basis(self) -> str: ...


class Space(nn.Module):
    """Coefficients -> descriptor, and back."""

    def __init__(self, config: Subspaces) -> None:
        super().__init__()
        self.identity_size = config.identity_size
        self.free = config.basis == "free"
        made = torch.empty(config.descriptor_size, config.identity_size + config.motion_size)
        nn.init.orthogonal_(made, generator=torch.Generator().manual_seed(0))
        self.register_buffer("fixed", made)
        self.change = nn.Parameter(torch.zeros_like(made))

    def train(self, mode: bool = True) -> Space:
        """Leaving training, what has been learned goes into the basis, which is then used as it stands."""
        if not mode and self.training:
            with torch.no_grad():
                self.fixed.copy_(self.basis())
                self.change.zero_()
        return super().train(mode)

    @exact
    def basis(self) -> Float[Tensor, "descriptor coefficient"]:
        """Q. While training it is made anew of the learned matrix, with gradients; else it stands."""
        if not self.training:
            return self.fixed
        learned = self.fixed + PACE * self.change.float()
        return learned if self.free else orthonormal(learned)

    @exact
    def forward(
        self, identity: Float[Tensor, "batch identity"], motion: Float[Tensor, "batch motion"]
    ) -> Float[Tensor, "batch descriptor"]:
        """w = X a + Y b."""
        return F.linear(torch.cat([identity, motion], 1), self.basis())

    @exact
    def coefficients(
        self, descriptor: Float[Tensor, "batch descriptor"]
    ) -> tuple[Float[Tensor, "batch identity"], Float[Tensor, "batch motion"]]:
        """a = X^T w, b = Y^T w."""
        found = descriptor @ self.basis()
        return found[:, : self.identity_size], found[:, self.identity_size :]


def orthonormal(matrix: Float[Tensor, "row column"]) -> Float[Tensor, "row column"]:
    """The columns made orthonormal, each the part of its own that the columns before it lack. Needs rows >= columns and full
    rank. An orthonormal matrix stays as it is."""
    basis, upper = torch.linalg.qr(matrix)
    return basis * torch.where(upper.diagonal() < 0, -1.0, 1.0)


def off_orthonormal(basis: Float[Tensor, "row column"]) -> Float[Tensor, ""]:
    """max |Q^T Q - 1|"""
    return (basis.T @ basis - torch.eye(basis.shape[1], device=basis.device)).abs().max()
