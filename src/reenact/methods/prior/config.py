"""Every size of the method: those of mmfa, so that a comparison shows the papers and not the budgets; and the prior's own."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    method: str = "prior"
    size: int = 256
    """side of the pictures, px"""
    mesh_points: int = 478
    """points of the prior's face mesh"""
    coefficients: int = 52
    """numbers that the prior says of an expression: faces/blendshapes.py, in their order"""
    residual_size: int = 8
    """numbers for what the prior cannot say"""
    expression_size: int = 60
    """both together: what is sent of an expression"""
    identity_size: int = 32
    """numbers for the shape of a person's face"""
    mesh_keypoints: int = 40
    """keypoints on the face: combinations of mesh points"""
    shell_keypoints: int = 7
    """free keypoints around the head, for hair, ears and shoulders"""
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
    alignment: str = "absolute"
    """how a portrait follows a driver unless told otherwise (animate/transfer.py): the prior's pose needs no first frame"""

    def __post_init__(self) -> None:
        if self.expression_size != self.coefficients + self.residual_size:
            raise ValueError("expression_size must be coefficients + residual_size")

    @property
    def keypoints(self) -> int:
        return self.mesh_keypoints + self.shell_keypoints
