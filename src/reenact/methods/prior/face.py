"""What a face prior must say, and the face model that is made of it. NumPy only.

A prior knows faces as a mesh: a mean, directions in which people differ, directions in which expressions move it. A 3DMM
(FLAME, BFM) has just this form; whoever holds its licence plugs it in by a class with the two members of `FacePrior`.
Ours (`fitted`) is measured on estimates of the free landmarker (MediaPipe, Apache-2.0).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from reenact.core.groups import group_means, off_the_mean

RIDGE = 1e-3
"""ours: keeps coefficients that never fire from taking part"""


@dataclass(frozen=True)
class Face:
    """mesh = mean + identity @ a + expression @ p, in the head's frame: one unit high, origin and axes of faces/pose.py."""

    mean: Float32[np.ndarray, "m 3"]
    identity: Float32[np.ndarray, "i m 3"]
    """each one standard deviation of people long"""
    expression: Float32[np.ndarray, "e m 3"]
    """shift of the mesh for a coefficient of 1; coefficients run over [0, 1], and 0 is neutral"""
    triangles: Int64[np.ndarray, "f 3"]
    points: Sequence[int]
    """the mesh points that the semantic keypoints begin on, in the order of faces/points.py"""


@dataclass(frozen=True)
class Reading:
    """A prior's estimate of one picture, in [-1, 1] of it (core/types.py: Motion)."""

    head_pose: Float32[np.ndarray, "3"]
    scale: Float32[np.ndarray, "1"]
    translation: Float32[np.ndarray, "2"]
    coefficients: Float32[np.ndarray, " e"]
    mesh: Float32[np.ndarray, "m 3"]
    """in the head's frame: pose, scale and place taken out"""


@runtime_checkable
class FacePrior(Protocol):
    """A prior: needed to train, never to run (its estimate is distilled into the method's own encoder)."""

    mirror: Int64[np.ndarray, " e"]
    """for each coefficient, the one that a mirrored picture shows in its place"""

    def face(self, identities: int) -> Face:
        """The face model, with this many directions of identity."""
        ...

    def read(self, image: UInt8[np.ndarray, "size size 3"]) -> Reading | None:
        """Its estimate of a square RGB picture of a head; None where it finds no face."""
        ...


def fitted(
    meshes: Float[np.ndarray, "n m 3"],
    coefficients: Float[np.ndarray, "n e"],
    person: np.ndarray,
    identities: int,
    triangles: Int64[np.ndarray, "f 3"],
    points: Sequence[int],
) -> Face:
    """A face model out of landmarker estimates. meshes: in the head's frame; person: [n] labels, same label same neutral face.

    Least squares of mesh = neutral(person) + coefficients @ expression, each person's mean taken out; the neutral faces'
    mean and principal directions, each person counted once.
    """
    _, group = np.unique(person, return_inverse=True)
    expression, people = _explained(meshes.reshape(len(meshes), -1), coefficients, group)
    mean = people.mean(0)
    _, size, directions = np.linalg.svd(people - mean, full_matrices=False)
    found = min(identities, len(directions))
    identity = np.zeros((identities, people.shape[1]))
    identity[:found] = directions[:found] * size[:found, None] / np.sqrt(len(people))
    shape = meshes.shape[1:]
    return Face(
        mean.reshape(shape).astype(np.float32),
        identity.reshape(-1, *shape).astype(np.float32),
        expression.reshape(-1, *shape).astype(np.float32),
        triangles,
        points,
    )


def neutral_faces(
    meshes: Float[np.ndarray, "n m 3"], coefficients: Float[np.ndarray, "n e"], person: np.ndarray
) -> Float32[np.ndarray, "n m 3"]:
    """Each frame's person without an expression, as `fitted` sees them."""
    _, group = np.unique(person, return_inverse=True)
    _, people = _explained(meshes.reshape(len(meshes), -1), coefficients, group)
    return people[group].reshape(meshes.shape).astype(np.float32)


def _explained(flat: np.ndarray, coefficients: np.ndarray, group: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[e 3m] what a coefficient does, [people 3m] what is left of each person's mean."""
    left = off_the_mean(coefficients, group)
    gram = left.T @ left + RIDGE * len(left) * np.eye(left.shape[1])
    # The person's mean need not be taken out of the meshes as well: `left` is orthogonal to it.
    expression = np.linalg.solve(gram, left.T @ flat)
    return expression, group_means(flat - coefficients @ expression, group)


def vertex_normals(mesh: Float[np.ndarray, "m 3"], triangles: Int64[np.ndarray, "f 3"]) -> Float32[np.ndarray, "m 3"]:
    """Unit normals, outwards (a face's mean normal points to the camera, +z); (0, 0, 1) for a point of no triangle."""
    corners = mesh[triangles].astype(np.float64)
    across = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    across *= np.sign(across[:, 2].sum()) or 1.0
    normals = np.zeros(mesh.shape)
    np.add.at(normals, triangles.ravel(), np.repeat(across, 3, 0))
    length = np.linalg.norm(normals, axis=1, keepdims=True)
    return np.where(length > 1e-12, normals / np.maximum(length, 1e-12), [0.0, 0.0, 1.0]).astype(np.float32)
