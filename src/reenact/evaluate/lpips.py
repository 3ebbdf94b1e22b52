"""LPIPS v0.1 on pictures as the runner has them; the module itself is losses/lpips.py, which training uses too."""

from __future__ import annotations

import numpy as np

from reenact.core.types import Image
from reenact.losses.lpips import ASSET, Net

__all__ = ["ASSET", "Net", "Perceptual"]


class Perceptual:
    """One network, kept; every picture of a frame in one batch, so that the target is read once."""

    def __init__(self, net: Net = "alex", threads: int = 0) -> None:
        """threads: 0 leaves it to PyTorch. Raises ReenactError when the weights are not to be had."""
        import torch

        from reenact.losses.lpips import LPIPS

        if threads:
            torch.set_num_threads(threads)
        self._torch = torch
        self._network = LPIPS(net).eval().to(memory_format=torch.channels_last)

    def distances(self, pictures: list[Image], target: Image) -> list[float]:
        """The distance of each picture from the target, all of one size."""
        if any(picture.shape != target.shape for picture in pictures):
            raise ValueError("pictures of one shape are wanted")
        torch = self._torch
        batch = torch.from_numpy(np.stack([target, *pictures])).permute(0, 3, 1, 2).float() / 255.0
        with torch.inference_mode():
            taps = self._network.features(batch)
            found = self._network.distance([tap[1:] for tap in taps], [tap[:1] for tap in taps])
        return [float(value) for value in found]
