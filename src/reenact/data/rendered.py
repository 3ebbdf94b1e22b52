"""The truth beside a rendered clip (.npz), in our conventions, for the frames that were kept."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float, Float32

from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES

Form = Literal["ours", "prototype"]
"""ours: pose is yaw, pitch, roll, gaze yaw, pitch, as in docs/conventions.md. prototype: ../shared/data/synth_pairs has pitch
(down positive), yaw, roll (anticlockwise) and the same for gaze; checked against the landmarker: correlation -.89, .98, -.96."""
POINTS_SIDE = 256
"""px of the picture that tracked points are given in, unless the file has a `size`"""


def read_truth(
    path: Path, times: Float[np.ndarray, " n"], rate: float, size: int, form: Form = "ours"
) -> dict[str, Float32[np.ndarray, "n ..."]]:
    """exact_blendshapes [N,52] in the order of BLENDSHAPE_NAMES, exact_pose [N,3], gaze [N,2] (yaw, pitch), rad, points [N,P,2]
    px of a picture of `size`, point_ids [P], of the frames at `times` seconds of a clip of `rate` frames a second.

    Raises ReenactError when the file is damaged or does not cover the clip.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        rows = np.round(np.asarray(times) * rate).astype(int)
        truth = {
            "exact_blendshapes": _ordered(arrays["blendshapes"], arrays.get("names"))[rows],
            "exact_pose": _pose(arrays["pose"], form)[rows],
        }
        if "gaze" in arrays:
            truth["gaze"] = _gaze(arrays["gaze"], form)[rows]
        if "points" in arrays and "point_ids" in arrays:
            unit = np.float32(size / float(arrays.get("size", POINTS_SIDE)))
            truth["points"] = arrays["points"].astype(np.float32)[rows] * unit
            truth["point_ids"] = arrays["point_ids"]
    except (OSError, ValueError, KeyError, IndexError, EOFError) as error:
        raise ReenactError(
            f"{path}: is no truth for the clip beside it ({type(error).__name__}: {error}); render it again"
        ) from None
    return truth


def _ordered(values: np.ndarray, names: np.ndarray | None) -> Float32[np.ndarray, "t 52"]:
    """Columns by name; ARKit's tongueOut, which the landmarker does not know, makes way for _neutral."""
    values = values.astype(np.float32)
    if names is None:
        return values
    place = {str(name): column for column, name in enumerate(names)}
    out = np.zeros((len(values), len(BLENDSHAPE_NAMES)), np.float32)
    for column, name in enumerate(BLENDSHAPE_NAMES):
        if name in place:
            out[:, column] = values[:, place[name]]
    return out


def _pose(pose: np.ndarray, form: Form) -> Float32[np.ndarray, "t 3"]:
    pose = pose.astype(np.float32)
    return pose if form == "ours" else pose[:, [1, 0, 2]] * np.float32([1, -1, -1])


def _gaze(gaze: np.ndarray, form: Form) -> Float32[np.ndarray, "t 2"]:
    gaze = gaze.astype(np.float32)
    return gaze if form == "ours" else gaze[:, ::-1] * np.float32([1, -1])
