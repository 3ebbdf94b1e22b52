"""Clips, photos and a stand-in landmarker for the data tests: a face is a red square, so every box is known."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from clips import write_clip
from reenact.data.jpeg import encode
from reenact.data.shards import Clip, ClipInfo
from reenact.faces.landmarker import Face
from reenact.faces.pose import canonical_face

BACKGROUND = (40, 60, 90)


def picture(x: float, y: float, side: float, width: int = 320, height: int = 240, back=BACKGROUND) -> np.ndarray:
    """A red square with this centre and side on a plain ground."""
    image = np.full((height, width, 3), back, np.uint8)
    half = side / 2
    image[max(0, round(y - half)) : max(0, round(y + half)), max(0, round(x - half)) : max(0, round(x + half))] = (250, 10, 10)
    return image


def square_of(image: np.ndarray) -> tuple[float, float, float, float] | None:
    """left, top, right, bottom of the red, px."""
    red = (image[..., 0] > 170) & (image[..., 1] < 90) & (image[..., 2] < 90)
    if red.sum() < 64:
        return None
    rows, columns = np.flatnonzero(red.any(1)), np.flatnonzero(red.any(0))
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


class SquareLandmarker:
    """Reads the canonical face, facing the camera, into the red square."""

    def __init__(self, threads: int = 0) -> None:
        self.mesh = np.concatenate([canonical_face().points, np.zeros((10, 3), np.float32)])

    def detect(self, image: np.ndarray) -> list[Face]:
        box = square_of(image)
        if box is None:
            return []
        low, high = self.mesh[:, :2].min(0), self.mesh[:, :2].max(0)
        unit = (box[3] - box[1]) / (high[1] - low[1])
        centre = np.float32([(box[0] + box[2]) / 2, (box[1] + box[3]) / 2, 0])
        middle = np.float32([*(low + high) / 2, 0])
        return [Face(((self.mesh - middle) * unit + centre).astype(np.float32), 1.0)]

    def track(self, image: np.ndarray, last: Face) -> Face | None:
        return next(iter(self.detect(image)), None)

    def blendshapes(self, face: Face) -> np.ndarray:
        return np.linspace(0, 1, 52).astype(np.float32)


def video(path: Path, images: list[np.ndarray], rate: int = 25) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_clip(path, images, Fraction(rate))


def photo(path: Path, image: np.ndarray) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    PILImage.fromarray(image).save(path, quality=95)
    return path


def clip(
    key: str, frames: int = 4, identity: str = "anna", split: str = "train", motion: str = "", size: int = 256, seed: int = 0
) -> Clip:
    """A ready clip: noisy grays that tell key and frame apart, a face in random poses."""
    from reenact.faces.pose import fit_head
    from reenact.geometry.rotation import rotation_matrix

    random = np.random.default_rng([seed, *key.encode()])
    mesh = np.concatenate([canonical_face().points, np.zeros((10, 3), np.float32)])
    poses = random.uniform(-0.5, 0.5, (frames, 3))
    landmarks = (1.1 * mesh @ np.swapaxes(rotation_matrix(poses), -1, -2) * size / 2).astype(np.float32)
    landmarks[..., :2] += size / 2
    truth = {
        "time": np.arange(frames) / 25,
        "landmarks": landmarks,
        "blendshapes": random.uniform(0, 1, (frames, 52)).astype(np.float32),
        "head_pose": fit_head(landmarks / np.float32(size / 2)).head_pose,
    }
    if motion:
        truth |= {
            "exact_blendshapes": truth["blendshapes"],
            "exact_pose": poses.astype(np.float32),
            "gaze": np.zeros((frames, 2), np.float32),
        }
    base = int(random.integers(30, 200))
    images = [np.full((size, size, 3), base + number, np.uint8) for number in range(frames)]
    info = ClipInfo(
        key,
        identity,
        split,
        frames,
        frames / 25,
        size,
        f"{key}.mp4",
        "rendered" if motion else "C",
        "test",
        motion,
        {"sharpness": 5.0},
    )
    return Clip(info, [encode(image) for image in images], truth)
