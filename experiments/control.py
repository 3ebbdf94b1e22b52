"""Asks the method for angles, scales and blendshapes, and re-reads from its output what has arrived.

python -m experiments.control src/reenact/weights/mmfa POOL --json results/mmfa_control.json [--people 3]

Portraits are the first frames of people that the weights were not trained on (the pool's val clips). What the free landmarker
reads of the output, less what it reads of the same portrait drawn unedited, is what has arrived.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments import measured
from reenact.data.pool import Pool
from reenact.evaluate.sliders import Reader, Subject, differences, response, subjects
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.edit import edit
from reenact.motion.expression import SPREAD_MIN
from reenact.motion.pose_gain import PoseGain
from reenact.pipeline.editing import Edit, Editor
from reenact.runtime.onnx_method import OnnxMethod

ANGLES = {"yaw": (-40, -30, -20, -10, 10, 20, 30, 40), "pitch": (-20, -10, 10, 20), "roll": (-30, -15, 15, 30)}
"""degrees asked for, on top of the portrait's own"""
SCALES = (0.8, 0.9, 1.1, 1.25)
VALUES = (0.5, 1.0)
"""of each blendshape, on top of the portrait's own"""


def poses(method: OnnxMethod, reader: Reader, given: list[Subject], gain: PoseGain) -> dict[str, Any]:
    """For each angle and scale asked for: what arrived (mean over people), and how far the blendshapes moved with it."""
    asked: list[tuple[str, float, dict[str, float]]] = [
        (name, float(value), {name: float(np.radians(value))}) for name, values in ANGLES.items() for value in values
    ]
    asked += [("scale", value, {"scale": value}) for value in SCALES]
    out: dict[str, Any] = {}
    for name, value, change in asked:
        moved = [gain.reached(p.motion, edit(p.motion, **change)) for p in given]  # type: ignore[arg-type]
        found = list(differences(method, reader, given, moved))
        index = list(ANGLES).index(name) if name in ANGLES else None
        arrived = [ratio if index is None else float(angle[index]) for angle, ratio, _ in found]
        shape = [float(np.abs(shape).mean()) for _, _, shape in found]
        key = f"{name} {value:+g}" if name in ANGLES else f"{name} {value:g}"
        out[key] = {
            "arrived": round(float(np.mean(arrived)), 3) if arrived else None,
            "mean_error": round(float(np.mean(np.abs(np.array(arrived) - value))), 3) if arrived else None,
            "blendshapes_moved": round(float(np.mean(shape)), 4) if shape else None,
            "faces_found": len(found),
        }
    return out


def blendshapes(method: OnnxMethod, reader: Reader, given: list[Subject]) -> dict[str, Any]:
    """For each blendshape: correlation and slope of what arrived on what was asked for, and what else moved most."""
    editor = Editor(method)
    map_ = editor.map
    out: dict[str, Any] = {}
    for number, name in enumerate(BLENDSHAPE_NAMES[1:], 1):
        if map_.spread[number] < SPREAD_MIN:
            out[name] = {"correlation": None, "note": "never moves in the data"}
            continue
        asked, arrived = [0.0] * len(given), [np.zeros(52)] * len(given)
        for value in VALUES:
            wanted = Edit(blendshapes={name: value})
            moved = [editor.apply(p.motion, wanted) for p in given]
            for _, _, change in differences(method, reader, given, moved):
                asked.append(value)
                arrived.append(change)
        out[name] = response(number, asked, arrived)
    return out


def measure(weights: Path, pool_folder: Path, people: int) -> dict[str, Any]:
    """The whole run. Raises ReenactError for a pool or weights that cannot be used."""
    method, reader = OnnxMethod(weights, "cpu", 1), Reader()
    given = subjects(Pool.load(pool_folder), method, reader, people)
    shapes = blendshapes(method, reader, given)
    moving = [shape for shape in shapes.values() if shape["correlation"] is not None]
    return {
        "protocol": "edits of unseen people's first frames, re-read by the landmarker, less the reading of the unedited output",
        "command": f"python -m experiments.control WEIGHTS POOL --json FILE --people {people}",
        "method": method.name,
        "weights": method.fingerprint,
        "people": len(given),
        "values_asked": list(VALUES),
        **{f"mean_{name}": round(float(np.mean([shape[name] for shape in moving])), 3) for name in ("correlation", "slope")},
        "poses": poses(method, reader, given, PoseGain.load(weights, method.fingerprint)),
        "poses_without_gain": poses(method, reader, given, PoseGain()),
        "blendshapes": shapes,
    }


def main() -> None:
    path, found = measured(__doc__, "pool", measure, ("people", int, 3))
    sys.stdout.write(f"{path}: mean correlation {found['mean_correlation']}\n")


if __name__ == "__main__":
    main()
