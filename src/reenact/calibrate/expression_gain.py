"""By which factor a driver's brows, eyes and mouth must be multiplied for the output's to lie nearest to them.

python -m reenact.calibrate.expression_gain src/reenact/weights/mmfa POOL [--people 24]

Self-reenactment of people that the weights were not trained on (of others little is lost): the source is a clip's first frame,
drivers are later ones. For each part the factors of `FACTORS` are tried alone; the error is the mean square of its blendshapes'
difference, output and driver, the clip's mean difference taken out; the least of a parabola through the three errors around the
best factor is written beside the weights. The landmarker is the one that taught: the evaluation's networks stay independent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import get_args

import numpy as np
from jaxtyping import Float

from reenact.core.errors import ReenactError, as_options
from reenact.core.types import Motion, Portrait
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.evaluate.sliders import Reader, Reading
from reenact.motion.expression import Region, expression_map, region_blendshapes
from reenact.motion.expression_gain import FILE, LEAST, MOST, ExpressionGain, Gains
from reenact.runtime.onnx_method import OnnxMethod

FACTORS = (1.0, 1.4, 1.8, 2.2)
DRIVERS = 10
"""frames a clip, evenly over it"""

PARTS: tuple[Region, ...] = get_args(Region)
Asked = tuple[Region, float]


def measure(weights: Path, pool_folder: Path, people: int, split: str) -> dict[str, object]:
    """Raises ReenactError for a pool or weights that cannot be used."""
    method, reader = OnnxMethod(weights, "cpu", 1), Reader()
    map_ = expression_map(method)
    matrices: dict[Asked, ExpressionGain] = {
        (part, factor): ExpressionGain(Gains(**{part: factor}).matrix(map_)) for part in PARTS for factor in FACTORS
    }
    total: dict[Asked, float] = {}
    count, seen = 0, False
    for portrait, drivers, wanted in _clips(Pool.load(pool_folder), method, people, split):
        seen = True
        of_clip: dict[Asked, float | None] = {}
        plain = _read(method, reader, portrait, drivers)
        for asked, gain in matrices.items():
            moved = [gain.reached(portrait.motion, driving) for driving in drivers]
            found = plain if asked[1] == 1.0 else _read(method, reader, portrait, moved)
            of_clip[asked] = _error(found, wanted, asked[0])
        count += add(total, of_clip)
    if not count:
        why = "no face was found in what is drawn" if seen else "the pool has no clip of a person with ten frames"
        raise ReenactError(f"{why}: make a pool of others with reenact data prepare")
    said: dict[str, object] = {"weights": method.fingerprint, "people": count}
    for part in PARTS:
        errors = [total[part, factor] for factor in FACTORS]
        said[part] = round(float(np.clip(least(FACTORS, errors), LEAST, MOST)), 2)
        said[f"{part}_errors"] = {str(factor): round(error / errors[0], 4) for factor, error in zip(FACTORS, errors, strict=True)}
    return said


def add(total: dict[Asked, float], errors: Mapping[Asked, float | None]) -> bool:
    """Adds a clip's errors, and says whether it did: one whose face some factor loses says nothing of the others' order."""
    known = {asked: error for asked, error in errors.items() if error is not None}
    if len(known) < len(errors):
        return False
    for asked, error in known.items():
        total[asked] = total.get(asked, 0.0) + error
    return True


def least(factors: tuple[float, ...], errors: list[float]) -> float:
    """Where the parabola through the least error and its neighbours is lowest; the least itself where that is at an end."""
    best = int(np.argmin(errors))
    if best in (0, len(errors) - 1):
        return factors[best]
    curve = np.polyfit(factors[best - 1 : best + 2], errors[best - 1 : best + 2], 2)
    return float(-curve[1] / (2 * curve[0]))


def _clips(
    pool: Pool, method: OnnxMethod, people: int, split: str
) -> Iterator[tuple[Portrait, list[Motion], Float[np.ndarray, "frame 52"]]]:
    """One clip of each of `people` people: the portrait of its first frame, and of `DRIVERS` others motions and blendshapes."""
    seen: set[str] = set()
    rows = np.flatnonzero(pool.split == split)
    for clip in dict.fromkeys(pool.clip[rows]):
        of_clip = rows[pool.clip[rows] == clip]
        person = str(pool.identity[of_clip[0]])
        if person in seen or len(of_clip) <= DRIVERS:
            continue
        if len(seen) == people:
            return
        seen.add(person)
        chosen = of_clip[np.linspace(0, len(of_clip) - 1, DRIVERS + 1).round().astype(int)]
        images = pool.read(chosen)
        yield method.encode_crop(images[0]), [method.encode_motion(image) for image in images[1:]], pool.blendshapes[chosen[1:]]


def _read(method: OnnxMethod, reader: Reader, portrait: Portrait, moved: list[Motion]) -> list[Reading | None]:
    return [reader.read(method.render(portrait, motion)) for motion in moved]


def _error(found: list[Reading | None], wanted: Float[np.ndarray, "frame 52"], part: Region) -> float | None:
    """Mean square of the part's blendshapes' difference, the clip's mean taken out; frames without a face are left out. None
    where fewer than two have one: their difference from their mean would be nothing."""
    chosen = region_blendshapes(part)
    rows = [one[2][chosen] - true[chosen] for one, true in zip(found, wanted, strict=True) if one is not None]
    if len(rows) < 2:
        return None
    difference = np.array(rows)
    return float(np.square(difference - difference.mean(0)).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--people", type=int, default=24)
    parser.add_argument("--split", default="val", help="people that the weights were not trained on")
    given = parser.parse_args()
    try:
        found = measure(given.weights, given.pool, given.people, given.split)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    write_json(given.weights / FILE, found)
    sys.stdout.write(f"{given.weights / FILE}: {found}\n")


if __name__ == "__main__":
    main()
