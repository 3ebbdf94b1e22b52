"""Head pose from landmarks: a weighted similarity fit of the canonical face (Procrustes, as in MediaPipe's geometry module).

The canonical face, its triangles and its weights are those of the landmarker's own file (Apache-2.0), kept beside this one as
plain arrays (tools/canonical_face.py made them).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float, Float32, Int64
from reenact.geometry.rotation import euler_angles


@dataclass(frozen=True)
class CanonicalFace:
    """MediaPipe's mean face in our axes (x right, y down, z towards the camera), one unit high, origin inside the head."""

    points: Float32[np.ndarray, "468 3"]
    triangles: Int64[np.ndarray, "faces 3"]
    weights: Float32[np.ndarray, "468"]
    """how much a point counts in the pose fit: 0 for what moves with expression"""
    mirror: Int64[np.ndarray, "468"]
    """the point on the other half of the face"""


@dataclass(frozen=True)
class HeadFit:
    """landmarks = scale * rotation @ canonical + translation, over a batch of faces."""

    rotation: Float32[np.ndarray, "*batch 3 3"]
    scale: Float32[np.ndarray, "*batch"]
    """in the landmarks' unit: the height of the mean face"""
    translation: Float32[np.ndarray, "*batch 3"]

    @property
    def head_pose(self) -> Float32[np.ndarray, "*batch 3"]:
        """yaw, pitch, roll in radians (geometry/rotation.py)"""
        return euler_angles(self.rotation)

    def unpose(self, landmarks: Float32[np.ndarray, "*batch n 3"]) -> Float32[np.ndarray, "*batch n 3"]:
        """The landmarks in the head's own frame: pose, scale and place taken out, shape and expression left."""
        moved = landmarks - self.translation[..., None, :]
        return moved @ self.rotation / self.scale[..., None, None]


@lru_cache(maxsize=1)
def canonical_face() -> CanonicalFace:
    """The canonical face that lies beside this file. Raises ReenactError when it is missing or damaged."""
    path = Path(__file__).with_name("canonical_face.npz")
    try:
        with np.load(path) as held:
            arrays = {name: held[name] for name in ("points", "triangles", "weights", "mirror")}
    except (OSError, ValueError, KeyError, BadZipFile):
        raise ReenactError(f"{path} is missing or damaged: install reenact anew") from None
    indices = {name: arrays[name].astype(np.int64) for name in ("triangles", "mirror")}
    return CanonicalFace(arrays["points"], indices["triangles"], arrays["weights"], indices["mirror"])


def fit_head(landmarks: Float[np.ndarray, "*batch n 3"]) -> HeadFit:
    """Weighted Procrustes: the similarity that lays the canonical face on the landmarks (n >= 468, any unit)."""
    face = canonical_face()
    used = face.weights > 0
    target = np.asarray(landmarks, np.float64)[..., np.flatnonzero(used), :]
    source = face.points[used].astype(np.float64)
    weight = (face.weights[used] / face.weights[used].sum()).astype(np.float64)[:, None]
    source_mean, target_mean = (weight * source).sum(0), (weight * target).sum(-2)
    source, target = source - source_mean, target - target_mean[..., None, :]
    covariance = np.swapaxes(target, -1, -2) @ (weight * source)
    left, singular, right = np.linalg.svd(covariance)
    sign = np.ones_like(singular)
    sign[..., -1] = np.sign(np.linalg.det(left @ right))
    rotation = (left * sign[..., None, :]) @ right
    scale = (singular * sign).sum(-1) / (weight * source**2).sum()
    translation = target_mean - scale[..., None] * (rotation @ source_mean)
    return HeadFit(rotation.astype(np.float32), np.asarray(scale, np.float32), translation.astype(np.float32))
