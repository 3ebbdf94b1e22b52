"""Motions and expression maps for the tests, made by arithmetic."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st

from reenact.core.types import Motion
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import ExpressionMap

small = st.floats(-0.6875, 0.6875, width=32)
STILL = Motion.from_vector(np.float32([0, 0, 0, 1, 0, 0, 0, 0, 0, 0]))


def talking(frames: int, seed: int = 0, noise: float = 0.002, size: int = 4) -> list[Motion]:
    """A head that nods and a code that follows, with a reader's noise."""
    random = np.random.default_rng(seed)
    time = np.arange(frames)[:, None] / 25
    rows = 0.15 * np.sin(2 * np.pi * time * random.uniform(0.3, 2, 6 + size)) + random.normal(0, noise, (frames, 6 + size))
    rows[:, 3] += 1
    return [Motion.from_vector(row) for row in rows]


@st.composite
def motions(draw) -> Motion:
    """Any motion with a code of four numbers."""
    row = [draw(small) for _ in range(10)]
    row[3] = draw(st.floats(0.5, 2.0, width=32))
    return Motion.from_vector(np.array(row, np.float32))


def small_map(size: int = 4, method: str = "fake", weights: str = "") -> ExpressionMap:
    """A code whose first number is jawOpen, whose second both blinks share, and whose third is browInnerUp."""
    to_code = np.zeros((52, size), np.float32)
    from_code = np.zeros((size, 52), np.float32)
    for number, names in enumerate((["jawOpen"], ["eyeBlinkLeft", "eyeBlinkRight"], ["browInnerUp"])):
        for name in names:
            at = BLENDSHAPE_NAMES.index(name)
            to_code[at, number], from_code[number, at] = 1 / len(names), 1
    zeros = np.zeros(52, np.float32)
    spread = np.where(np.char.startswith(BLENDSHAPE_NAMES, "noseSneer"), 0, 0.1).astype(np.float32)
    return ExpressionMap(
        to_code, from_code, zeros, np.zeros(size, np.float32), np.ones(size, np.float32), spread, method, weights
    )
