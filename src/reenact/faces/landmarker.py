"""The free landmarker: 478 points and 52 ARKit blendshapes of a face, and its head pose.

MediaPipe's face_landmarker.task (Apache-2.0) holds three .tflite networks, which OpenVINO runs as they are. The regions
that link them follow MediaPipe's face landmark graph: a square of 1.5 times the box, turned so that the eyes are level.
"""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from PIL import Image as PILImage

from reenact.core.assets import ASSETS, fetch
from reenact.core.compiled import Compiled, compiled
from reenact.core.face_mesh import BLENDSHAPE_POINTS, LEFT_EYE_OUTER, REGION_SCALE, RIGHT_EYE_OUTER
from reenact.core.face_mesh import REGION_SIZE as LANDMARK_SIZE
from reenact.core.inference import core, cpu_options
from reenact.core.shapes import Float32
from reenact.core.types import Image, Placement
from reenact.faces import blazeface

PRESENCE_MIN = 0.5
SMALLEST_SHARE = 0.2
"""ours: of the largest head's side; what is smaller stands in the background"""
SMALLEST_TILE = 96
"""ours: px; a head in a smaller tile has too few pixels to animate anyway"""


@dataclass(frozen=True)
class Face:
    """The landmarker's estimate of one face."""

    landmarks: Float32[np.ndarray, "478 3"]
    """x right, y down in pixels of the picture; z towards the camera in the same unit"""
    presence: float
    """how sure the network is that this is a face, 0..1"""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """left, top, right, bottom of the points, px"""
        low, high = self.landmarks[:, :2].min(0), self.landmarks[:, :2].max(0)
        return float(low[0]), float(low[1]), float(high[0]), float(high[1])

    @property
    def area(self) -> float:
        """of the box, px^2"""
        left, top, right, bottom = self.box
        return (right - left) * (bottom - top)

    def region(self) -> Placement:
        """The region to track this face in, in the next frame."""
        right, left = self.landmarks[RIGHT_EYE_OUTER, :2], self.landmarks[LEFT_EYE_OUTER, :2]
        return _region(np.array(self.box), right, left)


class Landmarker:
    """Detector, landmarks and blendshapes on one CPU device. Threads that share one take their turn; `twin` makes
    another that does not wait."""

    def __init__(self, threads: int = 0) -> None:
        """threads: 0 leaves it to OpenVINO. Raises ReenactError when the file is not to be had."""
        self._running = Lock()
        self._threads = threads
        self._models: dict[str, Compiled] = {}
        self._requests: dict[str, Any] = {}
        self._open(_MODELS)

    def twin(self) -> Landmarker:
        """The same for another thread: it shares the networks, which then run in turn."""
        made = copy(self)
        made._models = dict(self._models)
        made._running = Lock()
        made._requests = {name: model.request() for name, model in self._models.items()}
        return made

    def detect(self, image: Image, least: float = 0.0) -> list[Face]:
        """Every face in the picture, largest first. least: px; what is much smaller than a tile of this side is not sought."""
        picture = PILImage.fromarray(image)
        for boxes in _tilings(*picture.size, least):
            found = blazeface.suppress([face for box in boxes for face in self._find(picture, box)])
            faces = [self._read(picture, _region(d.box, d.points[0], d.points[1])) for d in found]
            confirmed = [face for face in faces if face is not None]
            if confirmed:
                return sorted(confirmed, key=lambda face: -face.area)
        return []

    def detect_all(self, image: Image) -> list[Face]:
        """The same, sought at every scale: heads of a group photo that are smaller than the largest, too. Takes half a second
        of a core; heads of less than `SMALLEST_SHARE` of the largest are left out."""
        picture = PILImage.fromarray(image)
        found = [face for boxes in _tilings(*picture.size) for box in boxes for face in self._find(picture, box)]
        kept: list[Face] = []
        for detection in blazeface.suppress(found):
            face = self._read(picture, _region(detection.box, detection.points[0], detection.points[1]))
            if face is not None and not any(_same(face, other) for other in kept):
                kept.append(face)
        largest = max((face.area for face in kept), default=0.0)
        return sorted((f for f in kept if f.area >= SMALLEST_SHARE**2 * largest), key=lambda face: -face.area)

    def track(self, image: Image, last: Face) -> Face | None:
        """The face that was at `last` in the frame before; None if it has gone."""
        return self.look(image, last.region())

    def look(self, image: Image, region: Placement) -> Face | None:
        """The face in a turned square of the picture; None where there is none."""
        part, left, top = around(image, region)
        return self._read(part, region, left, top)

    def score(self, image: Image, corner: tuple[float, float], side: float) -> float:
        """How sure the detector is that an upright square of the picture shows a face, 0..1. corner: its left and top, px."""
        left, top = (int(value) for value in corner)
        canvas, *_ = blazeface.letterbox(PILImage.fromarray(image).crop((left, top, int(left + side), int(top + side))))
        _, logits = self._run("face_detector", canvas)
        return float(1.0 / (1.0 + np.exp(-np.clip(logits.max(), -80.0, 80.0))))

    def blendshapes(self, face: Face) -> Float32[np.ndarray, "52"]:
        """The 52 ARKit coefficients, 0..1, in the order of `BLENDSHAPE_NAMES`."""
        (coefficients,) = self._run("face_blendshapes", face.landmarks[None, BLENDSHAPE_POINTS, :2])
        return coefficients

    def _find(self, picture: PILImage.Image, box: tuple[int, int, int, int]) -> list[blazeface.Detection]:
        canvas, scale, left, top = blazeface.letterbox(picture.crop(box))
        regressors, logits = self._run("face_detector", canvas)
        found = blazeface.decode(regressors[0], logits[0, :, 0], scale, left, top)
        return [face.moved(box[0], box[1]) for face in found]

    def _read(self, picture: PILImage.Image, region: Placement, left: int = 0, top: int = 0) -> Face | None:
        """left, top: where the picture lies in the whole one, whose pixels the region and the face are in."""
        shown = replace(region, centre_x=region.centre_x - left, centre_y=region.centre_y - top)
        crop = extract(picture, shown, LANDMARK_SIZE)
        points, presence, _ = self._run("face_landmarks_detector", np.asarray(crop, np.float32)[None] / 255.0)
        sure = float(1.0 / (1.0 + np.exp(-presence.reshape(-1)[0])))
        if sure < PRESENCE_MIN:
            return None
        return Face(place_points(points.reshape(478, 3) * np.array([1, 1, -1], np.float32), region, LANDMARK_SIZE), sure)

    def _run(self, name: str, data: np.ndarray) -> list[np.ndarray]:
        if name not in self._requests:
            self._open((name,))
        with self._running:
            request = self._requests[name]
            request.infer([np.ascontiguousarray(data, np.float32)])
            return [np.array(tensor.data) for tensor in request.output_tensors]

    def _open(self, names: tuple[str, ...]) -> None:
        task, digest = fetch(TASK), ASSETS[TASK].sha256
        for name in names:
            key = (digest, name, str(LANDMARK_SIZE))
            self._models[name] = compiled(partial(_read_model, task, name), cpu_options(self._threads), key)
            self._requests[name] = self._models[name].request()


TASK = "face_landmarker.task"
_MODELS = ("face_detector", "face_landmarks_detector")
"""what finding and following a face takes; the third, face_blendshapes, is opened when it is first asked (10 MB)"""


def _read_model(task: Path, name: str) -> Any:
    """openvino.Model of one network of the file. OpenVINO reads .tflite from files only, not from memory."""
    with zipfile.ZipFile(task) as held, tempfile.TemporaryDirectory() as folder:
        model = core().read_model(held.extract(f"{name}.tflite", folder)).clone()
    if name == "face_landmarks_detector":
        model.reshape([1, LANDMARK_SIZE, LANDMARK_SIZE, 3])
    return model


def _same(a: Face, b: Face) -> bool:
    """Whether two estimates are of one head: the middle of either lies in the other's box."""

    def inside(face: Face, other: Face) -> bool:
        left, top, right, bottom = other.box
        x, y = (face.box[0] + face.box[2]) / 2, (face.box[1] + face.box[3]) / 2
        return left < x < right and top < y < bottom

    return inside(a, b) or inside(b, a)


def _tilings(width: int, height: int, least: float = 0.0) -> Iterator[list[tuple[int, int, int, int]]]:
    """What the detector is run on: the whole picture; then, as it is a short-range one and misses small heads, overlapping
    squares, smaller and smaller, down to `least` px. Boxes are left, top, right, bottom."""
    yield [(0, 0, width, height)]
    for part in (1.0, 0.6, 0.35, 0.2):
        side = int(min(width, height) * part)
        if side < max(SMALLEST_TILE, least):
            return
        yield [(x, y, x + side, y + side) for y in _starts(height, side) for x in _starts(width, side)]


def _starts(length: int, side: int) -> list[int]:
    """Where tiles of `side` begin along `length`, each overlapping the next by a third or more."""
    count = 1 + -(-(length - side) * 3 // (side * 2))
    return [round(i * (length - side) / max(1, count - 1)) for i in range(count)]


def _region(box: np.ndarray, right_eye: np.ndarray, left_eye: np.ndarray) -> Placement:
    delta = left_eye - right_eye
    side = REGION_SCALE * float(max(box[2] - box[0], box[3] - box[1]))
    angle = float(np.arctan2(delta[1], delta[0]))
    return Placement(float(box[0] + box[2]) / 2, float(box[1] + box[3]) / 2, side, angle)


def around(image: Image, place: Placement) -> tuple[PILImage.Image, int, int]:
    """What of the picture `extract` reads of this square, and where its corner lies: converting a whole frame takes longer."""
    reach = 0.75 * place.side + 2
    (left, right), (top, bottom) = (
        (min(max(0, int(centre - reach)), length - 1), min(length, int(centre + reach) + 1))
        for centre, length in ((place.centre_x, image.shape[1]), (place.centre_y, image.shape[0]))
    )
    part = image[top : max(bottom, top + 1), left : max(right, left + 1)]
    return PILImage.fromarray(np.ascontiguousarray(part)), left, top


def extract(picture: PILImage.Image, place: Placement, size: int) -> PILImage.Image:
    """The square `place` of the picture as size x size pixels, bilinear, reduced first where it is much larger.

    What lies outside the picture is black.
    """
    shrink = int(place.side / size)
    if shrink >= 2:
        # Read only what is needed: a box around the turned square, reduced by a whole factor.
        reach = place.side * 0.75
        box = (
            max(0, int(place.centre_x - reach)),
            max(0, int(place.centre_y - reach)),
            min(picture.width, int(place.centre_x + reach) + 1),
            min(picture.height, int(place.centre_y + reach) + 1),
        )
        if box[2] - box[0] >= shrink and box[3] - box[1] >= shrink:
            picture = picture.reduce(shrink, box)
            x, y = (place.centre_x - box[0]) / shrink, (place.centre_y - box[1]) / shrink
            place = Placement(x, y, place.side / shrink, place.angle)
    cos, sin = np.cos(place.angle) * place.side / size, np.sin(place.angle) * place.side / size
    half = size / 2
    matrix = (
        cos, -sin, place.centre_x - (cos - sin) * half,
        sin, cos, place.centre_y - (sin + cos) * half,
    )  # fmt: skip
    return picture.transform((size, size), PILImage.Transform.AFFINE, matrix, PILImage.Resampling.BILINEAR)


def place_points(points: Float32[np.ndarray, "n 3"], place: Placement, size: int) -> Float32[np.ndarray, "n 3"]:
    """Points in pixels of a size x size crop -> pixels of the picture that it was cut from."""
    unit = place.side / size
    cos, sin = np.cos(place.angle) * unit, np.sin(place.angle) * unit
    x, y = points[:, 0] - size / 2, points[:, 1] - size / 2
    out = [cos * x - sin * y + place.centre_x, sin * x + cos * y + place.centre_y, points[:, 2] * unit]
    return np.stack(out, -1).astype(np.float32)
