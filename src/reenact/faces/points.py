"""The mesh points that our keypoints stand on, and the shell of points around the head that has no landmarks.

Indices are MediaPipe's 478-point mesh. The choice is ours: lips, lids, irises and brows densely, because that is where
expression shows; nose, cheeks and the face's rim for the head; a rigid shell for hair, ears and neck.
"""

from __future__ import annotations

import numpy as np

from reenact.core.shapes import Float32

LIPS = (0, 13, 14, 17, 61, 291, 39, 269, 181, 405)
EYES = (33, 133, 159, 145, 263, 362, 386, 374)
IRISES = (468, 473)
BROWS = (70, 105, 107, 300, 334, 336)
NOSE = (1, 168, 98, 327)
RIM = (152, 10, 172, 397, 234, 454)
CHEEKS = (50, 280, 205, 425)

MESH_POINTS = LIPS + EYES + IRISES + BROWS + NOSE + RIM + CHEEKS
"""40 points of the mesh"""

SHELL = np.array(
    [
        [0.0, -0.86, 0.0],
        [-0.40, -0.68, -0.05],
        [0.40, -0.68, -0.05],
        [-0.58, -0.15, -0.05],
        [0.58, -0.15, -0.05],
        [-0.30, 0.62, -0.10],
        [0.30, 0.62, -0.10],
    ],
    np.float32,
)
"""ours: 7 points that turn with the head, in units of the face's height (x right, y down, z towards the camera)"""


def template(canonical_points: Float32[np.ndarray, "468 3"]) -> Float32[np.ndarray, "47 3"]:
    """The mean face's keypoints in the head's frame; irises lie midway between their lids."""
    points = np.concatenate([canonical_points, np.zeros((10, 3), np.float32)])
    points[468] = canonical_points[[159, 145, 33, 133]].mean(0)
    points[473] = canonical_points[[386, 374, 263, 362]].mean(0)
    return np.concatenate([points[list(MESH_POINTS)], SHELL]).astype(np.float32)
