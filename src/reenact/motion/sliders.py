"""A few blendshapes by name -> a change of the expression code for which they arrive in the picture. ours.

What one blendshape at 1 means by regression of codes on blendshapes is little: alone it is rarely seen, and the generator takes
its share. So the generator was asked (calibrate/sliders.py): `response` says what the landmarker sees of a change of the code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.files import replaced
from reenact.core.shapes import Float, Float32
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.measured import read_measured, require

FILE, SCHEMA = "sliders.json", "reenact.sliders/1"
GAIN_MIN, GAIN_MAX = 0.5, 3.0
LENGTH, LENGTH_MAX = 6.0, 9.0
"""ours, looked at, in standard deviations of natural changes: what a largest value of 1 may ask for, and what is ever asked for.
At 6 a jaw opens and a smile shows its teeth; well beyond 9 faces break"""
FLOOR = 1e-4
"""of the mean variance: directions in which codes never change are no free way"""


@dataclass(frozen=True)
class SliderResponse:
    """Measured on some weights, people that they were trained on."""

    response: Float32[np.ndarray, "code 52"]
    """what the output's blendshapes change by, for a change of the code (linear)"""
    covariance: Float32[np.ndarray, "code code"]
    """of natural changes of the code: one frame's less another's of the same clip"""
    noise: Float32[np.ndarray, "52"]
    """variance of what the response leaves unexplained"""
    method: str = ""
    weights: str = ""

    def change(self, values: Float[np.ndarray, "52"]) -> Float32[np.ndarray, " code"]:
        """The likeliest change of the code given these values, the others 0 (linear Gaussian estimate), made longer until by the
        response they arrive, as far as `GAIN_MAX` and the lengths allow."""
        largest = float(np.abs(values).max())
        if largest == 0:
            return np.zeros(len(self.response), np.float32)
        estimate = self._estimate @ (values / largest)
        arrived = float(estimate @ self.response @ values) / float(values @ values) * largest
        length = self._length(estimate)
        gain = min(float(np.clip(1 / max(arrived, 1e-3), GAIN_MIN, GAIN_MAX)), LENGTH / max(length, 1e-6))
        return (min(gain * largest, LENGTH_MAX / max(length, 1e-6)) * estimate).astype(np.float32)

    @cached_property
    def _estimate(self) -> Float[np.ndarray, "code 52"]:
        response, covariance = self.response.astype(np.float64), self.covariance.astype(np.float64)
        return covariance @ response @ np.linalg.inv(response.T @ covariance @ response + np.diag(self.noise))

    @cached_property
    def _inverse(self) -> Float[np.ndarray, "code code"]:
        covariance = self.covariance.astype(np.float64)
        return np.linalg.inv(covariance + FLOOR * np.trace(covariance) / len(covariance) * np.eye(len(covariance)))

    def _length(self, change: Float[np.ndarray, " code"]) -> float:
        return float(np.sqrt(change @ self._inverse @ change))

    def save(self, folder: Path) -> Path:
        """Writes it into a weights folder, whole or not at all; gives its path."""
        path = Path(folder) / FILE
        held = {"schema": SCHEMA, "method": self.method, "weights": self.weights, "blendshapes": list(BLENDSHAPE_NAMES)}
        for name in ("response", "covariance", "noise"):
            held[name] = [float(f"{value:.4g}") for value in getattr(self, name).astype(float).ravel()]
        with replaced(path) as part:
            part.write_text(json.dumps(held) + "\n", encoding="utf-8")
        return path

    @staticmethod
    def load(folder: Path, size: int, weights: str = "") -> SliderResponse | None:
        """Of a weights folder whose code has `size` numbers and whose fingerprint is `weights` ('' is not checked); None where
        none was measured. Raises ReenactError for a damaged file, or other weights'."""
        path = Path(folder) / FILE
        if not path.is_file():
            return None

        def make(held: Mapping[str, Any]) -> SliderResponse:
            require(held["schema"] == SCHEMA and held["blendshapes"] == list(BLENDSHAPE_NAMES))
            shapes = {"response": (size, 52), "covariance": (size, size), "noise": (52,)}
            arrays = {name: np.array(held[name], np.float32).reshape(shape) for name, shape in shapes.items()}
            require(all(np.isfinite(array).all() for array in arrays.values()) and bool((arrays["noise"] > 0).all()))
            return SliderResponse(**arrays, method=str(held["method"]), weights=str(held["weights"]))

        remedy = f"make it with: python -m reenact.calibrate.sliders {folder} POOL"
        return read_measured(path, weights, make, "slider response", remedy, unnamed=True)
