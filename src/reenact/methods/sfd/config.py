"""Every size of the method. All are ours: the paper's full text was not available to us. What draws is as large as mmfa's."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

POSE_SIZE = 6
"""motion directions that are pose: yaw, pitch, roll, log scale, x, y"""


@dataclass(frozen=True)
class Config:
    method: str = "sfd"
    size: int = 256
    """side of the pictures, px"""
    mesh_keypoints: int = 40
    """keypoints on the face, which are read out of a descriptor"""
    shell_keypoints: int = 7
    """keypoints around the head, which only follow its pose"""
    descriptor_size: int = 512
    """length of a descriptor"""
    identity_size: int = 448
    """directions of the identity subspace"""
    expression_size: int = 58
    """directions of the motion subspace besides the six of pose. 448 + 6 + 58 = 512: the basis is complete"""
    basis: Literal["orthonormal", "free"] = "orthonormal"
    """free: the learned matrix as it is, to be compared with"""
    first_view: int = 64
    """side of the encoder's first look, at the whole picture, px"""
    first_widths: tuple[int, ...] = (16, 24, 40, 64)
    motion_view: int = 128
    """side of its second look, at the face, px"""
    motion_widths: tuple[int, ...] = (24, 40, 80, 144, 224)
    motion_squeeze: int = 64
    """channels that the linear layer behind it reads"""
    source_widths: tuple[int, int, int] = (32, 64, 128)
    """channels of the source pyramid at 1/2, 1/4, 1/8 of the side"""
    flow_size: int = 64
    """side of the dense motion's grid, whatever the picture's"""
    flow_widths: tuple[int, int, int] = (32, 64, 96)

    def __post_init__(self) -> None:
        asked = self.identity_size + self.motion_size
        if asked > self.descriptor_size:
            raise ValueError(f"{asked} directions do not fit into {self.descriptor_size} numbers at right angles")

    @property
    def keypoints(self) -> int:
        return self.mesh_keypoints + self.shell_keypoints

    @property
    def motion_size(self) -> int:
        """Directions of the motion subspace."""
        return POSE_SIZE + self.expression_size


COMPACT = Config(identity_size=64, expression_size=14)
"""20 motion directions and 64 of identity: an incomplete basis"""
