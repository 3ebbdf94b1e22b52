"""What faces at rest are read as by the expression map, and how far that differs from person to person.

python -m reenact.calibrate.rest src/reenact/weights/mmfa POOL

Photos of the pool whose face the landmarker finds at rest, one a person. motion/rest.py says what it is for.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Int

from reenact.calibrate.expression_map import read_codes
from reenact.core.errors import ReenactError, as_options
from reenact.data.pool import Pool
from reenact.data.splits import PHOTO
from reenact.evaluate.results import write_json
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import expression_map
from reenact.motion.rest import FILE
from reenact.runtime.onnx_method import OnnxMethod

MOST = {
    "mouthSmileLeft": 0.1,
    "mouthSmileRight": 0.1,
    "jawOpen": 0.05,
    "eyeBlinkLeft": 0.4,
    "eyeBlinkRight": 0.4,
    "mouthFunnel": 0.1,
}
"""ours: a face with more of one of these is not at rest. Brows and lids differ from person to person, and say nothing of it"""
FEWEST = 20
"""ours: people, below which a spread is none"""


def at_rest(pool: Pool) -> Int[np.ndarray, " n"]:
    """Rows of the pool: of each person the first photo with a face at rest."""
    calm = np.all([pool.blendshapes[:, BLENDSHAPE_NAMES.index(name)] <= most for name, most in MOST.items()], axis=0)
    rows = np.flatnonzero(calm & (pool.split == PHOTO))
    _, first = np.unique(pool.identity[rows], return_index=True)
    return rows[np.sort(first)]


def measure(weights: Path, pool_folder: Path) -> dict[str, object]:
    """What `rest.json` says. Raises ReenactError for a pool or weights that cannot be used."""
    method, pool = OnnxMethod(weights, "cpu", 1), Pool.load(pool_folder)
    rows = at_rest(pool)
    if len(rows) < FEWEST:
        raise ReenactError(f"the pool has photos of {len(rows)} people at rest, and {FEWEST} are wanted: add portraits")
    found = expression_map(method).read(read_codes(method, pool, rows))
    said = {"weights": method.fingerprint, "people": len(rows)}
    return {**said, "mean": _named(found.mean(0)), "spread": _named(found.std(0))}


def _named(values: Float32[np.ndarray, "52"]) -> dict[str, float]:
    return {name: round(float(value), 4) for name, value in zip(BLENDSHAPE_NAMES, values, strict=True)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pool", type=Path)
    given = parser.parse_args()
    try:
        found = measure(given.weights, given.pool)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    write_json(given.weights / FILE, found)
    sys.stdout.write(f"{given.weights / FILE}: {found['people']} people\n")


if __name__ == "__main__":
    main()
