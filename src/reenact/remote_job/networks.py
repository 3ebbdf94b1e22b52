"""Frozen networks of training's losses, as plain safetensors: core/arrays.py reads them without `onnx` or `tflite`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np
import torch
from torch import Tensor

from reenact.core.assets import fetch
from reenact.losses import dinov2, emotion, face_mesh, identity, lpips
from reenact.methods.matting import behind
from reenact.train.config import Stage

ALWAYS = ("lpips_alex", "face_mesh", "sface", "behind")
"""those of every rendering stage's losses"""
PROJECTED = "finetune_projected"
"""the task whose discriminator stands on frozen features"""
HALVED = ("sface", "emotion", "dinov2")
"""carried in half precision, though their numbers are not: 18 MiB instead of 37, cosine of the embeddings .9999 and more"""


def _behind() -> Mapping[str, np.ndarray]:
    return {name: value.numpy() for name, value in behind().state_dict().items()}


NETWORKS: Mapping[str, Callable[[], Mapping[str, np.ndarray]]] = {
    "lpips_alex": lambda: lpips.plain("alex"),
    "face_mesh": face_mesh.plain,
    "sface": lambda: identity.plain(fetch("sface.onnx").read_bytes()),
    "behind": _behind,
    "emotion": emotion.plain,
    "dinov2": dinov2.plain,
}


def needed(stages: Iterable[Stage]) -> tuple[str, ...]:
    """The networks of these stages' losses."""
    stages = tuple(stages)
    emotion = ("emotion",) if any("emotion" in stage.weights for stage in stages) else ()
    return (*ALWAYS, *emotion, *(("dinov2",) if any(stage.task == PROJECTED for stage in stages) else ()))


def carried(names: Iterable[str]) -> dict[str, dict[str, Tensor]]:
    """Each network's tensors. Raises ReenactError where one is neither cached nor to be had."""
    return {name: _tensors(name) for name in names}


def _tensors(name: str) -> dict[str, Tensor]:
    found = {key: torch.from_numpy(np.array(value)) for key, value in NETWORKS[name]().items()}
    if name not in HALVED:
        return compact(found)
    return {key: value.half() if value.is_floating_point() else value for key, value in found.items()}


def compact(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same numbers, in half precision where that holds each of a tensor exactly."""
    return {name: _smallest(value) for name, value in tensors.items()}


def _smallest(value: Tensor) -> Tensor:
    if value.dtype != torch.float32:
        return value
    half = value.half()
    return half if torch.equal(half.float(), value) else value
