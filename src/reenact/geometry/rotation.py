"""The only file that orders axes.

Frame: x right, y down, z towards the camera. Column vectors: x' = R x with R = Rz(roll) Ry(yaw) Rx(pitch), each factor
the usual matrix cos/-sin/sin/cos. So yaw > 0 moves the nose (0, 0, 1) to +x, the picture's right; pitch > 0 moves it to
-y, up; roll > 0 moves (1, 0, 0) to +y, clockwise as seen. Turning the picture by an angle adds it to roll and leaves
yaw and pitch alone, which is why roll is the outermost factor (ours; docs/conventions.md).

Written on the array-API names that NumPy and PyTorch share, so that training and running use the same lines.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

Array = Any
"""numpy.ndarray or torch.Tensor"""


def _namespace(array: Array) -> ModuleType:
    if isinstance(array, np.ndarray):
        return np
    import torch

    return torch


def rotation_matrix(head_pose: Array) -> Array:
    """[..., 3] yaw, pitch, roll in radians -> [..., 3, 3] rotation for column vectors, det 1."""
    xp = _namespace(head_pose)
    cy, cp, cr = (xp.cos(head_pose[..., i]) for i in range(3))
    sy, sp, sr = (xp.sin(head_pose[..., i]) for i in range(3))
    rows = [
        [cr * cy, cr * sy * sp - sr * cp, cr * sy * cp + sr * sp],
        [sr * cy, sr * sy * sp + cr * cp, sr * sy * cp - cr * sp],
        [-sy, cy * sp, cy * cp],
    ]
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


def euler_angles(rotation: Array) -> Array:
    """[..., 3, 3] -> [..., 3] yaw, pitch, roll in radians; yaw in [-pi/2, pi/2]. The inverse of `rotation_matrix`."""
    xp = _namespace(rotation)
    yaw = xp.arcsin(xp.clip(-rotation[..., 2, 0], -1.0, 1.0))
    pitch = xp.arctan2(rotation[..., 2, 1], rotation[..., 2, 2])
    roll = xp.arctan2(rotation[..., 1, 0], rotation[..., 0, 0])
    return xp.stack([yaw, pitch, roll], -1)


def partial_turn(rotation: np.ndarray, share: float) -> np.ndarray:
    """[3, 3] NumPy rotation -> the turn about the same axis by `share` of its angle: 0 is no turn, 1 all, 2 twice as far.

    Of the two axes of a half turn one is picked; the share 1 gives the rotation back all the same.
    """
    matrix = np.asarray(rotation, np.float64)
    skew = np.array([matrix[2, 1] - matrix[1, 2], matrix[0, 2] - matrix[2, 0], matrix[1, 0] - matrix[0, 1]]) / 2
    sine, cosine = float(np.linalg.norm(skew)), (float(np.trace(matrix)) - 1) / 2
    angle = float(np.arctan2(sine, cosine))
    if sine > 1e-6:
        axis = skew / sine
    elif cosine > 0:
        return np.eye(3)
    else:
        # Half a turn: R = 2 a a^T - 1, so the longest column of R + 1 lies along the axis.
        columns = matrix + np.eye(3)
        axis = columns[:, np.linalg.norm(columns, axis=0).argmax()]
        axis = axis / np.linalg.norm(axis)
    x, y, z = axis
    cross = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    part = angle * share
    return np.eye(3) + np.sin(part) * cross + (1 - np.cos(part)) * (cross @ cross)
