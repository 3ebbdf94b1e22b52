"""What the free landmarker reads of a frame, and how far two readings are apart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32

from reenact.core.types import Image
from reenact.evaluate import metrics
from reenact.evaluate.identity import IdentityNetwork
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head


@dataclass(frozen=True)
class Reading:
    """One face of one frame: the largest."""

    landmarks: Float32[np.ndarray, "478 3"]
    """x right, y down in px; z towards the camera in the same unit"""
    blendshapes: Float32[np.ndarray, "52"]
    """0..1"""
    head_pose: Float32[np.ndarray, "3"]
    """yaw, pitch, roll in radians"""
    embedding: Float32[np.ndarray, "512"]
    """of the identity network"""


class FaceReader:
    """Reads each frame by itself, so that a failure in one frame cannot hide in the track of the frame before."""

    def __init__(self, threads: int = 0) -> None:
        """threads: 0 is automatic. Raises ReenactError when a network is not to be had."""
        self._landmarker = Landmarker(threads)
        self._identity = IdentityNetwork(threads)

    def read(self, image: Image) -> Reading | None:
        """The largest face; None where there is none.

        The detector finds the region; the landmarks found there give a better region, in which they are read once more.
        """
        faces = self._landmarker.detect(image)
        if not faces:
            return None
        face = self._landmarker.track(image, faces[0]) or faces[0]
        return Reading(
            landmarks=face.landmarks,
            blendshapes=self._landmarker.blendshapes(face).reshape(-1),
            head_pose=fit_head(face.landmarks).head_pose,
            embedding=self._identity.embed(image, face.landmarks),
        )


def compare(reading: Reading, target: Reading, source: Reading | None, side: int) -> dict[str, float]:
    """The face figures of one frame. side: of the picture, px. csim_source is missing where the source has no face."""
    figures = {
        "akd_mesh": metrics.akd_mesh(reading.landmarks, target.landmarks, side),
        "aed_exp": metrics.aed_exp(reading.blendshapes, target.blendshapes),
        "ard": metrics.ard(reading.head_pose, target.head_pose),
        "csim_target": metrics.cosine(reading.embedding, target.embedding),
    }
    if source is not None:
        figures["csim_source"] = metrics.cosine(reading.embedding, source.embedding)
    return figures
