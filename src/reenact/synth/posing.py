"""From an expression, a head pose and a gaze to vertices: 52 linear shapes, eyeballs that turn, four joints in the neck."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp
from jaxtyping import Float, Float32, Int64

from reenact.geometry.rotation import rotation_matrix
from reenact.synth.camera import FLIP
from reenact.synth.head import BEND
from reenact.synth.mesh import normals


@dataclass(frozen=True)
class Pose:
    """One frame of motion. Angles as in docs/conventions.md."""

    blendshapes: Float32[np.ndarray, "52"]
    """0..1, in the order of faces.blendshapes"""
    head_pose: Float32[np.ndarray, "3"]
    """yaw, pitch, roll in radians"""
    gaze: Float32[np.ndarray, "2"]
    """yaw, pitch of the eyes in the head, radians: yaw > 0 to the picture's right, pitch > 0 up"""
    offset: Float32[np.ndarray, "3"]
    """where the person stands from the usual place: right, down, nearer; dm"""


@dataclass(frozen=True)
class Rig:
    """All meshes of one person as one list of vertices."""

    rest: Float32[np.ndarray, "n 3"]
    units: Float32[np.ndarray, "n*3 52"]
    bones: Float32[np.ndarray, "n 5"]
    eyeballs: tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]]
    triangles: Int64[np.ndarray, "faces 3"]
    gather: sp.csr_matrix
    joints: Float32[np.ndarray, "4 3"]
    straight: Float[np.ndarray, "3 3"]
    """the rotation (y down) that the pose fit gives for the unturned mean head; poses are relative to no turn at all"""

    def place(self, pose: Pose) -> Float32[np.ndarray, "n 3"]:
        """The vertices, dm, y up."""
        points = self.rest + (self.units @ pose.blendshapes).reshape(-1, 3)
        turn = FLIP @ rotation_matrix(np.array([*pose.gaze, 0.0])) @ FLIP
        for eyeball in self.eyeballs:
            ball = self.rest[eyeball]
            centre = (ball.max(0) + ball.min(0)) / 2
            points[eyeball] = (ball - centre) @ turn.T.astype(np.float32) + centre
        moves = (self.bones @ self.bone_matrices(pose).reshape(5, 12)).reshape(-1, 3, 4)
        return (np.einsum("nij,nj->ni", moves[:, :, :3], points) + moves[:, :, 3]).astype(np.float32)

    def normals(self, points: Float32[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n 3"]:
        return normals(points, self.triangles, self.gather)

    def bone_matrices(self, pose: Pose) -> Float32[np.ndarray, "5 3 4"]:
        """Neck, head, rest: each joint takes its share of one rotation about one axis, so the head has all of it."""
        turn = FLIP @ (rotation_matrix(pose.head_pose.astype(np.float64)) @ self.straight.T) @ FLIP
        shift = np.eye(4)
        shift[:3, 3] = pose.offset * [1, -1, 1]
        chain, out = shift, []
        for joint, share in zip(self.joints, BEND, strict=True):
            step = np.eye(4)
            step[:3, :3] = power(turn, share)
            step[:3, 3] = joint - step[:3, :3] @ joint
            chain = chain @ step
            out.append(chain[:3])
        return np.array([*out, shift[:3]], np.float32)


def power(rotation: Float[np.ndarray, "3 3"], share: float) -> Float[np.ndarray, "3 3"]:
    """This share of the rotation, about the same axis (Rodrigues)."""
    angle = np.arccos(np.clip((np.trace(rotation) - 1) / 2, -1, 1))
    if angle < 1e-9:
        return np.eye(3)
    skew = (rotation - rotation.T) / (2 * np.sin(angle))
    part = share * angle
    return np.eye(3) + np.sin(part) * skew + (1 - np.cos(part)) * skew @ skew
