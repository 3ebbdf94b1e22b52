"""What each motion direction of a method moves, and how purely: rendered to and fro on portraits, measured by the landmarker.

An estimate is 6 pose numbers and the face's actions (faces/actions.py). Each has a unit of its own: pose in the steps of
motion/directions.py, an action in its standard deviation within a person; so that "what moves most" has a meaning. Purity is the
share of the strongest in the sum of squares: 1 where nothing else moved. ours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float32
from PIL import Image as PILImage
from PIL import ImageDraw

from reenact.core.errors import ReenactError
from reenact.core.types import Image, Motion, Portrait
from reenact.evaluate.results import write_json
from reenact.faces.actions import ACTIONS, action_matrix
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head
from reenact.motion.directions import FILE, POSE_STEPS, SCHEMA, Directions, kept_at
from reenact.motion.expression import expression_map
from reenact.provenance.watermark import mark
from reenact.runtime.onnx_method import OnnxMethod

POSES = ("yaw", "pitch", "roll", "scale", "shift-x", "shift-y")
READINGS = (*POSES, *ACTIONS)
REACH = 2.0
"""standard deviations to each side at which a direction is measured"""
FAINT = 0.15
"""ours: a direction whose strongest effect is less (in its unit, for a step of 1) moves nothing that can be named"""
SPREAD_LEAST = 0.02
"""ours: of an action; what never moves would count as moving at all jitter"""
SHOWN = (-3.0, -1.5, 0.0, 1.5, 3.0)
TILE, MARGIN = 128, 130


@dataclass(frozen=True)
class Found:
    """One direction. Numbers are means over portraits, for a step of 1."""

    number: int
    name: str
    step: float
    """what a slider of 1 adds to the code (or to the pose number)"""
    purity: float | None
    """None where nothing that can be named moves"""
    moves: dict[str, float]
    """the strongest effects, in their units"""


def measure(method: OnnxMethod, portraits: Sequence[Portrait], tell: Callable[[int, int], None] | None = None) -> list[Found]:
    """Every direction, rendered at -REACH and REACH on every portrait. Raises ReenactError where no face is found."""
    map_ = expression_map(method)
    steps = np.concatenate([POSE_STEPS, map_.code_spread]).astype(np.float32)
    sliders = Directions(tuple(f"y{number}" for number in range(1, len(steps) + 1)), steps)
    actions = action_matrix()
    units = np.concatenate([POSE_STEPS, np.maximum(np.abs(actions) @ map_.spread, SPREAD_LEAST)])
    landmarker = Landmarker(method.threads)

    def read(portrait: Portrait, number: int, value: float) -> np.ndarray | None:
        picture = method.render(portrait, sliders.moved(portrait.motion, {f"y{number}": value}))
        return reading(landmarker, picture, actions)

    found = []
    for number in range(1, len(steps) + 1):
        changes = []
        for portrait in portraits:
            low, high = (read(portrait, number, value) for value in (-REACH, REACH))
            if low is not None and high is not None:
                changes.append((high - low) / (2 * REACH) / units)
        if tell:
            tell(number, len(steps))
        found.append(_named(number, float(steps[number - 1]), np.array(changes)))
    if all(one.purity is None for one in found):
        raise ReenactError("no face is found in the rendered frames: choose another portrait")
    return found


def reading(landmarker: Landmarker, picture: Image, actions: Float32[np.ndarray, "action 52"]) -> np.ndarray | None:
    """Pose (radians, log scale, half sides) and actions of the face in a picture; None without a face."""
    faces = landmarker.detect(picture)
    if not faces:
        return None
    face = landmarker.track(picture, faces[0]) or faces[0]
    half = picture.shape[0] / 2
    fit = fit_head(face.landmarks / np.float32(half))
    pose = [*fit.head_pose, float(np.log(fit.scale)), *fit.translation[:2]]
    return np.concatenate([pose, actions @ landmarker.blendshapes(face).reshape(-1)]).astype(np.float32)


def _named(number: int, step: float, changes: np.ndarray) -> Found:
    """The name of what moves most; the sign says which way."""
    if not len(changes):
        return Found(number, f"y{number}", step, None, {})
    effect = changes.mean(0)
    order = np.argsort(-np.abs(effect))
    top = int(order[0])
    moves = {READINGS[i]: round(float(effect[i]), 3) for i in order[:4]}
    if number <= len(POSES):
        return Found(number, POSES[number - 1], step, _purity(effect, number - 1), moves)
    if abs(effect[top]) < FAINT:
        return Found(number, f"y{number}", step, None, moves)
    name = READINGS[top] if effect[top] > 0 else f"less-{READINGS[top]}"
    return Found(number, name, step, _purity(effect, top), moves)


def _purity(effect: np.ndarray, index: int) -> float:
    return round(float(effect[index] ** 2 / max(float((effect**2).sum()), 1e-12)), 3)


def as_json(method: OnnxMethod, found: Sequence[Found], portraits: int) -> dict:
    """What lies beside the weights and in results/."""
    return {
        "schema": SCHEMA,
        "method": method.name,
        "weights": method.fingerprint,
        "portraits": portraits,
        "reach": REACH,
        "directions": [asdict(one) for one in found],
    }


def keep(method: OnnxMethod, data: dict) -> Path:
    """Writes the directions beside the weights, whole or not at all; of weights that lie in an installed package, into the
    user's cache."""
    path = kept_at(method.fingerprint) if {"site-packages", "dist-packages"} & set(method.folder.parts) else method.folder / FILE
    write_json(path, data)
    return path


def table(found: Sequence[Found]) -> str:
    """For people: those that have a name, the purest first."""
    lines = ["| slider | moves | purity | strongest effects, in their units |", "|---|---|---|---|"]
    named = sorted((one for one in found if one.purity is not None), key=lambda one: -(one.purity or 0))
    for one in named:
        moves = ", ".join(f"{name} {value:+.2f}" for name, value in one.moves.items())
        lines.append(f"| y{one.number} | {one.name} | {one.purity:.2f} | {moves} |")
    return "\n".join(lines) + "\n"


def traversal(method: OnnxMethod, portrait: Portrait, found: Sequence[Found]) -> PILImage.Image:
    """A sheet: a row for each direction, rendered at SHOWN standard deviations."""
    sheet = PILImage.new("RGB", (MARGIN + len(SHOWN) * TILE, len(found) * TILE), "white")
    draw = ImageDraw.Draw(sheet)
    for row, one in enumerate(found):
        label = f"y{one.number} {one.name}" + ("" if one.purity is None else f"\npurity {one.purity:.2f}")
        draw.text((4, row * TILE + TILE // 2 - 10), label, "black")
        for column, value in enumerate(SHOWN):
            motion = _along(portrait, one, value)
            tile = PILImage.fromarray(mark(method.render(portrait, motion))).resize((TILE, TILE), PILImage.Resampling.LANCZOS)
            sheet.paste(tile, (MARGIN + column * TILE, row * TILE))
    return sheet


def _along(portrait: Portrait, one: Found, value: float) -> Motion:
    """The portrait's motion, `value` steps along one direction."""
    size = 6 + portrait.motion.expression.size
    steps = np.zeros(size, np.float32)
    steps[one.number - 1] = one.step
    return Directions(("",) * size, steps).moved(portrait.motion, {f"y{one.number}": value})


def shown(found: Sequence[Found], count: int) -> list[Found]:
    """Pose first, then the purest."""
    named = sorted((one for one in found[len(POSES) :] if one.purity is not None), key=lambda one: -(one.purity or 0))
    return [*found[: len(POSES)], *named][:count]
