"""The detector half of MediaPipe's face landmarker: anchors, decoding, non-maximum suppression.

Source of every constant: MediaPipe face_detection_short_range (128 x 128 input, strides 8, 16, 16, 16).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image as PILImage

from reenact.core.shapes import Float32

SIZE = 128
SCORE_MIN = 0.5
IOU_MAX = 0.3


@dataclass(frozen=True)
class Detection:
    """One face: score in [0, 1], box and six points (eyes, nose, mouth, ears) in pixels of the picture."""

    score: float
    box: Float32[np.ndarray, "4"]
    """left, top, right, bottom"""
    points: Float32[np.ndarray, "6 2"]
    """right eye, left eye, nose tip, mouth, right ear, left ear: the person's right, the picture's left"""

    def moved(self, x: float, y: float) -> Detection:
        """The same face in a picture whose origin lies x, y px further to the left and top."""
        return Detection(self.score, self.box + np.array([x, y, x, y], np.float32), self.points + np.array([x, y], np.float32))


def suppress(found: list[Detection]) -> list[Detection]:
    """Of overlapping detections, from several tiles, the best."""
    kept: list[Detection] = []
    for face in sorted(found, key=lambda detection: -detection.score):
        if not kept or _overlap(face.box, np.stack([other.box for other in kept])).max() <= IOU_MAX:
            kept.append(face)
    return kept


def anchors() -> Float32[np.ndarray, "896 2"]:
    """Anchor centres in [0, 1]: two for each cell of a 16 x 16 map, six for each of an 8 x 8 map."""
    maps = []
    for cells, repeat in ((16, 2), (8, 6)):
        centre = (np.arange(cells) + 0.5) / cells
        grid = np.stack(np.meshgrid(centre, centre), -1).reshape(-1, 1, 2)
        maps.append(np.repeat(grid, repeat, 1).reshape(-1, 2))
    return np.concatenate(maps).astype(np.float32)


def letterbox(picture: PILImage.Image) -> tuple[np.ndarray, float, float, float]:
    """The picture fitted into 128 x 128 in [-1, 1], with its scale (picture px a detector px) and left, top margins."""
    scale = max(picture.size) / SIZE
    width, height = (max(1, round(side / scale)) for side in picture.size)
    small = picture.resize((width, height), PILImage.Resampling.BILINEAR, reducing_gap=2.0)
    left, top = (SIZE - width) // 2, (SIZE - height) // 2
    canvas = np.zeros((SIZE, SIZE, 3), np.float32)
    canvas[top : top + height, left : left + width] = np.asarray(small, np.float32) / 127.5 - 1.0
    return canvas[None], scale, left, top


def decode(
    regressors: Float32[np.ndarray, "896 16"],
    logits: Float32[np.ndarray, "896"],
    scale: float,
    left: float,
    top: float,
) -> list[Detection]:
    """Raw outputs -> faces, best first, overlapping boxes averaged by their scores (weighted suppression)."""
    scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -80.0, 80.0)))
    keep = scores >= SCORE_MIN
    scores, raw, centres = scores[keep], regressors[keep], anchors()[keep] * SIZE
    centre, half = raw[:, :2] + centres, raw[:, 2:4] / 2
    values = np.concatenate([centre - half, centre + half, raw[:, 4:] + np.tile(centres, 6)], 1)
    values = (values - np.tile([left, top], 8)) * scale
    found = []
    while len(scores):
        best = int(scores.argmax())
        near = _overlap(values[best, :4], values[:, :4]) > IOU_MAX
        near[best] = True
        mean = np.average(values[near], 0, scores[near]).astype(np.float32)
        found.append(Detection(float(scores[best]), mean[:4], mean[4:].reshape(6, 2)))
        scores, values = scores[~near], values[~near]
    return found


def _overlap(box: np.ndarray, boxes: np.ndarray) -> np.ndarray:
    low, high = np.maximum(box[:2], boxes[:, :2]), np.minimum(box[2:], boxes[:, 2:])
    shared = np.clip(high - low, 0, None).prod(1)
    return shared / ((box[2:] - box[:2]).prod() + (boxes[:, 2:] - boxes[:, :2]).prod(1) - shared + 1e-9)
