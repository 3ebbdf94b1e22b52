"""What the short trainings beside train/ have in common: of the fast renderer (fast.py) and of the mouth refiner (mouth.py)."""

from __future__ import annotations

import sys

import numpy as np
import torch
from torch import nn


def rate_share(step: int, warm: int, passed: float) -> float:
    """Of the learning rate: it rises over `warm` steps and falls as a cosine to a fiftieth. passed: of the training, 0..1."""
    return min(1, (step + 1) / warm) * (0.02 + 0.98 * (1 + np.cos(np.pi * passed)) / 2)


def average_in(average: nn.Module, model: nn.Module, most: float, step: int) -> None:
    """Moves the moving average of a model's parameters on; at the beginning it is short. most: what it keeps later, 0..1."""
    with torch.no_grad():
        for kept, now in zip(average.parameters(), model.parameters(), strict=True):
            kept.lerp_(now, 1 - min(most, step / (step + 10)))


def as_bytes(values: np.ndarray) -> np.ndarray:
    """[0, 1] -> 0..255"""
    return (values.clip(0, 1) * 255 + 0.5).astype(np.uint8)


def say(line: str) -> None:
    """To standard output, at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
