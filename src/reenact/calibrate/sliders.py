"""What the output's blendshapes change by for a change of the expression code, which sliders are made of.

python -m reenact.calibrate.sliders src/reenact/weights/mmfa POOL [--people 24]

Portraits of people that the weights were trained on are rendered with changes of the code that other people's clips show; what
the landmarker sees of the output gives the response of the blendshapes to the code (ridge regression). motion/sliders.py says
what becomes of it.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from reenact.core.errors import ReenactError, as_options
from reenact.data.pool import Pool
from reenact.evaluate.sliders import Reader, differences, subjects
from reenact.motion.sliders import SliderResponse
from reenact.runtime.onnx_method import OnnxMethod

CLIPS, FRAMES = 120, 4
"""clips that changes are taken from, and frames of each: every frame less every other"""
EACH = 40
"""changes a portrait is rendered with"""
LARGER = (1.0, 1.5)
"""ours: changes are also taken half as large again, as sliders ask for more than talking does"""
RIDGE = 1e-3
NOISE_MIN = 1e-6


def measure(weights: Path, pool_folder: Path, people: int) -> SliderResponse:
    """Raises ReenactError for a pool or weights that cannot be used."""
    method, reader, pool = OnnxMethod(weights, "cpu", 1), Reader(), Pool.load(pool_folder)
    random = np.random.default_rng(0)
    given = subjects(pool, method, reader, people, "train")
    changes = natural_changes(pool, method, random)
    asked, arrived = [], []
    for subject in given:
        for change in changes[random.choice(len(changes), EACH)] * random.choice(LARGER, (EACH, 1)):
            moved = replace(subject.motion, expression=(subject.motion.expression + change).astype(np.float32))
            for _, _, difference in differences(method, reader, [subject], [moved]):
                asked.append(change)
                arrived.append(difference)
    return solve(np.array(asked), np.array(arrived), changes, method.name, method.fingerprint)


def natural_changes(pool: Pool, method: OnnxMethod, random: np.random.Generator) -> Float[np.ndarray, "n code"]:
    """Codes of one frame less those of another of the same clip."""
    rows = np.flatnonzero(pool.split == "train")
    found = []
    for clip in random.permutation(np.unique(pool.clip[rows]))[:CLIPS]:
        of_clip = rows[pool.clip[rows] == clip]
        if len(of_clip) >= FRAMES:
            chosen = np.sort(random.choice(of_clip, FRAMES, replace=False))
            codes = np.array([method.encode_motion(image).expression for image in pool.read(chosen)])
            found += [one - other for one in codes for other in codes if one is not other]
    if len(found) < 2:
        raise ReenactError("the pool has no clips of four frames: make one with reenact data prepare")
    return np.array(found)


def solve(
    asked: Float[np.ndarray, "n code"],
    arrived: Float[np.ndarray, "n 52"],
    changes: Float[np.ndarray, "m code"],
    method: str = "",
    weights: str = "",
) -> SliderResponse:
    """asked, arrived: changes of the code and what the output's blendshapes changed by; changes: natural ones."""
    gram = asked.T @ asked + RIDGE * asked.var() * len(asked) * np.eye(asked.shape[1])
    response = np.linalg.solve(gram, asked.T @ arrived)
    noise = np.maximum(np.var(arrived - asked @ response, 0), NOISE_MIN)
    arrays = (np.asarray(array, np.float32) for array in (response, np.cov(changes.T), noise))
    return SliderResponse(*arrays, method=method, weights=weights)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--people", type=int, default=24)
    given = parser.parse_args()
    try:
        path = measure(given.weights, given.pool, given.people).save(given.weights)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    sys.stdout.write(f"{path}\n")


if __name__ == "__main__":
    main()
