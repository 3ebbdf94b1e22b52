"""What is measured on new weights, in the order in which one step needs another, each step one command."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from reenact.core.errors import ReenactError
from reenact.core.provenance import graphs_digest
from reenact.methods import METHODS, about

Needs = Literal["clips", "clone", "shipped"]


@dataclass(frozen=True)
class Step:
    """One command and what it leaves. {weights}, {pool}, {clips}, {root} and {name} (of the method) are filled in."""

    name: str
    says: str
    command: tuple[str, ...]
    """after `python`"""
    makes: tuple[str, ...]
    of: Literal["reading", "drawing"]
    """the graphs that it is measured on: motion.onnx alone, or all"""
    needs: tuple[Needs, ...] = ()
    """clips: a folder of videos; clone: what lies outside the package; shipped: the weights that the package finds by name"""
    suits: Callable[[Mapping[str, Any]], bool] = lambda config: True
    """whether weights with this config.json have it"""
    variables: Mapping[str, str] = field(default_factory=dict)
    """of the environment"""

    def filled(self, text: str, places: Mapping[str, str]) -> str:
        """A part of the command, or a file's path, with these places in it."""
        return text.format(**places)

    def told(self, name: str) -> str:
        """The command as it is published: places by name, never a path of this machine."""
        places = {"weights": f"weights/{name}", "pool": "POOL", "clips": "CLIPS", "root": ".", "name": name}
        words = [*(f"{key}={value}" for key, value in self.variables.items()), "python", *self.command]
        return " ".join(shlex.quote(self.filled(word, places)) for word in words)


def edited(config: Mapping[str, Any]) -> bool:
    """Weights with sliders: all but a baseline's, which are there to be compared with."""
    name = config.get("method")
    return name not in METHODS or not about(name).baseline


def default(config: Mapping[str, Any]) -> bool:
    """The method that pages show."""
    return config.get("method") == METHODS[0]


STEPS = (
    Step(
        "expression-map",
        "sliders and named expressions",
        ("-m", "reenact.calibrate.expression_map", "{weights}", "{pool}", "--every", "4"),
        ("{weights}/expression_map.json",),
        of="reading",
        suits=edited,
    ),
    Step(
        "rest",
        "what faces at rest are, which relative motion counts from",
        ("-m", "reenact.calibrate.rest", "{weights}", "{pool}"),
        ("{weights}/rest.json",),
        of="reading",
        suits=edited,
    ),
    Step(
        "mirror",
        "how a change of the code looks in a mirror, where far turns to the right are rendered",
        ("-m", "reenact.calibrate.mirror", "{weights}", "{pool}"),
        ("{weights}/mirror.json",),
        of="reading",
    ),
    Step(
        "codec-profile",
        "the codec's steps and start tables",
        ("-m", "reenact.calibrate.codec_profile", "{clips}", "{weights}", "--people", "80"),
        ("{weights}/codec.json",),
        of="reading",
        needs=("clips",),
    ),
    Step(
        "pose-gain",
        "by how much `edit` must ask for more",
        ("-m", "reenact.calibrate.pose_gain", "{weights}", "{pool}"),
        ("{weights}/pose_gain.json",),
        of="drawing",
        suits=edited,
    ),
    Step(
        "expression-gain",
        "by how much a driver's brows, eyes and mouth are exaggerated to arrive",
        ("-m", "reenact.calibrate.expression_gain", "{weights}", "{pool}"),
        ("{weights}/expression_gain.json",),
        of="drawing",
        suits=edited,
    ),
    Step(
        "sliders",
        "how far each blendshape's slider must move the code to arrive",
        ("-m", "reenact.calibrate.sliders", "{weights}", "{pool}"),
        ("{weights}/sliders.json",),
        of="drawing",
        suits=edited,
    ),
    Step(
        "directions",
        "what each motion direction moves",
        ("-m", "reenact", "directions", "{weights}", "--keep", "--portrait", "{root}/examples/portrait.jpg")
        + ("--json", "{root}/results/{name}_directions.json", "--out", "{root}/docs/{name}-directions.webp"),
        ("{weights}/directions.json", "{root}/results/{name}_directions.json", "{root}/docs/{name}-directions.webp"),
        of="drawing",
        needs=("clone",),
        suits=lambda config: "basis" in config,
    ),
    Step(
        "control",
        "what arrives of each edit, and what else moves",
        ("-m", "experiments.control", "{weights}", "{pool}", "--json", "{root}/results/{name}_control.json", "--people", "6"),
        ("{root}/results/{name}_control.json",),
        of="drawing",
        needs=("clone",),
        suits=edited,
    ),
    Step(
        "interpolation",
        "whether the way between two expressions is even",
        ("-m", "experiments.interpolation", "{weights}", "{pool}", "--json", "{root}/results/{name}_interpolation.json"),
        ("{root}/results/{name}_interpolation.json",),
        of="drawing",
        needs=("clone",),
        suits=lambda config: config.get("code") == "gaussian",
    ),
    Step(
        "golden",
        "the picture that tests compare with; look at it",
        ("-m", "pytest", "-q", "{root}/tests/golden/test_weights.py", "-k", "golden and {name}"),
        ("{root}/tests/golden/{name}_yaw_15.png",),
        of="drawing",
        needs=("clone", "shipped"),
        suits=edited,
        variables={"REENACT_GOLDEN": "1"},
    ),
    Step(
        "editing-pictures",
        "the pictures of docs/editing.md",
        ("{root}/tools/editing_pictures.py", "{root}/docs"),
        ("{root}/docs/editing-poses.webp", "{root}/docs/editing-expressions.webp", "{root}/docs/editing-interpolation.webp"),
        of="drawing",
        needs=("clone", "shipped"),
        suits=default,
    ),
    Step(
        "demo",
        "the example, animated",
        ("-m", "reenact", "animate", "{root}/examples/portrait.jpg", "{root}/examples/driving.mp4", "-o", "{root}/out/demo.mp4"),
        ("{root}/out/demo.mp4",),
        of="drawing",
        needs=("clone", "shipped"),
        suits=default,
    ),
    Step(
        "readme-picture",
        "the picture of README.md",
        ("{root}/tools/readme_picture.py", "{root}/out/demo.mp4", "{root}/docs/demo.webp"),
        ("{root}/docs/demo.webp",),
        of="drawing",
        needs=("clone", "shipped"),
        suits=default,
    ),
)
"""in their order: an edit's gain is measured through the expression map, what arrives of an edit with the gain"""


def chosen(only: tuple[str, ...], skip: tuple[str, ...]) -> list[Step]:
    """The steps of these names, all without any, less those to be skipped. Raises ReenactError for a name that is none."""
    known = [step.name for step in STEPS]
    if strange := [name for name in (*only, *skip) if name not in known]:
        raise ReenactError(f"there is no step {strange[0]!r}: take some of {', '.join(known)}")
    return [step for step in STEPS if (not only or step.name in only) and step.name not in skip]


def digest(folder: Path, of: Literal["reading", "drawing"]) -> str:
    """16 hex digits of what a step is measured on: the motion graph, or every graph that config.json names."""
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    drawing = [config.get("source", "source.onnx"), *(file for file, _ in config.get("render", [["render.onnx", ""]]))]
    return graphs_digest(folder, ["motion.onnx", *(drawing if of == "drawing" else [])])
