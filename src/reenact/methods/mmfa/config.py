"""Every size of the method. All are ours: the paper's full text was not available to us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reenact.nn.sizes import Sizes

Transform = Literal["mmfa", "liveportrait", "facevid2vid"]
"""equations of the keypoints: transform.py"""


@dataclass(frozen=True)
class Config(Sizes):
    method: str = "mmfa"
    expression_size: int = 32
    """length of the expression code"""
    transform: Transform = "mmfa"
    """where the expression's offsets enter; the other two are there to be compared with"""
    offsets: Literal["free", "without_pose"] = "free"
    """without_pose: shift, turn and change of size are taken out of the offsets (projection.py)"""
    rigid: Literal["landmarks", "all"] = "landmarks"
    """keypoints that say where a head is (projection.py): its RIGID, or all, where no keypoint has a name"""
    code: Literal["plain", "gaussian"] = "plain"
    """gaussian: the encoder says a mean and a variance, pulled towards the unit Gaussian in training (a VAE)"""
    free_keypoints: int = 0
    """2-D keypoints beside the others, which no pose and no expression moves (hybrid.py)"""

    def __post_init__(self) -> None:
        if self.offsets == "without_pose" and self.transform != "mmfa":
            raise ValueError(f"offsets of the transform {self.transform!r} are not in the head's frame: leave them free")

    @property
    def moved_keypoints(self) -> int:
        """Those with offsets: where there is no scale, the offsets carry the head's size, the shell's too."""
        return self.keypoints if self.transform == "facevid2vid" else self.mesh_keypoints
