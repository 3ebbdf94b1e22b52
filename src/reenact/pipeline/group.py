"""Several faces of one photo, each moved by itself and pasted back so that no one's square covers another's head."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Image, Placement, Portrait
from reenact.faces.crop import paste, soft_mask
from reenact.faces.portrait import find_faces
from reenact.pipeline.portrait import limited
from reenact.runtime.onnx_method import OnnxMethod

SEAM = 0.1
"""ours: between two heads their squares fade into each other over this, in sides"""


def encode_faces(method: OnnxMethod, photo: Image) -> list[Portrait]:
    """Every face of the photo, largest first. Raises ReenactError where there is none, or what was found looks like none."""
    return [method.encode_face(photo, face) for face in find_faces(photo, method.landmarker)]


class Group:
    """Pastes one rendered crop a face into their common photo."""

    def __init__(self, portraits: Sequence[Portrait]) -> None:
        """portraits: encoded from one photo."""
        small = [limited(portrait) for portrait in portraits]
        places = [portrait.placement for portrait in small if portrait.placement is not None]
        assert small[0].photo is not None and len(places) == len(small), "the portraits were encoded from a photo"
        self._photo, self._places = small[0].photo, places
        size = portraits[0].image.shape[0]
        self._masks = [own_mask(place, [other for other in places if other is not place], size) for place in places]

    def frame(self, crops: Sequence[Image]) -> Image:
        """The photo with its faces moved; crops in the order of the portraits. Those without one stay the photo's own pixels."""
        frame = self._photo
        for crop, place, mask in zip(crops, self._places, self._masks, strict=False):
            frame = paste(frame, crop, place, mask)
        return frame


def own_mask(place: Placement, others: Sequence[Placement], size: int) -> Float32[np.ndarray, "size size"]:
    """The square's soft mask, 0 where another's head is nearer, each counted in sides of its own square."""
    steps = ((np.arange(size) + 0.5) / size - 0.5) * place.side
    x, y = place.centre_x + steps[None], place.centre_y + steps[:, None]
    own = np.hypot(x - place.centre_x, y - place.centre_y) / place.side
    mask = soft_mask(size)
    for other in others:
        further = np.hypot(x - other.centre_x, y - other.centre_y) / other.side - own
        mask = mask * np.clip(further / SEAM + 0.5, 0, 1).astype(np.float32)
    return mask
