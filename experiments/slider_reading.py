"""How much of one slider the landmarker itself can see: rendered heads with exactly that coefficient, read as edits are.

python -m experiments.slider_reading results/prior_control.json --json results/slider_reading.json [--people 8]

experiments.control asks a method for one blendshape at a time and has the landmarker say what arrived. What it says of a head
whose coefficient is known by construction (reenact data synth) is the most that can be expected there, as far as those heads'
face units are what its network was taught to call by the same names. Needs the extra `synth`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from experiments.control import VALUES
from reenact.core.errors import ReenactError
from reenact.core.provenance import dated
from reenact.evaluate.results import write_json
from reenact.evaluate.sliders import Reader, response
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.synth.clip import Studio
from reenact.synth.motion import one_at_a_time
from reenact.synth.scene import Recipe
from tools.synth_pictures import pictures


def responses(people: int) -> dict[str, Any]:
    """For each blendshape: `response` over heads and VALUES, less the estimate of the same head at rest. Raises ReenactError
    without OpenGL."""
    reader, motion = Reader(), one_at_a_time(VALUES)
    frames = tuple(range(len(motion)))
    numbers = motion.blendshapes.argmax(1)
    asked: dict[int, list[float]] = {number: [0.0] * people for number in range(1, len(BLENDSHAPE_NAMES))}
    arrived = {number: [np.zeros(52)] * people for number in asked}
    with Studio.open(256) as studio:
        for person in range(people):
            rest, *seen = map(reader.read, pictures(studio, Recipe(0, person, 0, 0), motion, frames))
            for frame, reading in enumerate(seen, 1):
                if rest is not None and reading is not None:
                    asked[numbers[frame]].append(float(motion.blendshapes[frame].max()))
                    arrived[numbers[frame]].append(reading[2] - rest[2])
    return {BLENDSHAPE_NAMES[number]: response(number, asked[number], arrived[number]) for number in asked}


def measure(people: int, edits: Path) -> dict[str, Any]:
    """The whole run; means are over the blendshapes that a method's edits have (those that move in people). edits: the file of
    experiments.control."""
    shapes = responses(people)
    asked = json.loads(edits.read_text(encoding="utf-8"))["blendshapes"]
    moving = [name for name, shape in asked.items() if shape["correlation"] is not None]
    return {
        "protocol": "rendered heads with one coefficient, read by the landmarker, less the reading of the same head at rest",
        "people": people,
        "values_asked": list(VALUES),
        "blendshapes_in_means": len(moving),
        **{f"mean_{key}": round(float(np.mean([shapes[name][key] for name in moving])), 3) for key in ("correlation", "slope")},
        "read_with_slope_of_0.8": sum(shapes[name]["slope"] >= 0.8 for name in moving),
        "blendshapes": shapes,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("edits", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--people", type=int, default=8)
    given = parser.parse_args()
    try:
        found = measure(given.people, given.edits)
    except (ReenactError, OSError) as error:
        raise SystemExit(f"error: {error}") from None
    write_json(given.json, {**dated({}), **found})
    sys.stdout.write(f"{given.json}: mean correlation {found['mean_correlation']}, mean slope {found['mean_slope']}\n")


if __name__ == "__main__":
    main()
