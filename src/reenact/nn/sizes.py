"""What all methods that move keypoints have in common in size, so that a comparison shows the papers and not the budgets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scales = Literal["one", "several", "each"]
Behind = Literal["drawn", "plate"]


@dataclass(frozen=True)
class Sizes:
    """A method's Config adds its own. All are ours."""

    size: int = 256
    """side of the pictures, px"""
    mesh_keypoints: int = 40
    """keypoints on the face, which expression moves"""
    shell_keypoints: int = 7
    """keypoints around the head"""
    first_view: int = 64
    """side of the motion encoder's first pass, at the whole picture, px"""
    first_widths: tuple[int, ...] = (16, 24, 40, 64)
    motion_view: int = 128
    """side of its second pass, at the face, px"""
    motion_widths: tuple[int, ...] = (24, 40, 80, 144, 224)
    motion_squeeze: int = 64
    """channels of the features, which a linear layer follows"""
    source_widths: tuple[int, int, int] = (32, 64, 128)
    """channels of the source pyramid at 1/2, 1/4, 1/8 of the side"""
    source_blocks: tuple[int, int, int] = (2, 3, 6)
    """residual blocks of the source encoder at 1/2, 1/4, 1/8 of the side; it runs once a portrait"""
    generator_blocks: tuple[int, int, int] = (1, 3, 6)
    """residual blocks of the generator at 1/2, 1/4, 1/8 of the side"""
    flow_blocks: tuple[int, int] = (2, 4)
    """residual blocks of the dense motion at 1/2 and 1/4 of its grid"""
    flow_size: int = 64
    """side of the dense motion's grid, whatever the picture's"""
    flow_widths: tuple[int, int, int] = (32, 64, 96)
    scales: Scales = "several"
    """several: the generator warps and hides the source at 1/8, 1/4, 1/2 and the full side; one: at 1/8 alone; each: as several,
    and pictures of 1/4 and 1/2 of the side are rendered in training too. To be compared (mmfa's multi-scale generator)"""

    backdrop: Behind = "plate"
    """disoccluded areas. drawn: filled by the generator, from the warped features; plate: nn/background.py's inpainted
    background, where nn/disocclusion.py says so"""

    @property
    def keypoints(self) -> int:
        return self.mesh_keypoints + self.shell_keypoints
