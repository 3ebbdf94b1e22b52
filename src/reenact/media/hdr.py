"""A frame of an HDR film (HLG, as phones take it, or PQ) as ordinary screens show it: read as it is stored, skin is gray.

Transfer functions: ITU-R BT.2100; reference white at 203 cd/m2: BT.2408.
"""

from __future__ import annotations

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Image

PQ, HLG = 16, 18
"""codes of ITU-T H.273 for transfer characteristics"""
WHITE = 203.0
"""cd/m2 of what is white on paper; highlights lie beyond"""
PEAK, GAMMA = 1000.0, 1.2
"""cd/m2 of the screen that HLG is meant for, and its system gamma"""
LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)
"""of BT.2020"""
TO_SRGB = np.array([[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32)
"""linear BT.2020 -> linear sRGB"""
KNEE = 0.8
"""ours: of white; from here on highlights are pressed together"""
STRIP = 256
"""ours: rows at a time, so that a large picture takes little memory"""


def is_hdr(transfer: int) -> bool:
    """Whether pictures with this code of transfer characteristics are HDR."""
    return transfer in (PQ, HLG)


def as_sdr(image: Image, transfer: int) -> Image:
    """The picture, decoded from `transfer` (PQ or HLG, BT.2020's primaries), as sRGB."""
    out = np.empty_like(image)
    for top in range(0, len(image), STRIP):
        out[top : top + STRIP] = _strip(image[top : top + STRIP].astype(np.float32) / np.float32(255), transfer)
    return out


def _strip(signal: Float32[np.ndarray, "h w 3"], transfer: int) -> Image:
    shown = ((_pq(signal) if transfer == PQ else _hlg(signal)) / np.float32(WHITE)) @ TO_SRGB.T
    shown = shown.clip(0)
    most = shown.max(-1, keepdims=True)
    pressed = KNEE + (1 - KNEE) * -np.expm1(-(most - KNEE) / (1 - KNEE))
    shown *= np.where(most > KNEE, pressed / np.maximum(most, KNEE), 1)
    coded = np.where(shown <= 0.0031308, 12.92 * shown, 1.055 * np.maximum(shown, 0.0031308) ** (1 / 2.4) - 0.055)
    return (255 * coded).round().clip(0, 255).astype(np.uint8)


def _pq(signal: Float32[np.ndarray, "h w 3"]) -> np.ndarray:
    """cd/m2."""
    root = signal ** np.float32(32 / 2523)
    return 10000 * ((root - 0.8359375).clip(0) / (18.8515625 - 18.6875 * root)) ** (16384 / 2610)


def _hlg(signal: Float32[np.ndarray, "h w 3"]) -> np.ndarray:
    """cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(signal <= 0.5, signal**2 / 3, (np.exp((signal - c) / a) + b) / 12).astype(np.float32)
    luma = np.maximum(scene @ LUMA, 1e-6)[..., None]
    return PEAK * luma ** (GAMMA - 1) * scene
