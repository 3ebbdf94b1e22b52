"""Head pose from landmarks: a weighted similarity fit of the canonical face (Procrustes, as in MediaPipe's geometry module).

The canonical face, its triangles and its weights lie in the landmarker's own file (Apache-2.0), as a protocol buffer that
is read here field by field, so that no protobuf package is needed.
"""

from __future__ import annotations

import zipfile
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from jaxtyping import Float32, Int64

from reenact.core.assets import fetch
from reenact.geometry.rotation import euler_angles

_VERTEX_TYPES_SIZE = 5  # x, y, z, u, v


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
    """The canonical face out of the landmarker's file. Raises ReenactError when the file is not to be had."""
    with zipfile.ZipFile(fetch("face_landmarker.task")) as task:
        metadata = _fields(task.read("geometry_pipeline_metadata_landmarks.binarypb"))
    mesh = _fields(next(value for number, value in metadata if number == 1))
    floats = np.frombuffer(b"".join(value for number, value in mesh if number == 3), "<f4")
    points = floats.reshape(-1, _VERTEX_TYPES_SIZE)[:, :3] * np.float32([1, -1, 1])
    triangles = np.array([value for number, value in mesh if number == 4], np.int64).reshape(-1, 3)
    weights = np.zeros(len(points), np.float32)
    for number, value in metadata:
        if number == 2:
            basis = dict(_fields(value))
            weights[int(basis.get(1, 0))] = np.frombuffer(basis[2], "<f4")[0]
    low, high = points.min(0), points.max(0)
    # ours: origin in the middle of the face's box but as deep as its rearmost points, near where a head turns.
    origin = np.float32([0, (low[1] + high[1]) / 2, low[2]])
    points = (points - origin) / (high[1] - low[1])
    mirrored = points * np.float32([-1, 1, 1])
    mirror = np.linalg.norm(mirrored[:, None] - points[None], axis=-1).argmin(1)
    return CanonicalFace(points, triangles, weights, mirror)


def fit_head(landmarks: Float32[np.ndarray, "*batch n 3"]) -> HeadFit:
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
    return HeadFit(rotation.astype(np.float32), scale.astype(np.float32), translation.astype(np.float32))


def _fields(message: bytes) -> list[tuple[int, bytes | int]]:
    """A protocol buffer message as (field number, value) pairs: numbers for varints, bytes for the rest."""
    out: list[tuple[int, bytes | int]] = []
    position = 0
    while position < len(message):
        key, position = _varint(message, position)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value: bytes | int
            value, position = _varint(message, position)
        else:
            length, position = _varint(message, position) if wire == 2 else ((4 if wire == 5 else 8), position)
            value, position = message[position : position + length], position + length
        out.append((number, value))
    return out


def _varint(message: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = message[position]
        position += 1
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            return value, position
