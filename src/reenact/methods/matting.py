"""What finds the person of a portrait and the inpainted background behind, for models that are trained: the shipped networks,
as they are."""

from __future__ import annotations

from functools import lru_cache
from typing import TypeVar

import torch

from reenact.core.arrays import carried
from reenact.nn.background import Behind
from reenact.nn.keypoint_method import KeypointMethod

SIDE = 256
"""of the pictures that the graph was exported with, px"""
M = TypeVar("M", bound=KeypointMethod)


@lru_cache(maxsize=1)
def behind() -> Behind:
    """Raises ReenactError where weights/person holds no such networks."""
    with torch.random.fork_rng(devices=[]):  # random numbers drawn afterwards must not depend on who loaded this first
        network = Behind().eval()
    if (state := carried("behind")) is not None:
        network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    else:
        from reenact.methods.import_onnx import revive
        from reenact.runtime.background import FIND
        from reenact.runtime.onnx_method import weights_folder

        pictures = torch.rand(2, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
        revive(weights_folder() / "person" / FIND, network, lambda: network(pictures))
    return network.requires_grad_(False)


def backed(model: M) -> M:
    """The model, before what it wants to know of its portraits."""
    if model.uncover is not None:
        model.set_matting(behind())
    return model
