"""Every size of the method: those of mmfa, so that a comparison shows the papers and not the budgets; and the prior's own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reenact.nn.sizes import Sizes


@dataclass(frozen=True)
class Config(Sizes):
    method: str = "prior"
    mesh_points: int = 478
    """points of the prior's face mesh"""
    coefficients: int = 52
    """the prior's expression coefficients: faces/blendshapes.py, in their order"""
    residual_size: int = 8
    """numbers for what the prior cannot say"""
    expression_size: int = 60
    """both together: what is sent of an expression"""
    identity_size: int = 32
    """numbers for the shape of a person's face"""
    visibility: Literal["told", "explicit"] = "told"
    """told: the dense motion is given which parts face the camera, now and in the source; explicit: what faces it now and did
    not then is occluded, before the network says anything (parts.py)"""
    alignment: str = "absolute"
    """the default transfer of motion (motion/transfer.py): the prior's pose needs no first frame"""

    def __post_init__(self) -> None:
        if self.expression_size != self.coefficients + self.residual_size:
            raise ValueError("expression_size must be coefficients + residual_size")
