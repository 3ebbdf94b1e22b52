"""How much of a driver's gaze arrives, with and without the irises moved (runtime/gaze.py).

python -m experiments.gaze src/reenact/weights/mmfa DATA --json results/gaze.json

DATA: a folder with clips/val and portraits/val (docs/evaluation.md). `self`: each val clip drives its own first frame, each
eighth frame for at most twelve seconds, cut as the portrait is; `cross`: the clips drive val portraits. Frames in which the
driver's eyes are open, each clip's mean taken out: slope and correlation of the irises' place between the corners of the
eyes, output on driver, by MediaPipe's landmarker (which also says the gaze that is asked for) and by InsightFace's 106
points, a network that nothing here was taught by or asks. Those points are drawn to the middle of the eye: of MediaPipe's
range they show a seventh, in drivers as in outputs, so their slope is of the one on the other. `eyes`: of the self part,
LPIPS-VGG and mean |difference| (of 255) of the rectangle around both eyes, 192 x 64 px, output and driver. `known`: 12 val
portraits whose irises are moved by known ways: the slope of what is read on them.
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from experiments import measured
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Motion, Portrait
from reenact.evaluate.landmarks106 import EYES, Landmarks106
from reenact.evaluate.networks import Perceptual
from reenact.faces import eyes
from reenact.faces.crop import CropTracker, cut, head_crop
from reenact.faces.landmarker import Landmarker
from reenact.media.video import VideoReader
from reenact.motion.transfer import transfer
from reenact.pipeline.editing import Edit, Editor
from reenact.pipeline.inputs import read_portrait
from reenact.runtime.onnx_method import OnnxMethod

POSES = {"as they are": Edit(), "yaw 20": Edit(yaw=float(np.radians(20))), "smile": Edit(expression="smile")}
WAYS, PEOPLE = (-0.15, -0.1, -0.05, 0.0, 0.05, 0.1, 0.15), 12
"""eye widths"""
STEP, SECONDS = 8, 12.0
PUPILS = (38, 88)
EYES_SIZE = (192, 64)


@dataclass
class Tally:
    """Pairs of where the irises are: driver's, output's; of each clip by itself."""

    clips: list[np.ndarray] = field(default_factory=list)

    def figures(self) -> dict[str, Any]:
        """Sideways, then up and down."""
        centred = np.concatenate([clip - clip.mean(0) for clip in self.clips])
        out: dict[str, Any] = {"frames": len(centred), "clips": len(self.clips)}
        for axis, name in enumerate(("across", "height")):
            driver, output = centred[:, 0, axis], centred[:, 1, axis]
            out[f"{name}_slope"] = round(float(driver @ output / (driver @ driver)), 3)
            out[f"{name}_correlation"] = round(float(np.corrcoef(driver, output)[0, 1]), 3)
        return out


class Readers:
    def __init__(self) -> None:
        self._landmarker, self._points = Landmarker(1), Landmarks106(1)

    def mesh(self, image: Image) -> np.ndarray | None:
        """[2] irises from between the corners, eye widths, mean of both eyes; None: no face, or shut eyes."""
        found = self._landmarker.detect(image)
        if not found:
            return None
        face = self._landmarker.track(image, found[0]) or found[0]
        gaze = eyes.gaze(face.landmarks)
        return None if gaze is None else gaze[0] * (eyes.READ, 1 / eyes.HEIGHT_LEFT)

    def points(self, image: Image) -> np.ndarray | None:
        """The same by the 106 points."""
        found = self._points.read(image)
        if found is None:
            return None
        each = []
        for (one, other, *_), pupil in zip(EYES, PUPILS, strict=True):
            left, right = sorted((found.points[one], found.points[other]), key=lambda point: point[0])
            wide = max(float(np.linalg.norm(right - left)), 1e-6)
            along, away = (right - left) / wide, found.points[pupil] - (left + right) / 2
            each.append((away @ along / wide, away @ np.array([-along[1], along[0]]) / wide))
        return np.mean(each, 0)


@dataclass(frozen=True)
class Seen:
    crop: Image
    motion: Motion
    outline: eyes.Outlines
    mesh: np.ndarray | None
    points: np.ndarray | None


def driver(method: OnnxMethod, path: Path, readers: Readers) -> tuple[Image, list[Seen]]:
    """The first frame and each `STEP`-th, cut as the first."""
    tracker, seen, first, place = CropTracker(method.landmarker), [], None, None
    with VideoReader(path) as video:
        for frame in itertools.islice(video, 0, round(SECONDS * video.rate), STEP):
            found = tracker.update(frame.image)
            if found is None:
                continue
            if first is None or place is None:
                first, place = frame.image, head_crop(found[1])
            crop = cut(frame.image, place, method.size)
            motion = method.encode_motion(crop).replace(gaze=eyes.gaze(found[1].landmarks))
            outline = eyes.outlines(found[1].landmarks, place)
            seen.append(Seen(crop, motion, outline, readers.mesh(crop), readers.points(crop)))
    if first is None:
        raise ReenactError(f"{path}: no face found")
    return first, seen


def outputs(method: OnnxMethod, portrait: Portrait, seen: list[Seen], moved: bool) -> Iterator[tuple[Seen, Image]]:
    """Relative motion from the first frame with open eyes; without the gaze where it is not moved."""
    reference = next(one.motion for one in seen if one.motion.gaze is not None)
    for one in seen:
        if one.motion.gaze is not None:
            motion = transfer(portrait.motion, one.motion, reference, "relative")
            yield one, method.render(portrait, motion if moved else motion.replace(gaze=None))


def known(method: OnnxMethod, photos: list[Path], readers: Readers) -> dict[str, Any]:
    """Of irises moved by known ways: how much the landmarker says (MediaPipe's, undivided; then the 106 points)."""
    editor = Editor(method)
    found: dict[str, Any] = {}
    for name, wanted in POSES.items():
        slopes = []
        for path in photos[:PEOPLE]:
            portrait = method.encode_source(read_portrait(path))
            assert portrait.motion.gaze is not None
            motion = editor.apply(portrait.motion, wanted)
            moved = [portrait.motion.gaze + np.array([way, 0], np.float32) for way in WAYS]
            pictures = [method.render(portrait, motion.replace(gaze=gaze)) for gaze in moved]
            read = [[reader(picture) for picture in pictures] for reader in (readers.mesh, readers.points)]
            if all(one is not None for each in read for one in each):
                slopes.append([np.polyfit(WAYS, [one[0] for one in each], 1)[0] for each in read])  # type: ignore[index]
        mean = np.mean(slopes, 0)
        found[name] = {"people": len(slopes), "mesh": round(float(mean[0]), 3), "points": round(float(mean[1]), 3)}
    return found


def eye_strip(image: Image, outline: eyes.Outlines) -> Image:
    """The rectangle around both eyes."""
    side = image.shape[0]
    left, top = outline.min((0, 1)) * side
    right, bottom = outline.max((0, 1)) * side
    more = 0.15 * (right - left)
    up, down = ((top + bottom) / 2 + sign * (right - left) * 0.2 for sign in (-1, 1))
    box = tuple(float(np.clip(edge, 0, side)) for edge in (left - more, up, right + more, down))
    return np.asarray(PILImage.fromarray(image).resize(EYES_SIZE, PILImage.Resampling.BICUBIC, box))


def measure(weights: Path, data: Path) -> dict[str, Any]:
    """The whole run. Raises ReenactError for data or weights that cannot be used."""
    method, readers, lpips = OnnxMethod(weights, "cpu", 1, "still"), Readers(), Perceptual("vgg", 1)
    clips = sorted((data / "clips" / "val").glob("*.mp4"))
    photos = sorted((data / "portraits" / "val").glob("*.jpg"))
    if not clips or not photos:
        raise ReenactError(f"{data} has no clips/val/*.mp4 or portraits/val/*.jpg")
    tallies: dict[str, Tally] = {}
    strips: dict[str, list[tuple[float, float]]] = {"still": [], "moved": []}
    for number, path in enumerate(clips):
        first, seen = driver(method, path, readers)
        portraits = {
            "self": method.encode_source(first),
            "cross": method.encode_source(read_portrait(photos[3 * number % len(photos)])),
        }
        for (kind, portrait), way in itertools.product(portraits.items(), ("still", "moved")):
            rows: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {"mesh": [], "points": []}
            for one, picture in outputs(method, portrait, seen, way == "moved"):
                for name, kept in rows.items():
                    pair = getattr(one, name), getattr(readers, name)(picture)
                    if pair[0] is not None and pair[1] is not None:
                        kept.append(pair)
                if kind == "self":
                    wanted, found = (eye_strip(image, one.outline) for image in (one.crop, picture))
                    away = float(np.abs(wanted.astype(float) - found).mean())
                    strips[way].append((lpips.distances([found], wanted)[0], away))
            for name, kept in rows.items():
                if len(kept) > 2:
                    tallies.setdefault(f"{kind}; {name}; {way}", Tally()).clips.append(np.array(kept))
    return {
        "protocol": "how much of a driver's gaze arrives (experiments/gaze.py)",
        "command": "python -m experiments.gaze WEIGHTS DATA --json FILE",
        "method": method.name,
        "weights": method.fingerprint,
        "gaze": {name: tally.figures() for name, tally in tallies.items()},
        "known": known(method, photos, readers),
        "eyes": {
            way: dict(zip(("lpips_vgg", "difference"), np.mean(found, 0).round(4).tolist(), strict=True))
            for way, found in strips.items()
        },
    }


def main() -> None:
    path, _ = measured(__doc__, "data", measure)
    sys.stdout.write(f"{path}: written\n")


if __name__ == "__main__":
    main()
