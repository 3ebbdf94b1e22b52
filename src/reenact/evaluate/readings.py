"""The measuring networks' estimates of a face."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float32

from reenact.core.types import Image
from reenact.evaluate.face_api import FaceApiExpression
from reenact.evaluate.identity import IdentityNet, IdentityNetwork
from reenact.evaluate.landmarks106 import Landmarks106, Outline
from reenact.evaluate.memo import Memo
from reenact.evaluate.networks import Emotion, Precision, face_box
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.pose import HeadFit, fit_head


@dataclass(frozen=True)
class Reading:
    """One face of one frame: the largest."""

    landmarks: Float32[np.ndarray, "478 3"]
    """x right, y down in px; z towards the camera in the same unit"""
    blendshapes: Float32[np.ndarray, "52"]
    """0..1"""
    fit: HeadFit
    """where the head is, in px"""
    identity: dict[IdentityNet, Float32[np.ndarray, " n"]]
    """embeddings, not normalised"""
    emotion: Float32[np.ndarray, "1024"] | None
    """embedding, not normalised; None if it was not asked for"""
    emotion_api: Float32[np.ndarray, "256"] | None = None
    """likewise, of the second expression network"""
    outline: Outline | None = None
    """the face by the landmarker never used in training; None where that finds none, or was not asked"""

    @property
    def head(self) -> Float32[np.ndarray, "478 3"]:
        """The landmarks with the pose taken out."""
        return self.fit.unpose(self.landmarks)

    def pose(self, side: int) -> Float32[np.ndarray, "6"]:
        """yaw, pitch, roll (radians), x, y in [-1, 1] of a picture of this side, log of the scale (1: half as high)."""
        place = (np.asarray(self.fit.translation[:2]) + 0.5) * 2 / side - 1
        return np.float32([*self.fit.head_pose, *place, np.log(float(self.fit.scale) * 2 / side)])


class FaceReader:
    """Measures each frame by itself, so that a failure in one frame cannot hide in the track of the frame before.

    A picture that was measured before is known by its content and not measured again.
    """

    def __init__(
        self,
        identities: tuple[IdentityNet, ...] = ("sface",),
        emotion: bool = True,
        threads: int = 0,
        precision: Precision = "f32",
    ) -> None:
        """emotion: also both expression networks and the second landmarker; threads: 0 is automatic; precision: of all but the
        landmarkers. Raises ReenactError when a network is not to be had."""
        self.landmarker = Landmarker(threads)
        self._identity = {net: IdentityNetwork(net, threads, precision) for net in identities}
        self._emotion = Emotion(threads, precision) if emotion else None
        self._emotion_api = FaceApiExpression(threads) if emotion else None
        self._outlines = Landmarks106(threads) if emotion else None
        self._faces: Memo[Face | None] = Memo()
        self._readings: Memo[Reading | None] = Memo()
        self._emotions: Memo[tuple[np.ndarray, np.ndarray]] = Memo()

    def find(self, image: Image) -> Face | None:
        """The largest face; None where there is none.

        The detector finds the region; the landmarks found there give a better region, in which they are read once more.
        """
        return self._faces.get(image, self._find)

    def read(self, image: Image, felt: bool = True) -> Reading | None:
        """Everything of the largest face; None where there is none. felt: also its emotion, which costs as much as all else."""
        reading = self._readings.get(image, self._read)
        if reading is None or self._emotion is None or not felt:
            return reading
        emotion, emotion_api = self._emotions.get(image, lambda seen: self._feel(seen, reading.landmarks))
        return replace(reading, emotion=emotion, emotion_api=emotion_api)

    def _feel(self, image: Image, landmarks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        assert self._emotion is not None and self._emotion_api is not None
        face = face_box(image, landmarks)
        return self._emotion.embed([face])[0][0], self._emotion_api.embed(face)[0]

    def _find(self, image: Image) -> Face | None:
        faces = self.landmarker.detect(image)
        return (self.landmarker.track(image, faces[0]) or faces[0]) if faces else None

    def _read(self, image: Image) -> Reading | None:
        face = self.find(image)
        if face is None:
            return None
        return Reading(
            landmarks=face.landmarks,
            blendshapes=self.landmarker.blendshapes(face).reshape(-1),
            fit=fit_head(face.landmarks),
            identity={net: network.embed(image, face.landmarks) for net, network in self._identity.items()},
            emotion=None,
            outline=None if self._outlines is None else self._outlines.read(image),
        )
