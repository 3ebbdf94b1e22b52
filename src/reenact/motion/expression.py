"""Between blendshapes and a method's expression code: sliders, named expressions, eyes apart from mouth.

The map is linear and measured (calibrate/expression_map.py): over frames of real people both sides are estimated, each clip's
mean is taken out of both, and each side is regressed on the other. It lies beside the weights that it was measured for.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from reenact.core.errors import ReenactError, ReenactWarning, WeightsError
from reenact.core.files import replaced
from reenact.core.shapes import Float32
from reenact.core.types import Method, Portrait
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.measured import read_measured, require
from reenact.motion.sliders import SliderResponse

FILE = "expression_map.json"
SCHEMA = "reenact.expression_map/1"
VALUE_MIN, VALUE_MAX = -2.0, 2.0
"""ours: blendshapes run over 0..1; twice that leaves room for what the method shows too weakly"""
OF_CODE = {"eyeLookIn": 0.0, "eyeLookOut": 0.0, "eyeLookDown": 0.5}
"""ours, looked at: of what these blendshapes ask for so much is asked of the code, since the gaze does the rest
(motion/gaze.py). All of a look down shut the eyes of most portraits"""
SPREAD_MIN = 0.002
"""ours: the free landmarker gives 0 for cheekSquint and noseSneer always, hardly more for cheekPuff and jawForward"""

Region = Literal["brows", "eyes", "mouth"]
REGION_PREFIXES: dict[str, tuple[str, ...]] = {"brows": ("brow",), "eyes": ("eye",), "mouth": ("mouth", "jaw", "cheekPuff")}
"""which blendshapes are a region's, by how their names begin; cheeks and nose belong to none"""


def _both(**values: float) -> dict[str, float]:
    """The same value on the person's left and right."""
    return {f"{name}{side}": value for name, value in values.items() for side in ("Left", "Right")}


PRESETS: dict[str, dict[str, float]] = {
    "neutral": {},
    "smile": _both(mouthSmile=0.8),
    "frown": {**_both(mouthFrown=0.5, browDown=0.6), "mouthShrugLower": 0.4},
    "surprise": {**_both(browOuterUp=0.7, eyeWide=0.4), "browInnerUp": 0.8, "jawOpen": 0.35},
    "anger": _both(browDown=0.9, eyeSquint=0.2, mouthPress=0.4),
    "blink": _both(eyeBlink=1.0),
    "wink_left": {"eyeBlinkLeft": 1.0},
    "wink_right": {"eyeBlinkRight": 1.0},
    "jaw_open": {"jawOpen": 0.7},
    "pucker": {"mouthPucker": 0.9},
    "brows_up": {**_both(browOuterUp=0.8), "browInnerUp": 0.8},
    "look_left": {"eyeLookOutLeft": 0.8, "eyeLookInRight": 0.8},
    "look_right": {"eyeLookInLeft": 0.8, "eyeLookOutRight": 0.8},
    "look_up": _both(eyeLookUp=0.8),
    "look_down": _both(eyeLookDown=0.8),
}
"""ours: expressions by name, as blendshapes; left and right are the person's own"""


_OF_CODE = np.array(
    [next((share for start, share in OF_CODE.items() if name.startswith(start)), 1.0) for name in BLENDSHAPE_NAMES], np.float32
)


@dataclass(frozen=True)
class ExpressionMap:
    """Two regressions, one each way; a blendshape without variance in the data has a row of (nearly) zeros."""

    to_code: Float32[np.ndarray, "52 code"]
    """change of the code for a change of one in each blendshape"""
    from_code: Float32[np.ndarray, "code 52"]
    """change of the blendshapes for a change of the code"""
    offset: Float32[np.ndarray, "52"]
    """the blendshapes that the code 0 stands for: blendshapes = offset + code @ from_code"""
    neutral: Float32[np.ndarray, "code"]
    """the code of the data's mean person at rest: where all blendshapes are 0"""
    code_spread: Float32[np.ndarray, "code"]
    """standard deviation of the code within a clip"""
    spread: Float32[np.ndarray, "52"]
    """standard deviation of each blendshape within a clip; what never moved could not be learned"""
    method: str = ""
    weights: str = ""
    """fingerprint of the weights that it was measured on"""
    sliders: SliderResponse | None = None
    """by which a few blendshapes arrive in the picture; None: `to_code` says what they are"""

    def code(self, values: Mapping[str, float]) -> Float32[np.ndarray, "code"]:
        """The change of the code for these blendshapes; warns of those that never moved in the data and so do nothing.
        Where eyes look is mostly no code's doing (`OF_CODE`).

        Raises ReenactError for an unknown name or a value out of -2..2.
        """
        check_blendshapes(values)
        if dead := [name for name in values if self.spread[BLENDSHAPE_NAMES.index(name)] < SPREAD_MIN]:
            told = f"{', '.join(dead)}: never moved in the data that the weights saw, so nothing will move"
            warnings.warn(told, ReenactWarning, stacklevel=2)
        row = np.array([values.get(name, 0.0) for name in BLENDSHAPE_NAMES], np.float32) * _OF_CODE
        return row @ self.to_code if self.sliders is None else self.sliders.change(row)

    def preset(self, name: str) -> Float32[np.ndarray, "code"]:
        """The change of the code for a named expression. Raises ReenactError for a name that is none."""
        return self.code(preset(name))

    def with_expression(self, code: Float32[np.ndarray, "code"], values: Mapping[str, float]) -> Float32[np.ndarray, "code"]:
        """The code with its own expression (by the map) exchanged for these blendshapes; what is the person's stays."""
        return (code - self.read(code) @ self.to_code + self.code(values)).astype(np.float32)

    def read(self, code: Float32[np.ndarray, "*n code"]) -> Float32[np.ndarray, "*n 52"]:
        """About which blendshapes the code stands for; right on average over people, not for each."""
        return (self.offset + code @ self.from_code).astype(np.float32)

    def region(self, region: Region) -> Float32[np.ndarray, "code code"]:
        """A matrix P: change @ P is the part of a change of the code that is the eyes' (the mouth's) doing.

        Approximate: the change is mapped to blendshapes, the region's are kept and mapped back. What no blendshape
        explains, and what moves with both regions, stays with the rest of the face.
        """
        chosen = region_blendshapes(region)
        return (self.from_code[:, chosen] @ self.to_code[chosen]).astype(np.float32)

    def save(self, folder: Path) -> Path:
        """Writes the map into a weights folder, whole or not at all; gives its path."""
        path = Path(folder) / FILE
        held = asdict(replace(self, sliders=None))  # they have a file of their own
        arrays = {name: value.astype(float) for name, value in held.items() if isinstance(value, np.ndarray)}
        matrices = {name: np.round(value, 5).tolist() for name, value in arrays.items()}
        text = json.dumps(
            {"schema": SCHEMA, "method": self.method, "weights": self.weights, "blendshapes": list(BLENDSHAPE_NAMES), **matrices}
        )
        with replaced(path) as part:
            part.write_text(text.replace("], ", "],\n") + "\n", encoding="utf-8")
        return path

    @staticmethod
    def load(folder: Path, size: int, weights: str = "") -> ExpressionMap:
        """The map of a weights folder whose code has `size` numbers and whose fingerprint is `weights` ('' is not checked).

        Raises ReenactError where there is none or it is another one's.
        """
        path = Path(folder) / FILE
        remedy = f"take `method` mmfa, sfd or prior, or make it with: python -m reenact.calibrate.expression_map {folder} POOL"
        if not path.is_file():
            raise WeightsError(f"{folder} has no {FILE}, which blendshapes, named expressions, eyes and mouth need; {remedy}")
        shapes = {
            "to_code": (52, size),
            "from_code": (size, 52),
            "offset": (52,),
            "neutral": (size,),
            "code_spread": (size,),
            "spread": (52,),
        }

        def make(held: Mapping[str, Any]) -> ExpressionMap:
            arrays = {name: np.array(held[name], np.float32).reshape(shape) for name, shape in shapes.items()}
            require(held["schema"] == SCHEMA and held["blendshapes"] == list(BLENDSHAPE_NAMES))
            require(all(np.isfinite(array).all() for array in arrays.values()))
            return ExpressionMap(**arrays, method=str(held["method"]), weights=str(held["weights"]))  # type: ignore[arg-type]

        found = read_measured(path, weights, make, "expression map", remedy, unnamed=True)
        return replace(found, sliders=SliderResponse.load(folder, size, weights))


def region_blendshapes(region: Region) -> list[int]:
    """Indices into `BLENDSHAPE_NAMES`."""
    if region not in get_args(Region):
        raise ValueError(f"unknown region {region!r}")
    return [i for i, name in enumerate(BLENDSHAPE_NAMES) if name.startswith(REGION_PREFIXES[region])]


def preset(name: str) -> dict[str, float]:
    """A named expression's blendshapes. Raises ReenactError for a name that is none."""
    if name not in PRESETS:
        raise ReenactError(f"unknown expression {name!r}: choose one of {', '.join(PRESETS)}, or give a file")
    return dict(PRESETS[name])


def check_blendshapes(values: Mapping[str, float]) -> None:
    """Raises ReenactError for a name that is no blendshape of ours or a value out of -2..2."""
    for name, value in values.items():
        if name == "tongueOut":
            raise ReenactError("tongueOut cannot be set: the tongue is not among the 51 blendshapes that are read; leave it out")
        if name not in BLENDSHAPE_NAMES[1:]:
            if name in PRESETS:
                raise ReenactError(f"{name} is a named expression, no blendshape: give it as `expression`")
            low = name.lower()
            near = [known for known in BLENDSHAPE_NAMES[1:] if low in known.lower()]
            near = near or [known for known in BLENDSHAPE_NAMES[1:] if known.lower().startswith(low[:4])]
            hint = f" (perhaps {', '.join(near[:4])})" if near else ""
            raise ReenactError(f"unknown blendshape {name!r}{hint}: write an ARKit name such as jawOpen")
        if not VALUE_MIN <= value <= VALUE_MAX:
            raise ReenactError(f"{name}={value:g}: a blendshape must lie between {VALUE_MIN:g} and {VALUE_MAX:g}")


def expression_map(method: Method, portrait: Portrait | None = None) -> ExpressionMap:
    """The map that lies beside the method's weights. Raises ReenactError where there is none."""
    if method.folder is None:
        raise ReenactError(f"{method.name} runs from no weights folder: named expressions, eyes and mouth need one")
    size = method.code_size if portrait is None else portrait.motion.expression.size
    return ExpressionMap.load(method.folder, int(size), method.fingerprint)
