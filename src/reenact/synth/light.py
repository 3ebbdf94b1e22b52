"""Light and what is behind the head: drawn from a seed, no files. All figures are ours."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32, UInt8
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFilter

LIGHTS = 3
FACE_BRIGHTNESS = 0.80
"""what a frontal white patch gives back, linear"""
SCENES = ("studio", "window", "sun", "office", "evening")


@dataclass(frozen=True)
class Lighting:
    """Lamps far away, and the rest of the room as light from all around that depends linearly on the direction."""

    directions: Float32[np.ndarray, "3 3"]
    """unit vectors towards the lamps, x right, y up, z to the camera"""
    colours: Float32[np.ndarray, "3 3"]
    ambient: Float32[np.ndarray, "4 3"]
    """constant, and per unit of the normal's x, y, z"""


def draw_lighting(random: np.random.Generator) -> Lighting:
    """One of five kinds: studio, window, sun, office, evening."""
    kind = random.choice(SCENES)
    side = random.choice([-1, 1])
    angle = random.uniform(0.3, 1.2) * side
    if kind == "studio":
        placed = [(angle, random.uniform(0.2, 0.7), 1.0), (-angle, random.uniform(0, 0.4), random.uniform(0.15, 0.6))]
        placed.append((np.pi - angle * 0.5, 0.5, random.uniform(0, 1.2)))
        fill, tint = random.uniform(0.10, 0.30), random.normal(0, 0.04)
    elif kind == "window":
        placed = [(side * random.uniform(0.5, 1.5), random.uniform(-0.1, 0.4), 1.0), (angle * 0.4, 0.3, 0.35), (-angle, 0.1, 0.1)]
        fill, tint = random.uniform(0.25, 0.5), random.normal(-0.06, 0.05)
    elif kind == "sun":
        placed = [(random.uniform(-1.6, 1.6), random.uniform(0.4, 1.0), 1.0), (-angle, 0.2, 0.2), (angle * 2, 0.8, 0.2)]
        fill, tint = random.uniform(0.3, 0.6), random.normal(0.06, 0.04)
    elif kind == "office":
        placed = [(0.5 * angle, 1.0, 1.0), (-0.8 * angle, 0.8, 0.8), (angle, 0.15, 0.4)]
        fill, tint = random.uniform(0.3, 0.6), random.normal(-0.02, 0.05)
    else:
        placed = [(angle, random.uniform(-0.2, 0.3), 1.0), (-1.3 * angle, 0.1, 0.5), (np.pi + angle, 0.3, 0.9)]
        fill, tint = random.uniform(0.08, 0.25), random.normal(0.18, 0.1)
    return _lighting(np.array(placed), fill, tint, random, colourful=kind == "evening")


def _lighting(placed: np.ndarray, fill: float, tint: float, random: np.random.Generator, colourful: bool) -> Lighting:
    """placed: rows of azimuth (0 at the camera, > 0 to the right), elevation, strength. tint > 0 is warm."""
    azimuth, elevation, strength = placed.T
    directions = np.stack([np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)], 1)
    warm = tint + random.normal(0, 0.12 if colourful else 0.03, len(placed))
    colours = strength[:, None] * np.exp(np.stack([warm, np.zeros(len(warm)), -1.3 * warm], 1))
    cool = np.exp(np.array([-0.5, 0, 0.65]) * (tint + random.normal(0, 0.04)))
    ambient = fill * np.stack(
        [cool, cool * random.normal(0, 0.15), cool * random.uniform(0.2, 0.6), cool * random.uniform(0, 0.3)]
    )
    faces = np.array([[0, 0.15, 1], [0.6, 0.1, 0.8], [-0.6, 0.1, 0.8]])
    faces = faces / np.linalg.norm(faces, axis=1, keepdims=True)
    lamps = np.einsum("lf,lc->fc", np.maximum(directions @ faces.T, 0), colours)
    white = (lamps + ambient[0] + faces @ ambient[1:]).mean(0) @ [0.2, 0.7, 0.1]
    gain = FACE_BRIGHTNESS * np.exp(random.normal(0, 0.15)) / white
    return Lighting(directions.astype(np.float32), (colours * gain).astype(np.float32), (ambient * gain).astype(np.float32))


def draw_backdrop(random: np.random.Generator, size: int = 256) -> UInt8[np.ndarray, "size size 3"]:
    """A wall, a room, lamps out of focus, leaves, or cloth, blurred as behind a portrait."""
    kind = random.choice(["wall", "room", "bokeh", "leaves", "cloth"], p=[0.25, 0.3, 0.15, 0.15, 0.15])
    base = _muted(random)
    picture = np.broadcast_to(base, (size, size, 3)).astype(np.float64)
    y, x = np.mgrid[0:size, 0:size] / size - 0.5
    if kind == "room":
        picture = _room(picture, random)
    elif kind == "bokeh":
        picture = _bokeh(picture * 0.35, random)
    elif kind == "leaves":
        green = np.array([0.35, 0.5, 0.2]) * random.uniform(0.5, 1.3)
        picture = 0.15 + green * clouds(random, size, 5)[..., None] * 1.4 + 0.25 * (clouds(random, size, 4) > 0.72)[..., None]
    elif kind == "cloth":
        fold = np.sin(x * random.uniform(20, 70) + 3 * clouds(random, size, 2))
        picture = picture * (1 + 0.25 * fold[..., None])
    picture = picture * (0.85 + 0.3 * clouds(random, size, 3)[..., None])
    picture = picture * (1 + random.normal(0, 0.3) * x + random.normal(0, 0.3) * y)[..., None]
    image = PILImage.fromarray((np.clip(picture, 0, 1) * 255).astype(np.uint8))
    blur = size / 256 * (random.uniform(0.5, 2.0) if kind in ("wall", "cloth") else np.exp(random.uniform(0.2, 2.2)))
    noisy = np.asarray(image.filter(ImageFilter.GaussianBlur(float(blur)))) + random.normal(0, 1.2, (size, size, 1))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def clouds(random: np.random.Generator, size: int, octaves: int) -> np.ndarray:
    """[size, size] smooth noise in 0..1: octaves of bicubic noise, each half as strong."""
    total = np.zeros((size, size))
    for octave in range(octaves):
        cells = 2 ** (octave + 1) + 1
        coarse = PILImage.fromarray(random.random((cells, cells)).astype(np.float32))
        total += np.asarray(coarse.resize((size, size), PILImage.Resampling.BICUBIC)) / 2**octave
    return np.clip(total / (2 - 0.5 ** (octaves - 1)), 0, 1)


def _muted(random: np.random.Generator) -> np.ndarray:
    grey = random.uniform(0.08, 0.92)
    return np.clip(grey * np.exp(random.normal(0, 0.25, 3) * random.uniform(0, 1)), 0, 1)


def _room(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    """Boxes of other colours: windows, pictures, shelves and doors."""
    size = picture.shape[0]
    image = PILImage.fromarray((picture * 255).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for _ in range(random.integers(3, 14)):
        wide, high = random.uniform(0.05, 0.6, 2) * size
        left, top = random.uniform(-0.2, 1.0, 2) * size
        colour = tuple(int(v) for v in _muted(random) * 255 * (2.0 if random.random() < 0.15 else 1.0))
        draw.rectangle((left, top, left + wide, top + high), fill=tuple(min(v, 255) for v in colour))
    return np.asarray(image) / 255.0


def _bokeh(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
    size = picture.shape[0]
    y, x = np.mgrid[0:size, 0:size]
    out = picture.copy()
    for _ in range(random.integers(10, 40)):
        radius = random.uniform(0.02, 0.08) * size
        inside = np.hypot(x - random.uniform(0, size), y - random.uniform(0, size)) < radius
        out[inside] += random.uniform(0.1, 0.6) * np.exp(random.normal(0, 0.4, 3))
    return out
