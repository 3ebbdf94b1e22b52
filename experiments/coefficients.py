"""Drives unseen people by their own true blendshapes, as a phone would, and measures how far the output follows.

python -m experiments.coefficients src/reenact/weights/prior POOL --json results/prior_coefficients.json

Clips of the pool's val people: the source is the first frame; eight later ones drive, once by what the motion encoder gives of
them, once by the landmarker's blendshapes through the expression map (as motion/arkit.py does for files and trackers). Slope,
correlation and mean difference are of the output's blendshapes on the driver's, each clip's mean taken out.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from experiments import measured
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.data.pool import Pool
from reenact.evaluate.sliders import Reader
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import expression_map
from reenact.runtime.onnx_method import OnnxMethod

DRIVERS = 8
WAYS = ("motion encoder", "blendshapes")


def measure(weights: Path, pool_folder: Path, split: str = "val") -> dict[str, Any]:
    """The whole run. Raises ReenactError for a pool or weights that cannot be used."""
    method, reader, pool = OnnxMethod(weights, "cpu", 1), Reader(), Pool.load(pool_folder)
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {way: [] for way in WAYS}
    rows = np.flatnonzero(pool.split == split)
    clips = list(dict.fromkeys(pool.clip[rows]))
    if not clips:
        raise ReenactError(f"the pool has no {split} split: make one with reenact data prepare")
    for clip in clips:
        of_clip = rows[pool.clip[rows] == clip]
        chosen = of_clip[np.unique(np.linspace(0, len(of_clip) - 1, DRIVERS + 1).round().astype(int))]
        for way in WAYS:
            found[way].append(_clip(method, reader, pool, chosen, way))
    return {
        "protocol": "self-reenactment by the landmarker's blendshapes, and by the motion encoder (experiments/coefficients.py)",
        "command": "python -m experiments.coefficients WEIGHTS POOL --json FILE",
        "method": method.name,
        "weights": method.fingerprint,
        "clips": len(clips),
        "ways": {way: _figures(pairs) for way, pairs in found.items()},
    }


def _clip(method: OnnxMethod, reader: Reader, pool: Pool, chosen: np.ndarray, way: str) -> tuple[np.ndarray, np.ndarray]:
    """Output's and driver's blendshapes [frames, 52], the clip's mean taken out of both."""
    images, shapes = pool.read(chosen), pool.blendshapes[chosen]
    portrait, to_code = method.encode_crop(images[0]), expression_map(method).to_code
    kept = []
    for image, shape in zip(images[1:], shapes[1:], strict=True):
        motion: Motion = method.encode_motion(image)
        if way == "blendshapes":
            code = portrait.motion.expression + (shape - shapes[0]) @ to_code
            motion = replace(motion, expression=code.astype(np.float32))
        seen = reader.read(method.render(portrait, motion))
        if seen is not None:
            kept.append((seen[2], shape))
    output, driver = (np.array(side) for side in zip(*kept, strict=True))
    return output - output.mean(0), driver - driver.mean(0)


def _figures(pairs: list[tuple[np.ndarray, np.ndarray]]) -> dict[str, Any]:
    output, driver = (np.concatenate(side) for side in zip(*pairs, strict=True))
    out: dict[str, Any] = {"mean_difference": round(float(np.abs(output - driver).mean()), 4), "frames": len(output)}
    moving = [i for i in range(1, 52) if driver[:, i].std() > 0.02]
    out["mean_slope"] = round(float(np.mean([_slope(output[:, i], driver[:, i]) for i in moving])), 3)
    out["blendshapes"] = {
        BLENDSHAPE_NAMES[i]: {
            "slope": round(_slope(output[:, i], driver[:, i]), 3),
            "correlation": round(float(np.corrcoef(output[:, i], driver[:, i])[0, 1]), 3) if output[:, i].std() > 1e-6 else 0.0,
        }
        for i in moving
    }
    return out


def _slope(output: np.ndarray, driver: np.ndarray) -> float:
    return float(output @ driver / (driver @ driver))


def main() -> None:
    path, found = measured(__doc__, "pool", measure)
    sys.stdout.write(f"{path}: mean slope {found['ways']['blendshapes']['mean_slope']}\n")


if __name__ == "__main__":
    main()
