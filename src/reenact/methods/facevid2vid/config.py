"""Every size of the method: those of mmfa, so that a comparison shows the papers and not the budgets."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Config:
    method: str = "facevid2vid"
    size: int = 256
    """side of the pictures, px"""
    mesh_keypoints: int = 40
    """keypoints on the face"""
    shell_keypoints: int = 7
    """keypoints around the head, where canonical keypoints know of no person; offsets move them like any other"""
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

    @property
    def keypoints(self) -> int:
        return self.mesh_keypoints + self.shell_keypoints
