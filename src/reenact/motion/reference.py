"""Which face is a driver's neutral: what changes since then is what a portrait in relative motion takes on.

A driver who begins in the middle of a word has the first frame's open mouth taken off every later one: a portrait that is
mute, or presses its lips. So the calmest face of the first seconds is taken, as near rest and as frontal as it was; and what
expression is left in it is taken off (rest.py), as it is off the portrait's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from numbers import Real
from typing import Literal

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import ExpressionMap

Reference = Literal["rest", "calm", "first"] | float
"""rest: the faces that driver and portrait have at rest, estimated, the driver's from its calmest face of the first `SEARCH`
seconds; calm: that face as it is, and the portrait's; first: the first face; a number: the face at that second"""
CHOICES = ("rest", "calm", "first")
SEARCHED = ("rest", "calm")
"""those for which the calmest face is looked for"""
SEARCH = 3.0
"""ours: seconds. A sentence has pauses in as much; more would make live wait for its neutral"""
SAMPLED = 6
"""ours: faces a second that the calmest of a clip is looked for among: on 13 clips as calm a face as among all (docs/log.md,
2026-11-28)"""
NEARLY = 0.15
"""ours: of two faces as calm but for this, the earlier is taken"""
LATEST = 3600.0
"""ours: seconds; what is searched is encoded before anything is rendered"""
WEIGHTS = {"jawOpen": 2.0, "mouthClose": 0.0, "mouth": 0.7, "eyeBlink": 0.7, "eyeSquint": 0.3, "brow": 0.4, "cheekPuff": 0.5}
"""ours: how much a blendshape disturbs, by how its name begins; the longest that fits. Lips and jaw are what shows most"""
TURN = 0.5 / np.radians(15.0)
"""ours: a head turned by 15 degrees disturbs as much as a mouth a quarter open"""
AXES = np.array([1.0, 1.0, 0.5], np.float32)
"""ours: of yaw, pitch and roll; a tilted head shows all of its face"""


def _weight(name: str) -> float:
    fitting = [start for start in WEIGHTS if name.startswith(start)]
    return WEIGHTS[max(fitting, key=len)] if fitting else 0.0


_ROW = np.array([_weight(name) for name in BLENDSHAPE_NAMES], np.float32)


def unrest(motion: Motion, expressions: ExpressionMap) -> float:
    """How far a face is from a calm, frontal one: 0 at rest, 1 with the mouth half open. For the order of one person's frames."""
    shapes = np.clip(expressions.read(motion.expression), -0.1, 1.5)
    return float(shapes @ _ROW + TURN * np.linalg.norm(motion.head_pose * AXES))


def sampled_every(rate: Fraction) -> int:
    """n, of every n-th frame of a clip in which its calmest face is looked for. rate: frames a second."""
    return max(1, round(rate / SAMPLED))


def calmest(motions: Sequence[Motion], expressions: ExpressionMap) -> int:
    """Index of the calmest; of those that are nearly as calm the first."""
    scores = np.array([unrest(motion, expressions) for motion in motions])
    return int(np.argmax(scores <= scores.min() + NEARLY))


def check_reference(reference: object) -> None:
    """Raises ReenactError for a reference that is none."""
    if reference in CHOICES:
        return
    if not isinstance(reference, Real) or not 0 <= float(reference) <= LATEST:
        raise ReenactError(f"`reference` {reference}: write rest, calm, first, or at which second the driver's face is at rest")
