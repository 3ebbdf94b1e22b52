"""Does an identity tell people apart, and is a motion the same on everyone? Of a method's shipped weights.

python -m experiments.descriptor_figures POOL --json results/sfd_descriptors.json [--method sfd --method mmfa]

verified: of the pool's val people, who are in no training clip, pairs of frames; the best balanced accuracy of a threshold on
the cosine of their identities (less the mean of all), chance being 0.5. Val people have one clip each, so light and hair help: it
is an upper bound. Methods without identity coefficients are asked for their canonical keypoints.
agreement: of rendered clips in which two people make the same motion, each clip's own mean taken out: the share of the code's
variance that is the motion's and not the person's (intraclass correlation; 1: the same code on both). matched: how often, of
all frames of B's clip, the code nearest to A's at a moment is within 0.1 s of it.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F

from reenact.core.errors import ReenactError
from reenact.core.provenance import measured_with
from reenact.data.pairs import twins
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.methods.sfd.recipe import verified
from reenact.runtime.onnx_method import OnnxMethod, load

IDENTITIES = ("identity", "canonical_keypoints")
NEAR = 0.1
"""seconds"""
PAIRS = 24
"""ours: pairs of rendered clips that are looked at"""


def identities(method: OnnxMethod, frames: np.ndarray) -> np.ndarray:
    """[n, k]: who each frame shows. Raises ReenactError where the method does not say."""
    rows = []
    for frame in frames:
        tensors = method.encode_crop(frame).tensors
        name = next((name for name in IDENTITIES if name in tensors), None)
        if name is None:
            raise ReenactError(f"{method.name} says nothing of who somebody is")
        rows.append(np.ravel(tensors[name]))
    return np.array(rows, np.float64)


def _unit(rows: np.ndarray) -> torch.Tensor:
    return F.normalize(torch.from_numpy(rows - rows.mean(0)), dim=1)


def agreement(one: np.ndarray, other: np.ndarray) -> float:
    """Intraclass correlation of two [n, k] series of codes, each without its mean."""
    apart = np.square(one - other).sum()
    return float(1 - apart / (np.square(one).sum() + np.square(other).sum()))


def matched(one: np.ndarray, other: np.ndarray, times: np.ndarray) -> float:
    """The share of rows of `one` whose nearest row of `other` is of the same moment."""
    nearest = np.linalg.norm(one[:, None] - other[None], axis=-1).argmin(1)
    return float((np.abs(times[nearest] - times) <= NEAR + 1e-9).mean())


def figures(method: OnnxMethod, pool: Pool, every: int) -> dict[str, Any]:
    """Both, of one method."""
    rows = np.flatnonzero(pool.split == "val")[::every]
    out: dict[str, Any] = {"frames": len(rows), "people": len(np.unique(pool.identity[rows]))}
    out["verified"] = round(verified(_unit(identities(method, pool.read(rows))), pool.identity[rows]), 4)
    rendered = np.flatnonzero(np.isin(pool.split, ("sval",)))
    groups = twins(pool, rendered)
    pairs = [pair for group in groups for pair in itertools.combinations(group, 2) if pair[0].identity != pair[1].identity]
    codes: dict[int, np.ndarray] = {}
    agreed, found = [], []
    for a, b in pairs[:: max(1, len(pairs) // PAIRS)][:PAIRS]:
        moments = sorted(a.rows.keys() & b.rows.keys())
        for row in [take.rows[moment] for take in (a, b) for moment in moments]:
            if row not in codes:
                codes[row] = method.encode_motion(pool.read(np.array([row]))[0]).expression
        one, other = (np.array([codes[take.rows[moment]] for moment in moments], np.float64) for take in (a, b))
        one, other = one - one.mean(0), other - other.mean(0)
        agreed.append(agreement(one, other))
        found.append(matched(one, other, np.array(moments) / 1000))
    if agreed:
        out |= {
            "rendered_pairs": len(agreed),
            "agreement": round(float(np.mean(agreed)), 4),
            "matched": round(float(np.mean(found)), 4),
        }
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--method", action="append", help="may be repeated; default: sfd and mmfa")
    parser.add_argument("--every", type=int, default=6)
    given = parser.parse_args()
    names = given.method or ["sfd", "mmfa"]
    try:
        pool = Pool.load(given.pool)
        methods = [load(name, "cpu", 1) for name in names]
        out = {method.name: {"weights": method.fingerprint, **figures(method, pool, given.every)} for method in methods}
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None
    command = f"python -m experiments.descriptor_figures POOL --every {given.every}"
    write_json(given.json, {"command": command, **measured_with(*(method.folder for method in methods)), **out})
    sys.stdout.write(json.dumps(out, indent=1) + "\n")


if __name__ == "__main__":
    main()
