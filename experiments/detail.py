"""Is a head of 512 px drawn with the photo's own detail nearer to the truth than the 256 px frame enlarged?

python -m experiments.detail --json results/detail.json [--method mmfa] [--people 10] [--side 512] [--sheet FILE]

Rendered heads that no weights were trained on: a calm frontal frame is the photo, the same person in another pose and expression
the truth, whose motion is read from it as from any driver. LPIPS (AlexNet) at that side; sharpness: mean absolute Laplacian of
the luma inside the head, which is to be the truth's. Needs the extras `synth` and `eval`.
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

from reenact.core.provenance import measured_with
from reenact.core.types import Image, Placement
from reenact.evaluate.networks import Perceptual
from reenact.evaluate.results import write_json
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.crop import cut
from reenact.runtime.onnx_method import OnnxMethod, load
from reenact.synth.clip import Studio
from reenact.synth.motion import Motion
from reenact.synth.scene import Recipe

FIRST = 900
"""ours: the first identity; those up to 63 were trained on"""
SEED = 7
ASKED = (
    ((12, 0, 0), {"jawOpen": 0.6}),
    ((-20, 4, 0), {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    ((5, -8, 6), {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8, "jawOpen": 0.2}),
    ((25, 0, -4), {"browInnerUp": 0.8}),
    ((-8, 6, 0), {"jawOpen": 0.3, "eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5}),
)
"""degrees of yaw, pitch, roll, and blendshapes; the people take turns"""


def pairs(people: int, side: int) -> Iterator[tuple[Image, Image]]:
    """The photo and the truth of each person, side x side."""
    with Studio.open(side) as studio:
        for number in range(people):
            recipe = Recipe(SEED, FIRST + number, 0, 0, side)
            stage, scene = studio.stage(SEED, FIRST + number), studio.scene(recipe, calm_and_moved(*ASKED[number % len(ASKED)]))
            wall = studio.renderer.backdrop(scene.wall)
            yield scene.picture(studio.renderer, stage, wall, 0), scene.picture(studio.renderer, stage, wall, 1)
            wall.release()


def calm_and_moved(
    angles: tuple[int, int, int], values: dict[str, float], offset: tuple[float, float, float] = (0.0, 0.0, 0.0)
) -> Motion:
    """Two frames: a calm frontal one, and one in this pose, expression and place. degrees; blendshapes; dm."""
    shapes = np.zeros((2, len(BLENDSHAPE_NAMES)), np.float32)
    for name, value in values.items():
        shapes[1, BLENDSHAPE_NAMES.index(name)] = value
    pose, place = np.zeros((2, 3), np.float32), np.zeros((2, 3), np.float32)
    pose[1], place[1] = np.radians(angles), offset
    return Motion(head_pose=pose, blendshapes=shapes, gaze=np.zeros((2, 2), np.float32), offset=place)


def drawn(method: OnnxMethod, photo: Image, truth: Image) -> tuple[Image, Image]:
    """The method's frame enlarged, and the frame drawn at the photo's side."""
    side = photo.shape[0]
    place = Placement(side / 2, side / 2, side)
    portrait = method.encode_crop(photo, head_size=side)
    motion = method.encode_motion(cut(truth, place, method.size))
    small = method.render(replace(portrait, large=None), motion)
    enlarged = np.asarray(PILImage.fromarray(small).resize((side, side), PILImage.Resampling.BICUBIC))
    return enlarged, method.render(portrait, motion)


def sharpness(picture: Image) -> float:
    """Mean absolute Laplacian of the luma, 0..255, in the middle three fifths of the picture."""
    luma = picture.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
    edges = 4 * luma[1:-1, 1:-1] - luma[:-2, 1:-1] - luma[2:, 1:-1] - luma[1:-1, :-2] - luma[1:-1, 2:]
    margin = picture.shape[0] // 5
    return float(np.abs(edges[margin:-margin, margin:-margin]).mean())


def compare(method: OnnxMethod, people: int, side: int) -> tuple[list[dict[str, float]], list[Image]]:
    """A row a person, and truth, enlarged and detailed frames side by side."""
    network, rows, sheet = Perceptual("alex"), [], []
    for photo, truth in pairs(people, side):
        enlarged, detailed = drawn(method, photo, truth)
        lpips = network.distances([enlarged, detailed], truth)
        sharp = [sharpness(picture) for picture in (truth, enlarged, detailed)]
        rows.append(
            {
                "lpips_enlarged": round(lpips[0], 4),
                "lpips_detailed": round(lpips[1], 4),
                "sharpness_truth": round(sharp[0], 3),
                "sharpness_enlarged": round(sharp[1], 3),
                "sharpness_detailed": round(sharp[2], 3),
            }
        )
        sheet.append(np.hstack([photo, truth, enlarged, detailed]))
    return rows, sheet


def better(rows: list[dict[str, float]]) -> dict[str, int]:
    """In how many pairs the detailed frame is nearer to the truth."""
    return {
        "lpips": sum(row["lpips_detailed"] < row["lpips_enlarged"] for row in rows),
        "sharpness": sum(
            abs(row["sharpness_detailed"] - row["sharpness_truth"]) < abs(row["sharpness_enlarged"] - row["sharpness_truth"])
            for row in rows
        ),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--method", default="mmfa")
    parser.add_argument("--people", type=int, default=10)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--sheet", type=Path, help="a picture of all: photo, truth, enlarged, detailed")
    given = parser.parse_args()
    method = load(given.method)
    rows, sheet = compare(method, given.people, given.side)
    say("detail", given, {"better_detailed": better(rows)}, method, rows, sheet)


def say(
    name: str,
    given: argparse.Namespace,
    better: dict[str, Any],
    method: OnnxMethod,
    rows: list[dict[str, float]],
    sheet: list[Image],
) -> None:
    """Writes an experiment's results, and the sheet where one is wanted. given: the command line's, with --json and --sheet."""
    options = " ".join(f"--{option} {value}" for option, value in vars(given).items() if option not in ("json", "sheet"))
    said: dict[str, Any] = {
        "command": f"python -m experiments.{name} {options} --json results/{name}.json",
        **measured_with(method.folder),
        "pairs": len(rows),
        **better,
        "mean": {column: round(float(np.mean([row[column] for row in rows])), 4) for column in rows[0]},
        "rows": rows,
    }
    write_json(given.json, said)
    sys.stdout.write(f"{better} {said['mean']}\n")
    if given.sheet:
        PILImage.fromarray(np.vstack(sheet)).save(given.sheet)


if __name__ == "__main__":
    main()
