"""Every size of the method. All are ours: the paper's full text was not available to us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Transform = Literal["mmfa", "liveportrait", "facevid2vid"]
"""equations of the keypoints: transform.py"""


@dataclass(frozen=True)
class Config:
    method: str = "mmfa"
    size: int = 256
    """side of the pictures, px"""
    mesh_keypoints: int = 40
    """keypoints on the face, which expression moves"""
    shell_keypoints: int = 7
    """keypoints around the head, which only follow its pose"""
    expression_size: int = 32
    """length of the expression code"""
    first_view: int = 64
    """side of the motion encoder's first look, at the whole picture, px"""
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
    transform: Transform = "mmfa"
    """where the expression's offsets enter; the other two are there to be compared with"""
    offsets: Literal["free", "without_pose"] = "free"
    """without_pose: shift, turn and change of size are taken out of the offsets (projection.py)"""
    code: Literal["plain", "gaussian"] = "plain"
    """gaussian: the encoder says a mean and a variance, pulled towards the unit Gaussian in training (a VAE)"""

    def __post_init__(self) -> None:
        if self.offsets == "without_pose" and self.transform != "mmfa":
            raise ValueError(f"offsets of the transform {self.transform!r} are not in the head's frame: leave them free")

    @property
    def keypoints(self) -> int:
        return self.mesh_keypoints + self.shell_keypoints

    @property
    def moved_keypoints(self) -> int:
        """Those with offsets: where there is no scale, the offsets carry the head's size, the shell's too."""
        return self.keypoints if self.transform == "facevid2vid" else self.mesh_keypoints
