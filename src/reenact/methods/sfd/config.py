"""Every size of the method. All are ours: the paper's full text was not available to us. The rendering network is as large as
mmfa's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reenact.nn.sizes import Sizes

POSE_SIZE = 6
"""motion directions that are pose: yaw, pitch, roll, log scale, x, y"""


@dataclass(frozen=True)
class Config(Sizes):
    method: str = "sfd"
    descriptor_size: int = 512
    """length of a descriptor"""
    identity_size: int = 448
    """directions of the identity subspace"""
    expression_size: int = 58
    """directions of the motion subspace besides the six of pose. 448 + 6 + 58 = 512: the basis is complete"""
    basis: Literal["orthonormal", "free"] = "orthonormal"
    """free: the learned matrix as it is, to be compared with"""

    def __post_init__(self) -> None:
        asked = self.identity_size + self.motion_size
        if asked > self.descriptor_size:
            raise ValueError(f"{asked} directions do not fit into {self.descriptor_size} numbers at right angles")

    @property
    def motion_size(self) -> int:
        """Directions of the motion subspace."""
        return POSE_SIZE + self.expression_size


COMPACT = Config(identity_size=64, expression_size=14)
"""20 motion directions and 64 of identity: an incomplete basis"""
