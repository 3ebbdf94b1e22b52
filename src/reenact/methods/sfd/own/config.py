"""Every size of the form. All are ours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Config:
    method: str = "sfd_own"
    size: int = 128
    """side of the pictures, px"""
    descriptor_size: int = 256
    """length of a descriptor"""
    identity_size: int = 216
    """directions of the identity subspace"""
    motion_size: int = 40
    """directions of the motion subspace. 216 + 40 = 256: the basis is complete; 40 is LIA-X's number of motion directions"""
    basis: Literal["orthonormal", "free"] = "orthonormal"
    encoder_widths: tuple[int, ...] = (32, 48, 96, 144, 224)
    """channels of the encoder of descriptors, at 1/2, 1/4, ... of the side"""
    encoder_squeeze: int = 64
    features: int = 384
    source_widths: tuple[int, int, int] = (32, 64, 128)
    """channels of the source's features at 1/2, 1/4, 1/8 of the side"""
    source_blocks: tuple[int, int, int] = (1, 2, 3)
    style: int = 256
    """numbers that every level of the generator is modulated by"""

    def __post_init__(self) -> None:
        if self.identity_size + self.motion_size != self.descriptor_size:
            raise ValueError("the basis is complete: identity_size + motion_size must be descriptor_size")
        if self.size % 2 ** len(self.encoder_widths):
            raise ValueError(f"the encoder halves {self.size} px {len(self.encoder_widths)} times: take a multiple")
