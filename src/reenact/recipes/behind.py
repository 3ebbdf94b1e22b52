"""What finds the person of a portrait and the plate behind, for models that are trained: the shipped networks, as they are."""

from __future__ import annotations

from functools import lru_cache
from importlib import util
from typing import TypeVar

import torch

from reenact.core.assets import cache_dir
from reenact.nn.backdrop import Behind
from reenact.nn.keypoint_method import KeypointMethod
from reenact.runtime.onnx_method import weights_folder
from reenact.train.tensors import read_tensors

PLAIN = "behind.safetensors"
"""the same numbers among the networks that go to a lent machine, which reads no ONNX (recipes/pack.py)"""
M = TypeVar("M", bound=KeypointMethod)


@lru_cache(maxsize=1)
def behind() -> Behind:
    """Raises ReenactError where weights/person holds no such networks."""
    carried = cache_dir() / PLAIN
    if util.find_spec("onnx") is None and carried.exists():
        with torch.random.fork_rng(devices=[]):
            network = Behind().eval()
        network.load_state_dict(read_tensors(carried)[0])
        return network.requires_grad_(False)
    from reenact.recipes.person import read

    return read(weights_folder() / "person")


def backed(model: M) -> M:
    """The model, before what it wants to know of its portraits."""
    if model.uncover is not None:
        model.stand_before(behind())
    return model
