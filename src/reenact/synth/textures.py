"""Pictures that are laid on the meshes: skins mixed, eyes whitened, hair bled, garments recoloured. RGBA, 8 bits."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image as PILImage
from scipy import ndimage

from reenact.synth.light import clouds

Texture = UInt8[np.ndarray, "height width 4"]
IRISES = ((0.703, 0.297), (0.293, 0.703))
"""their centres in an eye texture, in its sides; measured on the nine files"""
IRIS_RADIUS = 0.120
OPAQUE = 100
"""alpha from which a texel's colour is trusted"""


def read_texture(path: Path) -> Texture:
    with PILImage.open(path) as picture:
        return np.array(picture.convert("RGBA"))


REDDEST = (0.57, 0.40)
"""green and blue of the other dark skins, in red's; one of the files (old_darkskinned_female) is brick red"""


def skin_texture(path: Path) -> Texture:
    """A skin, its green and blue raised where their medians fall short of REDDEST."""
    texture = read_texture(path)
    red, green, blue = np.median(texture[..., :3].reshape(-1, 3), axis=0)
    gain = np.maximum(1, red * np.array([0, *REDDEST]) / [1, max(green, 1), max(blue, 1)])
    out = texture.copy()
    out[..., :3] = np.clip(texture[..., :3] * gain, 0, 255).astype(np.uint8)
    return out


def mix(first: Texture, second: Texture, share: float) -> Texture:
    """`share` of the second picture, the rest of the first."""
    if first.shape != second.shape:
        second = np.asarray(PILImage.fromarray(second).resize(first.shape[1::-1], PILImage.Resampling.BILINEAR))
    return (first * (1 - share) + second * share).astype(np.uint8)


def bleed(texture: Texture) -> Texture:
    """Colours of the nearest opaque texels under the transparent ones, so that mip maps take up no fringe."""
    clear = texture[..., 3] < OPAQUE
    if clear.all() or not clear.any():
        return texture
    rows, columns = ndimage.distance_transform_edt(clear, return_distances=False, return_indices=True)
    out = texture.copy()
    out[..., :3] = texture[rows, columns, :3]
    return out


BROWN_IRIS = ((1.0, 0.62, 0.36), 0.55)
"""ours: the colour of a brown iris, sRGB, and its share; the files' own brown is nearly red"""


def eye_texture(texture: Texture, brown: bool) -> Texture:
    """The white of the eye nearly neutral and light, veins kept; brown irises less red."""
    height, width = texture.shape[:2]
    y, x = np.mgrid[0:height, 0:width] / np.array([height, width]).reshape(2, 1, 1)
    distance = np.min([np.hypot(x - cx, y - cy) for cx, cy in IRISES], axis=0)
    outside = np.clip((distance - IRIS_RADIUS) / 0.015, 0, 1)[..., None] * (texture[..., 3:] > 0)
    colour = texture[..., :3] / 255.0
    grey = colour.mean(-1, keepdims=True)
    white = np.clip((grey + 0.45 * (colour - grey)) * 1.22, 0, 0.97)
    if brown:
        hue, share = BROWN_IRIS
        colour = (1 - share) * colour * [0.8, 1, 1] + share * 1.7 * grey * np.array(hue)
    out = texture.copy()
    out[..., :3] = (255 * np.clip(colour * (1 - outside) + white * outside, 0, 1)).astype(np.uint8)
    return out


def recolour(texture: Texture, colours: np.ndarray, pattern: int, random: np.random.Generator) -> Texture:
    """A garment in two other colours (linear RGB), its folds kept: texels far from its main colour take the second.

    pattern: 0 plain, 1 stripes, 2 checks, 3 mottled.
    """
    linear = (texture[..., :3] / 255.0) ** 2.2
    light = linear @ [0.2, 0.7, 0.1]
    middle = np.median(linear[texture[..., 3] > 128], axis=0)
    hue, main = linear / (linear.sum(-1, keepdims=True) + 1e-4), middle / (middle.sum() + 1e-4)
    other = np.clip(np.abs(hue - main).sum(-1) * 4 - 0.6, 0, 1)
    other = np.maximum(other, _pattern(pattern, texture.shape[0], random))[..., None]
    shade = np.clip(light / max(float(middle @ [0.2, 0.7, 0.1]), 0.02), 0.25, 1.8)[..., None]
    painted = (colours[0] * (1 - other) + colours[1] * other) * shade
    out = texture.copy()
    out[..., :3] = (255 * np.clip(painted, 0, 1) ** (1 / 2.2)).astype(np.uint8)
    return out


def _pattern(kind: int, size: int, random: np.random.Generator) -> np.ndarray:
    y, x = np.mgrid[0:size, 0:size] / size
    angle, count = random.choice([0.0, np.pi / 2]), random.uniform(20, 70)
    waves = [np.sin(2 * np.pi * count * (x * np.cos(a) + y * np.sin(a))) > 0.3 for a in (angle, angle + np.pi / 2)]
    if kind == 1:
        return waves[0] * 0.8
    if kind == 2:
        return (waves[0] * 0.5 + waves[1] * 0.5) * 0.8
    if kind == 3:
        return np.clip((clouds(random, size, 7) - 0.5) * 8, 0, 1)
    return np.zeros((size, size))
