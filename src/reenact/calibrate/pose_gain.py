"""Which share of a turn arrives in the picture, and so by how much more `reenact edit` must ask.

python -m reenact.calibrate.pose_gain src/reenact/weights/mmfa POOL [--people 24]

Measured on people that the weights were trained on (experiments/control.py measures what then arrives on others); written beside
the weights. A gain is 1 / the slope of the arrived on the asked angles (least squares, through 0).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from reenact.core.errors import ReenactError, as_options
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.evaluate.sliders import Reader, differences, subjects
from reenact.motion.edit import edit
from reenact.motion.pose_gain import FILE
from reenact.runtime.onnx_method import OnnxMethod

ASKED = {"yaw": (-30, -20, 20, 30), "pitch": (-20, -10, 10, 20)}
"""degrees"""
AXES = ("yaw", "pitch")


def measure(weights: Path, pool_folder: Path, people: int) -> dict[str, float | str | int]:
    """Raises ReenactError for a pool or weights that cannot be used."""
    method, reader = OnnxMethod(weights, "cpu", 1), Reader()
    given = subjects(Pool.load(pool_folder), method, reader, people, "train")
    said: dict[str, float | str | int] = {"weights": method.fingerprint, "people": len(given)}
    for axis, name in enumerate(AXES):
        asked, arrived = [], []
        for value in ASKED[name]:
            moved = [edit(one.motion, **{name: float(np.radians(value))}) for one in given]  # type: ignore[arg-type]
            found = [float(angle[axis]) for angle, _, _ in differences(method, reader, given, moved)]
            asked += [float(value)] * len(found)
            arrived += found
        said[name] = round(float(np.dot(asked, asked) / np.dot(asked, arrived)), 3)
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--people", type=int, default=24)
    given = parser.parse_args()
    try:
        found = measure(given.weights, given.pool, given.people)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    write_json(given.weights / FILE, found)
    sys.stdout.write(f"{given.weights / FILE}: {found}\n")


if __name__ == "__main__":
    main()
