"""Is the way between two expressions even, and is a code drawn at random a face's? Measured on what is drawn.

python -m experiments.interpolation WEIGHTS POOL --json results/mmfa_interpolation.json [--people 3] [--run RUN]

Portraits and expressions are of people that the weights were not trained on (the pool's val clips). A step's length is
read off the output: LPIPS (AlexNet) between neighbouring frames, and the mean way of the landmarker's 478 points, px at
256x256. --run: the run that trained the weights, whose encoder says each dimension's variance too, and so the divergence
from the prior.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from experiments import measured
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Motion, Portrait
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.evaluate.identity import IdentityNetwork
from reenact.evaluate.metrics import cosine
from reenact.evaluate.networks import Perceptual
from reenact.faces.landmarker import Landmarker
from reenact.losses import gaussian
from reenact.methods.mmfa import recipe as mmfa
from reenact.methods.mmfa.objective import FREE_NATS
from reenact.motion.edit import Way, interpolate
from reenact.runtime.onnx_method import OnnxMethod
from reenact.train.start import begin, read_start

STEPS = 10
"""ours: frames between two expressions; of more, LPIPS would measure its own grain"""
SAMPLES = 16
"""codes drawn for each portrait"""


def people_of(pool: Pool) -> dict[str, np.ndarray]:
    """Rows of each person of the val split. Raises ReenactError where there are fewer than two people."""
    rows = np.flatnonzero(pool.split == "val")
    found = {str(name): rows[pool.identity[rows] == name] for name in np.unique(pool.identity[rows])}
    if len(found) < 2:
        raise ReenactError("the pool needs two people in its val split: make one with `reenact data prepare`")
    return found


def far_apart(pool: Pool, rows: np.ndarray) -> tuple[int, int]:
    """The two of these rows whose blendshapes differ most."""
    looks = pool.blendshapes[rows].astype(np.float64)
    gaps = np.abs(looks[:, None] - looks[None]).sum(-1)
    first, second = np.unravel_index(gaps.argmax(), gaps.shape)
    return int(rows[first]), int(rows[second])


def _gap(pool: Pool, rows: tuple[int, int]) -> float:
    return float(np.abs(pool.blendshapes[rows[0]] - pool.blendshapes[rows[1]]).sum())


class Ruler:
    """How far one picture is from the next, and who it shows."""

    def __init__(self) -> None:
        self._landmarker, self._perceptual, self._identity = Landmarker(1), Perceptual("alex", 1), IdentityNetwork("sface", 1)

    def look(self, image: Image) -> tuple[np.ndarray, np.ndarray] | None:
        """Landmarks and the person's embedding; None where no face is found."""
        faces = self._landmarker.detect(image)
        if not faces:
            return None
        points = (self._landmarker.track(image, faces[0]) or faces[0]).landmarks
        return points, self._identity.embed(image, points)

    def way(self, frames: Sequence[Image]) -> dict[str, float] | None:
        """Largest and mean step, in LPIPS and on the mesh, and the largest jump of identity; None where a face is lost."""
        seen = [self.look(frame) for frame in frames]
        if any(one is None for one in seen):
            return None
        known = [one for one in seen if one is not None]
        looks = np.array([self._perceptual.distances([one], other)[0] for one, other in _neighbours(frames)])
        moves = np.array([np.linalg.norm((a[0] - b[0])[:, :2], axis=-1).mean() for a, b in _neighbours(known)])
        jumps = np.array([1 - cosine(a[1], b[1]) for a, b in _neighbours(known)])
        return {
            "lpips_ratio": float(looks.max() / looks.mean()),
            "lpips_mean_step": float(looks.mean()),
            "mesh_ratio": float(moves.max() / moves.mean()),
            "mesh_mean_step_px": float(moves.mean()),
            "largest_identity_step": float(jumps.max()),
            "identity_start_to_end": 1 - cosine(known[0][1], known[-1][1]),
        }


def _neighbours(items: Sequence) -> Iterator[tuple]:
    return zip(items[:-1], items[1:], strict=True)


def evenness(method: OnnxMethod, ruler: Ruler, pool: Pool, count: int) -> dict[str, Any]:
    """`count` people, each between the two farthest expressions of one who has them far apart; the portrait's pose stays."""
    people = list(people_of(pool).values())
    ways = sorted((far_apart(pool, rows) for rows in people), key=lambda ends: -_gap(pool, ends))
    out: dict[str, Any] = {}
    for path in get_args(Way):
        found = []
        for rows, ends in zip(people[:count], ways, strict=False):
            portrait = method.encode_crop(pool.read(rows[:1])[0])
            first, last = (_with(portrait, method.encode_motion(image).expression) for image in pool.read(np.array(ends)))
            frames = [method.render(portrait, interpolate(first, last, step / STEPS, path=path)) for step in range(STEPS + 1)]
            if way := ruler.way(frames):
                found.append(way)
        names = found[0] if found else {}
        means = {name: round(float(np.mean([way[name] for way in found])), 4) for name in names}
        worst = {f"worst_{name}": round(float(max(way[name] for way in found)), 4) for name in names if "ratio" in name}
        out[path] = {"ways": len(found), **means, **worst}
    return out


def sampling(method: OnnxMethod, ruler: Ruler, pool: Pool, count: int, sigma: np.ndarray) -> dict[str, Any]:
    """Codes drawn from N(0, sigma^2) on each of `count` portraits: is there a face, is it the person, is the look one that
    people make (every blendshape within what the val clips show)?"""
    people = list(people_of(pool).values())
    random = np.random.default_rng(0)
    top = np.quantile(pool.blendshapes[pool.split == "val"], 0.999, axis=0)
    faces, same, within = 0, [], []
    landmarker = Landmarker(1)
    for number in range(min(count, len(people))):
        portrait = method.encode_crop(pool.read(people[number][:1])[0])
        own = ruler.look(method.render(portrait, portrait.motion))
        for _ in range(SAMPLES):
            code = (sigma * random.standard_normal(sigma.shape)).astype(np.float32)
            picture = method.render(portrait, _with(portrait, code))
            seen = ruler.look(picture)
            if seen is None or own is None:
                continue
            faces += 1
            same.append(cosine(seen[1], own[1]))
            face = landmarker.detect(picture)[0]
            within.append(float(np.mean(landmarker.blendshapes(face).reshape(-1) <= top + 0.05)))
    return {
        "drawn": min(count, len(people)) * SAMPLES,
        "faces_found": faces,
        "identity_to_portrait": round(float(np.mean(same)), 4) if same else None,
        "blendshapes_within_those_seen": round(float(np.mean(within)), 4) if within else None,
    }


def codes(method: OnnxMethod, pool: Pool, every: int = 5) -> np.ndarray:
    """[N,E]: what the encoder says of every 5th frame of the val clips."""
    rows = np.flatnonzero(pool.split == "val")[::every]
    return np.stack([method.encode_motion(image).expression for image in pool.read(rows)])


@torch.no_grad()
def divergences(run: Path, pool: Pool, every: int = 5) -> np.ndarray:
    """[E]: each dimension's divergence from the unit Gaussian, nats, over every 5th frame of the val clips."""
    model = mmfa.build()
    begin(torch.nn.ModuleDict({"motion": model.motion}), read_start(run))
    model.eval()
    data = Batches(pool, ("val",), 256, torch.device("cpu"))
    rows = np.flatnonzero(pool.split == "val")[::every]
    found = [model.motion(data.read(some)["image"]) for some in np.array_split(rows, max(1, len(rows) // 32))]
    mean, variance = (torch.cat([one[name] for one in found]) for name in ("expression", "log_variance"))
    return gaussian.divergence(mean, variance).numpy()


def _with(portrait: Portrait, expression: np.ndarray) -> Motion:
    """The portrait's own pose, another expression."""
    return replace(portrait.motion, expression=expression)


def measure(weights: Path, pool_folder: Path, people: int, run: Path | None = None) -> dict[str, Any]:
    """The whole run. Raises ReenactError for a pool or weights that cannot be used."""
    method, ruler, pool = OnnxMethod(weights, "cpu", 1), Ruler(), Pool.load(pool_folder)
    said = codes(method, pool)
    sigma = said.std(0)
    out = {
        "protocol": f"{STEPS} steps between the two farthest expressions of another unseen person, drawn on an unseen portrait",
        "command": f"python -m experiments.interpolation WEIGHTS POOL --json FILE --people {people}",
        "networks": "LPIPS AlexNet; MediaPipe face landmarker; SFace",
        "method": method.name,
        "weights": method.fingerprint,
        "between": evenness(method, ruler, pool, people),
        "random_codes": sampling(method, ruler, pool, people, sigma),
        "code": {"mean_of_squares": round(float(np.square(said).mean()), 4), "variance": [round(float(x), 4) for x in sigma**2]},
    }
    if run is not None:
        nats = divergences(run, pool)
        out["code"]["divergence_nats"] = [round(float(x), 3) for x in nats]
        out["code"]["dimensions_that_say_nothing"] = int((nats < FREE_NATS).sum())
    return out


def main() -> None:
    path, found = measured(__doc__, "pool", measure, ("people", int, 3), ("run", Path, None))
    sys.stdout.write(f"{path}: {found['between']}\n")


if __name__ == "__main__":
    main()
