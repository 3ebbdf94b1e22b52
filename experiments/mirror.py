"""Are heads that turn nearer to the truth where they are rendered of the portrait, or of its mirror image (motion/mirror.py)?

python -m experiments.mirror POOL --json results/mirror.json [--method mmfa] [--every 6] [--sheet FILE]

Clips of people that no weights were trained on: of each, pairs of frames that lie 12 to 20, 20 to 30 and more than 30 degrees
of yaw apart, to the right and to the left; one is the portrait, the other the truth, whose motion is read from it as from any
driver. LPIPS (VGG) and the mean distance of InsightFace's 106 landmarks, px. Needs the extra `eval`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError, as_options
from reenact.core.provenance import measured_with
from reenact.core.types import Image, Motion, Portrait
from reenact.data.pool import Pool
from reenact.evaluate.landmarks106 import Landmarks106, akd_106
from reenact.evaluate.networks import Perceptual
from reenact.evaluate.results import write_json
from reenact.motion.mirror import Mirror
from reenact.runtime.onnx_method import OnnxMethod, load

BINS = ((12, 20), (20, 30), (30, 90))
"""degrees of yaw between the two frames"""
PAIRS = 2
"""of each clip, bin and direction, at most"""


def pairs(yaw: np.ndarray) -> Iterator[tuple[str, int, int]]:
    """yaw: [n] degrees. Direction and bin, number of the portrait's frame and of the truth's; portraits that look ahead first."""
    turn = yaw[None] - yaw[:, None]
    for low, high in BINS:
        for name, sign in (("right", 1), ("left", -1)):
            one, other = np.nonzero((sign * turn >= low) & (sign * turn < high))
            order = np.argsort(np.abs(yaw[one]), kind="stable")
            spread = order[: max(PAIRS, len(order) // 4)][:: max(1, len(order) // (4 * PAIRS))][:PAIRS]
            yield from ((f"{name} {low}", int(one[place]), int(other[place])) for place in spread)


def both(method: OnnxMethod, mirror: Mirror, portrait: Portrait, motion: Motion) -> tuple[Image, Image]:
    """The motion rendered of the portrait, and of its mirror image."""
    assert portrait.mirrored is not None
    plain = method.render(replace(portrait, mirrored=None), motion)
    seen = method.render(portrait.mirrored, mirror.seen(motion, portrait.motion, portrait.mirrored.motion))
    return plain, np.ascontiguousarray(seen[:, ::-1])


def measure(method: OnnxMethod, pool: Pool, every: int) -> tuple[list[dict[str, Any]], list[Image]]:
    """A row a pair, and portrait, truth, plain and mirrored side by side. Raises ReenactError for weights without mirror.json."""
    mirror = Mirror.load(method.folder, method.fingerprint)
    if mirror is None:
        raise ReenactError(f"{method.folder}: no mirror.json; make it with reenact calibrate")
    network, finder, rows, sheet = Perceptual("vgg"), Landmarks106(), [], []
    for clip in np.unique(pool.clip[pool.split == "val"]):
        frames = list(pool.read(np.flatnonzero(pool.clip == clip)[::every]))
        motions = [method.encode_motion(frame) for frame in frames]
        for kind, one, other in pairs(np.degrees([motion.head_pose[0] for motion in motions])):
            made, truth = both(method, mirror, method.encode_crop(frames[one]), motions[other]), frames[other]
            points = [finder.read(picture) for picture in (truth, *made)]
            row: dict[str, Any] = {"kind": kind}
            for name, distance, found in zip(("plain", "mirrored"), network.distances([*made], truth), points[1:], strict=True):
                row[f"lpips_{name}"] = round(distance, 4)
                row[f"akd_{name}"] = None if points[0] is None or found is None else round(akd_106(found, points[0]), 3)
            rows.append(row)
            sheet.append(np.hstack([frames[one], truth, *made]))
    return rows, sheet


def summary(rows: list[dict[str, Any]]) -> dict[str, dict[str, float]]:
    """Means of each direction and bin, and in how many pairs the mirrored one is nearer by LPIPS."""
    said = {}
    for kind in sorted({row["kind"] for row in rows}):
        of = [row for row in rows if row["kind"] == kind and None not in row.values()]
        means = {name: round(float(np.mean([row[name] for row in of])), 4) for name in of[0] if name != "kind"} if of else {}
        said[kind] = {"pairs": len(of), **means, "mirrored_nearer": sum(row["lpips_mirrored"] < row["lpips_plain"] for row in of)}
    return said


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pool", type=Path)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--method", default="mmfa")
    parser.add_argument("--every", type=int, default=6, help="every which frame of the pool")
    parser.add_argument("--sheet", type=Path, help="a picture of all: portrait, truth, plain, mirrored")
    given = parser.parse_args()
    try:
        method = load(given.method)
        rows, sheet = measure(method, Pool.load(given.pool), given.every)
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    found = summary(rows)
    command = f"python -m experiments.mirror POOL --method {given.method} --every {given.every} --json results/mirror.json"
    write_json(given.json, {"command": command, **measured_with(method.folder), "turns": found, "rows": rows})
    sys.stdout.write("".join(f"{kind}: {of}\n" for kind, of in found.items()))
    if given.sheet:
        PILImage.fromarray(np.vstack(sheet)).save(given.sheet)


if __name__ == "__main__":
    main()
