"""What relative motion should count from: other people's portraits, driven, their faces compared with the driver's.

python -m experiments.neutral src/reenact/weights/mmfa DATA --json results/neutral.json

DATA: a folder with clips/val and portraits/val (docs/evaluation.md). Drivers are the clips' first eight seconds, each fifth
frame; portraits are two at rest, and the two clips' frames that smile most, not driven by their own clip. For each neutral of
motion/reference.py, and for the driver's motion as it is: the mean difference of the mouth's blendshapes and of the smile's,
output and driver; distance of face-api's embeddings (1 - cosine), a network that nothing here was taught by; CSIM by ArcFace with
the portrait as the method renders it at rest. The head's pose is the driver's in all of them.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from experiments import measured
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Motion, Portrait
from reenact.evaluate.readings import FaceReader, Reading
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.media.video import VideoReader
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Control
from reenact.pipeline.inputs import read_portrait
from reenact.runtime.onnx_method import OnnxMethod

SECONDS, STEP = 8.0, 5
EACH = 7
"""of the frames that are encoded, each so-many-th is rendered and compared"""
WAYS: dict[str, Control] = {
    **{f"relative, {name}": Control("relative", smooth=0.0, reference=name) for name in ("first", "calm", "rest")},  # type: ignore[arg-type]
    "absolute": Control("absolute", smooth=0.0),
}
MOUTH = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith(("mouth", "jaw"))]
SMILE = [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith("mouthSmile")]


@dataclass(frozen=True)
class Driver:
    name: str
    rate: Fraction
    images: list[Image]
    motions: list[Motion]
    readings: list[Reading | None]


def drivers(method: OnnxMethod, reader: FaceReader, folder: Path) -> Iterator[Driver]:
    """The clips' frames, motions and readings. Raises ReenactError where there are none."""
    for path in sorted(folder.glob("*.mp4")):
        with VideoReader(path, pixels="stored") as video:
            images = [frame.image for frame in itertools.islice(video, 0, round(SECONDS * video.rate), STEP)]
            rate = video.rate / STEP
        yield Driver(path.stem, rate, images, [method.encode_motion(i) for i in images], [reader.read(i) for i in images])


def portraits(method: OnnxMethod, found: list[Driver], folder: Path) -> dict[str, list[tuple[str, Portrait]]]:
    """Of each kind two, with the clip that they come from."""
    still = sorted(folder.glob("*.jpg"))[:: len(list(folder.glob("*.jpg"))) // 2][:2]
    smiles = []
    for driver in found:
        each = [0.0 if reading is None else float(reading.blendshapes[SMILE].mean()) for reading in driver.readings]
        smiles.append((max(each), driver.name, driver.images[int(np.argmax(each))]))
    most = sorted(smiles, key=lambda one: -one[0])[:2]
    return {
        "at rest": [("", method.encode_source(read_portrait(path))) for path in still],
        "smiling": [(name, method.encode_crop(image)) for _, name, image in most],
    }


def measure(weights: Path, data: Path) -> dict[str, Any]:
    """The whole run. Raises ReenactError for data or weights that cannot be used."""
    method, reader = OnnxMethod(weights, "cpu", 1), FaceReader(("arcface",), emotion=True, threads=1)
    found = list(drivers(method, reader, data / "clips" / "val"))
    if not found:
        raise ReenactError(f"{data} has no clips/val/*.mp4")
    rows: dict[str, dict[str, Any]] = {}
    for kind, given in portraits(method, found, data / "portraits" / "val").items():
        for way, control in WAYS.items():
            kept = [
                row
                for number, driver in enumerate(found)
                for origin, portrait in (given[number % 2],)
                if origin != driver.name
                for row in _rows(method, reader, portrait, driver, control)
            ]
            means = np.array(kept).mean(0)
            names = ("mouth", "smile", "emotion", "csim")
            rows[f"{kind}; {way}"] = {"frames": len(kept), **{n: round(float(m), 4) for n, m in zip(names, means, strict=True)}}
    return {
        "protocol": "cross-identity, relative motion from several neutrals (experiments/neutral.py)",
        "command": "python -m experiments.neutral WEIGHTS DATA --json FILE",
        "method": method.name,
        "weights": method.fingerprint,
        "ways": rows,
    }


def _rows(
    method: OnnxMethod, reader: FaceReader, portrait: Portrait, driver: Driver, control: Control
) -> Iterator[tuple[float, float, float, float]]:
    at_rest = reader.read(method.render(portrait, portrait.motion))
    assert at_rest is not None
    animator = Animator(method, portrait, control, driver.rate)
    animator.prepare(driver.motions)
    for motion, truth in itertools.islice(zip(driver.motions, driver.readings, strict=True), 0, None, EACH):
        moved = animator.motion(motion)
        if truth is None or moved is None:
            continue
        placed = Motion(motion.head_pose, portrait.motion.scale, portrait.motion.translation, moved.expression)
        output = reader.read(method.render(portrait, placed))
        if output is None:
            continue
        change = np.abs(output.blendshapes - truth.blendshapes)
        felt = _cosine(output.emotion_api, truth.emotion_api)
        same = _cosine(output.identity["arcface"], at_rest.identity["arcface"])
        yield float(change[MOUTH].mean()), float(change[SMILE].mean()), 1 - felt, same


def _cosine(one: np.ndarray | None, other: np.ndarray | None) -> float:
    assert one is not None and other is not None
    return float(one @ other / (np.linalg.norm(one) * np.linalg.norm(other)))


def main() -> None:
    _, found = measured(__doc__, "data", measure)
    for name, row in found["ways"].items():
        sys.stdout.write(f"{name:28s} {row}\n")


if __name__ == "__main__":
    main()
