"""Measures how a change of a method's expression code looks in a mirror, and writes it beside the weights.

python -m reenact.calibrate.mirror src/reenact/weights/mmfa POOL [--every 25]

Pictures of the pool and the same mirrored are encoded; ridge regression from the one's code to the other's, each clip's mean
taken out. motion/mirror.py says what it is for. Prints how much of the mirrored codes it explains on people it was not fitted on.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from reenact.calibrate.expression_map import HELD_OUT, TRAIN, read_codes, ridge_regression
from reenact.core.errors import ReenactError, as_options
from reenact.core.groups import off_the_mean
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.motion.mirror import FILE
from reenact.runtime.onnx_method import OnnxMethod

RIDGE = 0.01
"""ours: in variances of the mean number of the code"""
DIGITS = 3


@dataclass(frozen=True)
class Fit:
    """A change of the code, times `code`, is the mirrored change."""

    code: Float32[np.ndarray, "code code"]
    explained: float
    """share of the mirrored codes' variance on held-out people; nan without any"""


def fit(codes: Float[np.ndarray, "n code"], mirrored: Float[np.ndarray, "n code"], clip: np.ndarray, held_out: np.ndarray) -> Fit:
    """mirrored: of the same pictures, mirrored; clip: [n] labels; held_out: [n] whether only to score on. Raises ReenactError
    where nothing is left to fit on."""
    if held_out.all():
        raise ReenactError("frames of people to fit on are wanted: give a pool of training clips")
    one, other = off_the_mean(codes, clip), off_the_mean(mirrored, clip)
    left, right = one[~held_out], other[~held_out]
    code = ridge_regression(left, right, RIDGE * np.square(left).mean()).round(DIGITS).astype(np.float32)
    missed, total = (np.square(x[held_out]).sum() for x in (other - one @ code, other))
    return Fit(code, float(1 - missed / total) if held_out.any() else float("nan"))


def measure(weights: Path, pool_folder: Path, every: int) -> Fit:
    """The whole run: encodes every `every`-th frame of the pool's clips twice and fits. Raises ReenactError for a pool or weights
    that cannot be used."""
    method, pool = OnnxMethod(weights, "cpu", 1), Pool.load(pool_folder)
    rows = np.flatnonzero(np.isin(pool.split, TRAIN + HELD_OUT))[::every]
    if not len(rows):
        raise ReenactError("the pool has no frames of clips: give one that reenact data prepare has made of videos")
    plain, mirrored = (read_codes(method, pool, rows, mirrored) for mirrored in (False, True))
    made = fit(plain, mirrored, pool.clip[rows], np.isin(pool.split[rows], HELD_OUT))
    values = [[round(float(value), DIGITS) for value in row] for row in made.code]
    about = {"weights": method.fingerprint, "frames": len(rows), "explained": round(made.explained, 3)}
    write_json(weights / FILE, {**about, "code": values})
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--every", type=int, default=25)
    given = parser.parse_args()
    try:
        found = measure(given.weights, given.pool, given.every)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    sys.stdout.write(f"{given.weights / FILE}: explains {found.explained:.2f} of held-out people's mirrored codes\n")


if __name__ == "__main__":
    main()
