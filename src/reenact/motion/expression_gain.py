"""A driver's raised brow is rendered as less of one; by how much more the portrait must be asked for. ours.

The motion encoder is sure of little about small parts of a face, and what least squares teaches of an unsure thing is less of
it; the generator takes its share. So brows, eyes and mouth of the output move less than the driver's do. By which factor each
must be multiplied for the output's blendshapes to lie nearest to the driver's is measured on people that the weights were not
trained on (calibrate/expression_gain.py) and lies beside the weights. Edits are asked for as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from reenact.core.shapes import Float32
from reenact.core.types import Method, Motion
from reenact.motion.expression import ExpressionMap, Region, expression_map
from reenact.motion.measured import read_measured, require

FILE = "expression_gain.json"
LEAST, MOST = 1.0, 2.5
"""ours: a gain below 1 would freeze a face on purpose; one beyond is of weights that are broken"""


@dataclass(frozen=True)
class Gains:
    """What a change of each part of the face is multiplied by."""

    brows: float = 1.0
    eyes: float = 1.0
    mouth: float = 1.0

    @classmethod
    def load(cls, folder: Path, fingerprint: str) -> Gains:
        """Those of these weights; 1 where none were measured. Raises ReenactError where they are other weights' or damaged."""
        path = Path(folder) / FILE
        if not path.is_file():
            return cls()
        remedy = f"make it with: python -m reenact.calibrate.expression_gain {folder} POOL"
        return read_measured(path, fingerprint, cls._of, "gains", remedy)

    @classmethod
    def _of(cls, held: Mapping[str, Any]) -> Gains:
        found = cls(*(float(held[part.name]) for part in fields(cls)))
        require(all(LEAST <= getattr(found, part.name) <= MOST for part in fields(cls)))
        return found

    def matrix(self, expressions: ExpressionMap) -> Float32[np.ndarray, "code code"]:
        """What a change of the code, a row, is multiplied by: in each part's subspace its gain, elsewhere 1."""
        total = np.eye(len(expressions.from_code), dtype=np.float32)
        for part in get_args(Region):
            total += np.float32(getattr(self, part) - 1.0) * expressions.region(part)
        return total


@dataclass(frozen=True)
class ExpressionGain:
    """The gains of some weights, as one matrix of their expression code."""

    matrix: Float32[np.ndarray, "code code"]

    @classmethod
    def of(cls, method: Method) -> ExpressionGain | None:
        """That of a method's weights; None where there is nothing to be multiplied. Raises ReenactError for a damaged file."""
        gains = Gains() if method.folder is None else Gains.load(method.folder, method.fingerprint)
        return None if gains == Gains() else cls(gains.matrix(expression_map(method)))

    def reached(self, own: Motion, driven: Motion) -> Motion:
        """`driven`, its expression's change away from the portrait's `own` multiplied by the gains."""
        change = (driven.expression - own.expression) @ self.matrix
        return replace(driven, expression=(own.expression + change).astype(np.float32))


def reaching(method: Method) -> Callable[[Motion, Motion], Motion]:
    """What makes of the portrait's own motion and a driven one that which is rendered, with the gains of the method's weights.

    Raises ReenactError for a damaged file.
    """
    gain = ExpressionGain.of(method)
    return gain.reached if gain is not None else lambda own, driven: driven
