"""How far each blendshape's slider must move the expression code for that blendshape to arrive in the picture.

python -m reenact.calibrate.sliders src/reenact/weights/mmfa POOL [--people 24]

What one blendshape at 1 means by regression of codes on blendshapes (expression_map.py) is little: alone it is rarely seen, and
the generator takes its share. So the generator is asked: portraits of people that the weights were trained on are rendered with
changes of the code that other people's clips show, and what the landmarker sees of the output gives the response J of the
blendshapes to the code (ridge regression). A slider is then the likeliest change of the code given its blendshape alone, under
the natural covariance of changes and the residual noise of J (linear Gaussian estimate); it is made longer until by J it arrives
as asked, but at most `GAIN_MAX` times and never longer than `LENGTH_MAX` natural standard deviations: beyond that faces break.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from reenact.core.errors import ReenactError, as_options
from reenact.data.pool import Pool
from reenact.evaluate.sliders import Reader, differences, subjects
from reenact.motion.expression import SliderResponse
from reenact.runtime.onnx_method import OnnxMethod

CLIPS, FRAMES = 120, 4
"""clips that changes are taken from, and frames of each: every frame less every other"""
EACH = 40
"""changes a portrait is rendered with"""
LARGER = (1.0, 1.5)
"""ours: changes are also taken half as large again, as sliders ask for more than talking does"""
RIDGE = 1e-3
GAIN_MAX = 3.0
LENGTH_MAX = 6.0
"""ours, looked at: at 6 a jaw opens and a smile shows teeth; at 9 three sliders together break the face"""


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
    return SliderResponse(solve(np.array(asked), np.array(arrived), changes), method.name, method.fingerprint)


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
    asked: Float[np.ndarray, "n code"], arrived: Float[np.ndarray, "n 52"], changes: Float[np.ndarray, "m code"]
) -> Float32[np.ndarray, "52 code"]:
    """asked, arrived: changes of the code and what the output's blendshapes changed by; changes: natural ones, whose covariance
    is the prior."""
    size = asked.shape[1]
    gram = asked.T @ asked + RIDGE * asked.var() * len(asked) * np.eye(size)
    response = np.linalg.solve(gram, asked.T @ arrived)
    noise = np.maximum(np.var(arrived - asked @ response, 0), 1e-6)
    prior = np.cov(changes.T) + 1e-8 * np.eye(size)
    rows = (prior @ response @ np.linalg.inv(response.T @ prior @ response + np.diag(noise))).T
    inverse = np.linalg.inv(prior + 1e-4 * np.trace(prior) / size * np.eye(size))
    length = np.sqrt(np.einsum("ij,jk,ik->i", rows, inverse, rows))
    gain = np.clip(1 / np.maximum(np.einsum("ij,ji->i", rows, response), 1e-3), 0.5, GAIN_MAX)
    return (rows * np.minimum(gain, LENGTH_MAX / np.maximum(length, 1e-6))[:, None]).astype(np.float32)


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
