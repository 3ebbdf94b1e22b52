"""The path that people use, step by step beside the verbs alone: what of a figure is lost on the way from a photo to a film.

`animate --output photo` finds the head in the photo, crops it, tracks and crops the driver's, smooths, transfers, renders, and
pastes the head back into the photo. Here the photo is the clip's own first frame and the clip drives it, so the clip is the truth
of each step; rows are the method's name and the step. All steps run the pipeline's own code (pipeline/animator.py, sources.py),
without the film's compression.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from reenact.core.types import Image, Motion, Placement, Portrait
from reenact.evaluate.baselines import Starter
from reenact.evaluate.protocols import Item
from reenact.evaluate.readings import Reading
from reenact.evaluate.shots import frames
from reenact.faces.crop import paste, soft_mask
from reenact.motion.compose import KEEP_PLACE
from reenact.pipeline.animator import Animator
from reenact.pipeline.control import Control
from reenact.pipeline.portrait import PHOTO, placer
from reenact.pipeline.sources import DrivingFile
from reenact.runtime.onnx_method import OnnxMethod

RATIOS = ("lpips_alex", "lpips_vgg", "dists", "akd_106", "akd_mesh", "ard_106", "emotion")
RATE = Fraction(25)


@dataclass(frozen=True)
class Step:
    """One way from the photo to the frame."""

    means: str
    control: Control
    cut: bool
    """whether heads are found and cut out of photo and clip; else both are taken as the crops that they are"""
    pasted: bool
    """whether the rendered head is pasted into the photo; a head that was cropped from it always is"""
    live: bool = False
    """whether the filter knows the past alone"""


ABSOLUTE = Control("absolute", smooth=0.0)
SMOOTHED = Control("absolute")
STEPS: dict[str, Step] = {
    "direct": Step("frames fed to the verbs as they are, absolute motion", ABSOLUTE, False, False),
    "pasted": Step("direct, the head's soft square laid into the first frame", ABSOLUTE, False, True),
    "filtered": Step("direct, and the temporal filter as files have it", SMOOTHED, False, False),
    "filtered live": Step("direct, and the filter as live has it, a little late", SMOOTHED, False, False, live=True),
    "cropped": Step("heads found, followed and cut out of photo and driver, laid back; no filter", ABSOLUTE, True, True),
    "whole": Step("cropped, and the filter: all that lies between photo and film", SMOOTHED, True, True),
    "first": Step("whole, head's size and place the photo's", Control(parts=KEEP_PLACE, reference="first"), True, True),
    "command": Step("the command, in the photo, as it comes: from the calmest face", Control(parts=PHOTO.parts()), True, True),
}
"""by what is written behind the method's name"""


class PathDriver:
    """A clip's motions through one step. Goes from frame to frame: `skip` for those that are not scored."""

    def __init__(self, method: OnnxMethod, portrait: Portrait, step: Step, motions: Sequence[Motion | None], rate: Fraction):
        self._method, self._portrait = method, portrait
        self._animator = Animator(method, portrait, step.control, rate)
        self._animator.prepare(motions)
        self._motions = iter(motions) if step.live else self._animator.looked_ahead(motions)
        self._motion = portrait.motion

    def skip(self) -> None:
        """The next frame, not rendered: the filter sees it all the same. A frame without a face holds the motion before it."""
        self._motion = self._animator.motion(next(self._motions)) or self._motion

    def __call__(self, driving: Image, reading: Reading | None) -> Image:
        """The next frame, rendered."""
        self.skip()
        return self._method.render(self._portrait, self._motion)


class PastedDriver(PathDriver):
    """The same, and the rendered crop pasted into the photo."""

    def __call__(self, driving: Image, reading: Reading | None) -> Image:
        """The next frame, rendered."""
        return self.place(super().__call__(driving, reading))

    def place(self, crop: Image) -> Image:
        """The whole photo with this head in it."""
        if self._portrait.placement is not None:
            return placer(self._portrait, "photo")(crop)
        side = crop.shape[0]
        return paste(self._portrait.image, crop, Placement(side / 2, side / 2, side), soft_mask(side))


def step_starters(methods: Mapping[str, OnnxMethod], item: Item, names: Sequence[str] = tuple(STEPS)) -> dict[str, Starter]:
    """Rows of one item: every method in every step. The clip is encoded once a method, as its own crops and as the tracker's."""
    out: dict[str, Starter] = {}
    for label, method in methods.items():
        fed = [method.encode_motion(image) for image in frames(item.driving, method.size)]
        followed, rate = _followed(method, item)
        for name in names:
            step = STEPS[name]
            motions = followed if step.cut else fed
            out[f"{label}, {name}"] = _starter(method, step, motions, rate)
    return out


def _starter(method: OnnxMethod, step: Step, motions: Sequence[Motion | None], rate: Fraction) -> Starter:
    kind = PastedDriver if step.pasted else PathDriver

    def start(source: Image, reading: Reading | None) -> PathDriver:
        portrait = method.encode_source(source) if step.cut else method.encode_crop(source)
        return kind(method, portrait, step, motions, rate)

    return start


def _followed(method: OnnxMethod, item: Item) -> tuple[list[Motion | None], Fraction]:
    """The motions that the pipeline estimates from the clip, frame by frame, and its rate."""
    with DrivingFile(item.driving) as file:
        source = file.source(method, method.landmarker, resampled=False)
        return [motion for _, motion in source], source.rate


def losses(mean: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Row -> figure -> its share more than the same method fed directly: .05 is 5 % worse (of these figures lower is better)."""
    out: dict[str, dict[str, float]] = {}
    for label, figures in mean.items():
        method, _, step = label.partition(", ")
        base = mean.get(f"{method}, direct")
        if step and base is not None:
            kept = {key: figures[key] / base[key] - 1 for key in RATIOS if figures.get(key) is not None and base.get(key)}
            out[label] = {key: round(float(np.float64(value)), 4) for key, value in kept.items()}
    return out


def loss_table(shares: Mapping[str, Mapping[str, float]]) -> Iterator[Sequence[str]]:
    """Header and rows, in percent."""
    keys = [key for key in RATIOS if any(key in row for row in shares.values())]
    yield ("than fed directly, %", *keys)
    for label, row in shares.items():
        yield (label, *(f"{row[key] * 100:+.1f}" if key in row else "-" for key in keys))
