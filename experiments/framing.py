"""Is a head whose hair lies whole in a wider square (faces/framing.py) nearer to the truth than one in the usual square?

python -m experiments.framing --json results/framing.json [--method mmfa] [--people 20] [--sheet FILE]

Rendered heads that no weights were trained on, in pictures that show more than the head: a calm frontal frame is the photo, the
same person in another pose, place and expression the truth, whose motion is read from it as from any driver. Compared in the
whole photo: LPIPS (AlexNet) of the head with all around it, of what lies above the eyes, and of the face alone, which is
smaller in the wider square. Needs the extras `synth` and `eval`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from experiments.detail import FIRST, SEED, calm_and_moved, say
from reenact.core.types import AS_USUAL, Image, Placement, Portrait
from reenact.evaluate.networks import Perceptual
from reenact.faces.crop import cut, paste, soft_mask
from reenact.runtime.onnx_method import OnnxMethod, load
from reenact.synth.clip import Studio
from reenact.synth.scene import Recipe

SIDE, FARTHER = 640, 1.9
"""of the pictures, px; how much farther away the camera is than in a training clip"""
AROUND = 1.5
"""the compared square, in sides of the usual one"""
ASKED = (
    ((0, 0, 14), {"jawOpen": 0.4}, (0.0, 0.0, 0.0)),
    ((15, 0, 0), {"mouthSmileLeft": 0.8, "mouthSmileRight": 0.8}, (0.25, 0.0, 0.0)),
    ((0, -10, 0), {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}, (0.0, -0.2, 0.0)),
    ((-12, 8, -8), {"jawOpen": 0.6}, (-0.2, 0.1, 0.0)),
    ((0, 0, 0), {"browInnerUp": 0.8}, (0.0, 0.0, -4.0)),
)
"""degrees of yaw, pitch, roll; blendshapes; dm to the right, up and to the camera. The people take turns"""
PARTS = {"whole": (0.0, 0.0, 1.0, 1.0), "above": (0.15, 0.0, 0.85, 0.42), "face": (0.28, 0.3, 0.72, 0.74)}
"""left, top, right, bottom in the compared square"""


def pairs(people: int) -> Iterator[tuple[Image, Image]]:
    """The photo and the truth of each person."""
    with Studio.open(SIDE) as studio:
        for number in range(people):
            who = Recipe(SEED, FIRST + number, 0, 0, SIDE)
            stage, scene = studio.stage(SEED, FIRST + number), studio.scene(who, calm_and_moved(*ASKED[number % len(ASKED)]))
            scene.camera = replace(scene.camera, zoom=scene.camera.zoom / FARTHER)
            wall = studio.renderer.backdrop(scene.wall)
            yield scene.picture(studio.renderer, stage, wall, 0), scene.picture(studio.renderer, stage, wall, 1)
            wall.release()


def drawn(method: OnnxMethod, portrait: Portrait, truth: Image, usual: Placement) -> Image:
    """The photo, moved as the truth is."""
    assert portrait.photo is not None and portrait.placement is not None
    frame = method.render(portrait, method.encode_motion(cut(truth, usual, method.size)))
    return paste(portrait.photo, frame, portrait.placement, soft_mask(frame.shape[0]))


def compare(method: OnnxMethod, plain: OnnxMethod, people: int) -> tuple[list[dict[str, float]], list[Image]]:
    """A row a person, and photo, truth, usual and wider side by side. plain: takes the usual square."""
    network, rows, sheet = Perceptual("alex"), [], []
    for photo, truth in pairs(people):
        wide, narrow = method.encode_source(photo), plain.encode_source(photo)
        assert narrow.placement is not None and narrow.framing == AS_USUAL
        usual = narrow.placement
        made = [drawn(plain, narrow, truth, usual), drawn(method, wide, truth, usual)]
        square = replace(usual, side=AROUND * usual.side)
        seen = [cut(picture, square, 384) for picture in (photo, truth, *made)]
        row = {"side": round(wide.framing.side, 3)}
        for name, part in PARTS.items():
            left, top, right, bottom = (round(384 * end) for end in part)
            parts = [np.ascontiguousarray(picture[top:bottom, left:right]) for picture in seen[1:]]
            parts = [np.asarray(PILImage.fromarray(part).resize((256, 256), PILImage.Resampling.BICUBIC)) for part in parts]
            for label, distance in zip(("usual", "wider"), network.distances(parts[1:], parts[0]), strict=True):
                row[f"lpips_{name}_{label}"] = round(float(distance), 4)
        rows.append(row)
        sheet.append(np.hstack(seen))
    return rows, sheet


class _Usual(OnnxMethod):
    """The same in the usual square."""

    def _roomy(self, image: Image, usual: Placement, face: Any) -> Placement:
        return usual


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--method", default="mmfa")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--sheet", type=Path, help="a picture of all: photo, truth, usual, wider")
    given = parser.parse_args()
    method = load(given.method, head_size="photo")
    rows, sheet = compare(method, _Usual(method.folder, background="still", head_size="photo"), given.people)
    better = {part: sum(row[f"lpips_{part}_wider"] < row[f"lpips_{part}_usual"] for row in rows) for part in PARTS}
    say("framing", given, {"better_wider": better}, method, rows, sheet)


if __name__ == "__main__":
    main()
