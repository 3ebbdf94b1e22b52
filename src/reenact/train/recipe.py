"""What a method brings to the shared stages of training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from torch import Tensor, nn

from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.nn.keypoint_method import KeypointMethod

RENDER_PARTS = ("source", "dense_motion", "generator", "uncover")
"""the rendering network, in every method that moves keypoints; the last only where there is an inpainted background to show"""


@dataclass(frozen=True)
class Recipe:
    """What a method brings to the shared stages."""

    build: Callable[[], KeypointMethod]
    motion_parts: tuple[str, ...]
    motion_objective: Callable[[Any], nn.Module]
    render_parts: tuple[str, ...] = RENDER_PARTS
    prepare: Callable[[Any, Pool], None] | None = None
    """fits what a fresh model knows beforehand of the pool's faces"""
    adopt: Callable[[Mapping[str, Tensor], Mapping[str, Tensor]], Mapping[str, Tensor]] = lambda found, _: found
    """(weights to start from, a fresh model's state) -> the same as this method's, where they may be another method's"""
    learn: Callable[[Batches], None] | None = None
    """tells the batches what the motion objective wants besides the teacher's estimate"""
    paired: bool = False
    """the motion objective wants two frames of each clip"""
    landmarks: bool = False
    """a fresh model, or what a batch brings, is made of all 478 landmarks: they go with a packed pool (remote_job/rows.py)"""
    figures: Callable[[Any, Batches, np.ndarray], dict[str, float]] | None = None
    """(model, data, rows) -> more to say at validation"""

    def fresh(self, pool: Pool) -> KeypointMethod:
        """A model to begin training with."""
        model = self.build()
        if self.prepare is not None:
            self.prepare(model, pool)
        return model


def parts(model: nn.Module, names: tuple[str, ...]) -> nn.ModuleDict:
    """The sub-networks that one stage trains, those that this model has."""
    found = {name: getattr(model, name) for name in names}
    return nn.ModuleDict({name: part for name, part in found.items() if part is not None})
