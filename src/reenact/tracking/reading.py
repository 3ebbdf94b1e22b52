"""One frame of a tracker, whichever it is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32


@dataclass(frozen=True)
class Reading:
    """What a tracker says of a face."""

    time: float | None
    """the tracker's own, seconds; None where its packets have none"""
    values: Float32[np.ndarray, "52"]
    """ARKit coefficients in the order of faces.blendshapes.BLENDSHAPE_NAMES (the first is none of them), 0..1"""
    angles: Float32[np.ndarray, "3"]
    """the head's yaw, pitch, roll, radians, as the tracker counts them"""
    place: Float32[np.ndarray, "3"] | None = None
    """of the head, in the tracker's own unit; None where it does not say"""
    face: bool = True
    """whether it sees a face"""
