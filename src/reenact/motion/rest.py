"""The face that somebody has at rest, estimated from one that need not be. ours.

Relative motion counts from a driver's neutral face and adds to the portrait's own. Of a driver who laughs all along even the
calmest face laughs, so the portrait stayed serious; and a portrait that smiles smiled through everything. So what of either
face is expression, as the expression map reads it, is taken off, as far as it lies beyond what faces at rest are read as: people
differ in their resting faces, too, and that is theirs. Where the eyes look is left alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Method, Motion, Portrait
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import ExpressionMap, expression_map
from reenact.motion.measured import read_measured, require

FILE = "rest.json"
WITHIN = 0.5
"""ours: standard deviations between people within which a face counts as at rest"""
UNREAD = 1.3
"""ours: of an expression the map reads about three quarters, so more than it reads is taken off (results/neutral.json)"""
_MOVES = np.array([not name.startswith("eyeLook") for name in BLENDSHAPE_NAMES])


@dataclass(frozen=True)
class Rest:
    """What faces at rest are read as, by some weights' expression map, and how far that differs from person to person."""

    mean: Float32[np.ndarray, "52"]
    spread: Float32[np.ndarray, "52"]
    expressions: ExpressionMap

    @classmethod
    def of(cls, method: Method, portrait: Portrait | None = None) -> Rest | None:
        """That of a method's weights; None where none was measured. Raises ReenactError where it is other weights' or damaged."""
        path = None if method.folder is None else Path(method.folder) / FILE
        if path is None or not path.is_file():
            return None
        remedy = f"make it with: python -m reenact.calibrate.rest {method.folder} POOL"
        map_ = expression_map(method, portrait)

        def make(held: Mapping[str, Any]) -> Rest:
            mean, spread = (
                np.array([held[name][shape] for shape in BLENDSHAPE_NAMES], np.float32) for name in ("mean", "spread")
            )
            require(bool(np.isfinite(mean).all() and np.isfinite(spread).all() and (spread >= 0).all()))
            return cls(mean, spread, map_)

        return read_measured(path, method.fingerprint, make, "faces at rest", remedy)

    def found(self, motion: Motion) -> Motion:
        """The same head with the face at rest."""
        away = self.expressions.read(motion.expression) - self.mean
        beyond = UNREAD * np.sign(away) * np.maximum(np.abs(away) - WITHIN * self.spread, 0) * _MOVES
        calm = motion.expression - beyond.astype(np.float32) @ self.expressions.to_code
        return replace(motion, expression=calm.astype(np.float32))
