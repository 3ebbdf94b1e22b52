"""The same face in a mirror: the motion that is seen there. ours.

The generator that ships draws far turns to the picture's left better than to its right, where skin lies in the hair
(docs/log.md, 2026-11-29). A face that turns to the right is, in a mirror, one that turns to the left: so such turns are rendered
of the mirrored portrait, and the picture is mirrored back (runtime/drawer.py). A driver's code says nothing of mirrors; how a
change of the code looks there is measured on the pictures of a pool and on the same mirrored (calibrate/mirror.py), and lies
beside the weights.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Motion
from reenact.motion.measured import read_measured, require

FILE = "mirror.json"
BEGINS, WHOLE = np.radians(14.0), np.radians(20.0)
"""ours: turns to the right, away from the portrait. Below the first the portrait is rendered, beyond the second its mirrored one;
between them both, mixed: they look alike there, and no frame jumps"""
_POSE, _PLACE = np.array([-1, 1, -1], np.float32), np.array([-1, 1], np.float32)


@dataclass(frozen=True)
class Mirror:
    """How a change of some weights' expression code looks in a mirror."""

    code: Float32[np.ndarray, "code code"]
    """change @ code is the same change, mirrored"""

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> Mirror | None:
        """That of these weights; None where none was measured. Raises ReenactError where it is other weights' or damaged."""
        path = folder / FILE
        if not path.is_file():
            return None
        remedy = f"make it with: python -m reenact.calibrate.mirror {folder} POOL"
        return read_measured(path, fingerprint, cls._of, "mirrored codes", remedy)

    @classmethod
    def _of(cls, held: Mapping[str, Any]) -> Mirror:
        code = np.array(held["code"], np.float32)
        require(code.ndim == 2 and code.shape[0] == code.shape[1] and bool(np.isfinite(code).all()))
        return cls(code)

    def seen(self, moved: Motion, own: Motion, mirrored: Motion) -> Motion:
        """`moved`, a motion of a portrait whose own is `own`, as the mirrored portrait, whose own is `mirrored`, shows it."""
        return Motion(
            mirrored.head_pose + _POSE * (moved.head_pose - own.head_pose),
            mirrored.scale * (moved.scale / own.scale),
            mirrored.translation + _PLACE * (moved.translation - own.translation),
            mirrored.expression + (moved.expression - own.expression) @ self.code,
        )


def share_of_mirrored(moved: Motion, own: Motion) -> float:
    """How much of a picture comes from the mirrored portrait, 0 to 1, by how far the head turns to the right."""
    place = np.clip((moved.head_pose[0] - own.head_pose[0] - BEGINS) / (WHOLE - BEGINS), 0, 1)
    return float(place * place * (3 - 2 * place))
