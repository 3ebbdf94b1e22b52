"""Measures how a method's expression code and the 52 blendshapes depend on each other, and writes it beside the weights.

python -m reenact.calibrate.expression_map src/reenact/weights/mmfa POOL [--every 2]

POOL: made by `reenact data prepare` (frames and the landmarker's estimates). Run it again whenever the
motion encoder changes. Prints how well the map does on people that it was not fitted on.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32

from reenact.core.errors import ReenactError, as_options
from reenact.core.groups import off_the_mean
from reenact.data.pool import Pool
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import ExpressionMap
from reenact.motion.sliders import FILE as SLIDERS
from reenact.runtime.onnx_method import OnnxMethod

RIDGES = (1e-5, 1e-4, 3e-4, 1e-3, 3e-3, 1e-2)
"""ours: tried in turn; the one that does best on held-out people is kept"""
TRAIN, HELD_OUT = ("train", "strain"), ("val", "sval")
CHUNK = 512


@dataclass(frozen=True)
class Fit:
    """The map, and what it explains on held-out people (each clip's mean taken out)."""

    map: ExpressionMap
    ridge: float
    code_explained: float
    """share of the code's variance that the blendshapes explain"""
    blendshapes_explained: Float32[np.ndarray, "52"]
    """share of each blendshape's variance that the code explains; nan where it does not vary"""


def read_codes(method: OnnxMethod, pool: Pool, rows: np.ndarray, mirrored: bool = False) -> Float32[np.ndarray, "n code"]:
    """The expression code of each of these frames of the pool; mirrored: of their mirror images."""
    codes = []
    for begin in range(0, len(rows), CHUNK):
        frames = pool.read(rows[begin : begin + CHUNK])
        seen = (np.ascontiguousarray(frame[:, ::-1]) if mirrored else frame for frame in frames)
        codes += [method.encode_motion(frame).expression for frame in seen]
    return np.array(codes, np.float32)


def fit(
    codes: Float[np.ndarray, "n code"],
    blendshapes: Float[np.ndarray, "n 52"],
    clip: np.ndarray,
    held_out: np.ndarray,
    method: str = "",
    weights: str = "",
) -> Fit:
    """Ridge regression both ways, each clip's mean taken out. clip: [n] labels; held_out: [n] whether only to score on."""
    if held_out.all() or not held_out.any():
        raise ReenactError("frames of people to fit on and of others to score on are both wanted: give a pool with both")
    code, shape = off_the_mean(codes, clip), off_the_mean(blendshapes, clip)
    seen, unseen = ~held_out, held_out
    scored = [
        (np.nanmean(_explained(code[unseen], shape[unseen] @ ridge_regression(shape[seen], code[seen], r))), r) for r in RIDGES
    ]
    ridge = max(scored)[1]
    to_code, from_code = (
        ridge_regression(shape[seen], code[seen], ridge),
        ridge_regression(code[seen], shape[seen], ridge * code[seen].var()),
    )
    offset = blendshapes[seen].mean(0) - codes[seen].mean(0) @ from_code
    spread = shape[seen].std(0).astype(np.float32)
    neutral = codes[seen].mean(0) - blendshapes[seen].mean(0) @ to_code
    arrays = (np.asarray(array, np.float32) for array in (to_code, from_code, offset, neutral, code[seen].std(0), spread))
    made = ExpressionMap(*arrays, method=method, weights=weights)
    total = 1 - np.square(code[unseen] - shape[unseen] @ to_code).sum() / np.square(code[unseen]).sum()
    return Fit(made, ridge, float(total), _explained(shape[unseen], code[unseen] @ from_code))


def ridge_regression(left: Float[np.ndarray, "n a"], right: Float[np.ndarray, "n b"], ridge: float) -> Float[np.ndarray, "a b"]:
    """M of least squares with left @ M near right, `ridge` added to the variance of each number of `left`."""
    gram = left.T @ left + ridge * len(left) * np.eye(left.shape[1])
    return np.linalg.solve(gram, left.T @ right)


def _explained(truth: np.ndarray, guess: np.ndarray) -> np.ndarray:
    """1 - residual variance / variance, for each column; nan without variance."""
    variance = np.square(truth).mean(0)
    residual = np.square(truth - guess).mean(0)
    return np.where(variance > 1e-8, 1 - residual / np.maximum(variance, 1e-8), np.nan).astype(np.float32)


def direct(
    codes: Float[np.ndarray, "n code"],
    blendshapes: Float[np.ndarray, "n 52"],
    clip: np.ndarray,
    held_out: np.ndarray,
    method: str = "",
    weights: str = "",
) -> Fit:
    """The map of a method whose code begins with the 52 blendshapes themselves. What follows the 52 moves with them as it does in
    people (ridge regression): the generator has learned to see both together, and of a jaw that is asked for without it little
    arrives."""
    count, length = blendshapes.shape[1], codes.shape[1]
    to_code, from_code = np.eye(count, length, dtype=np.float32), np.eye(length, count, dtype=np.float32)
    code, shape = off_the_mean(codes, clip), off_the_mean(blendshapes, clip)
    seen, unseen, rest = ~held_out, held_out, code[:, count:]
    if length > count:
        tried = [ridge_regression(shape[seen], rest[seen], ridge) for ridge in RIDGES]
        to_code[:, count:] = min(tried, key=lambda matrix: float(np.square(rest[unseen] - shape[unseen] @ matrix).sum()))
    spreads = (code[~held_out].std(0).astype(np.float32), shape[~held_out].std(0).astype(np.float32))
    neutral = np.zeros(length, np.float32)
    neutral[count:] = (codes[seen].mean(0) - blendshapes[seen].mean(0) @ to_code)[count:]
    made = ExpressionMap(to_code, from_code, np.zeros(count, np.float32), neutral, *spreads, method=method, weights=weights)
    return Fit(made, 0.0, float("nan"), _explained(shape[held_out], code[held_out] @ from_code))


def measure(weights: Path, pool_folder: Path, every: int = 2, threads: int = 1) -> Fit:
    """The whole run: reads every `every`-th frame of the pool's clips, fits, writes the map into `weights`; sliders that were
    measured on other weights go, since no map could be read beside them."""
    method = OnnxMethod(weights, "cpu", threads)
    pool = Pool.load(pool_folder)
    rows = np.flatnonzero(np.isin(pool.split, TRAIN + HELD_OUT))[::every]
    codes = read_codes(method, pool, rows)
    held_out = np.isin(pool.split[rows], HELD_OUT)
    made = direct if method.config.get("coefficients") == len(BLENDSHAPE_NAMES) else fit
    found = made(codes, pool.blendshapes[rows], pool.clip[rows], held_out, method.name, method.fingerprint)
    found.map.save(weights)
    drop_old_sliders(weights, method.fingerprint)
    return found


def drop_old_sliders(weights: Path, fingerprint: str) -> None:
    """Removes `sliders.json` where it says that it is of other weights, or nothing."""
    path = weights / SLIDERS
    with suppress(OSError, ValueError, AttributeError):
        if json.loads(path.read_text(encoding="utf-8")).get("weights") == fingerprint:
            return
    path.unlink(missing_ok=True)


def report(found: Fit) -> str:
    """The result as text."""
    first = f"ridge {found.ridge:g}; blendshapes explain {found.code_explained:.2f} of the code's variance (held-out people)"
    lines = ["direct: the code holds the blendshapes" if np.isnan(found.code_explained) else first]
    order = np.argsort(-np.nan_to_num(found.blendshapes_explained, nan=-9))
    lines += [f"{BLENDSHAPE_NAMES[i]:20s} {found.blendshapes_explained[i]:6.2f}  spread {found.map.spread[i]:.4f}" for i in order]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--every", type=int, default=2)
    given = parser.parse_args()
    try:
        sys.stdout.write(report(measure(given.weights, given.pool, given.every)))
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None


if __name__ == "__main__":
    main()
