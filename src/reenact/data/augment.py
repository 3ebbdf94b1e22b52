"""Further changes of training pictures, the same for all frames of a triple: what a clip's own camera never shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from reenact.geometry.grid import identity_grid, sample

ROLL, ZOOM = 0.15, 0.2
"""ours: most turn, rad, and most enlargement beyond what keeps the corners inside"""
GAMMA, SATURATION = (0.85, 1.2), (0.6, 1.3)
"""ours"""


@dataclass(frozen=True)
class Change:
    """Random numbers, one row a triple."""

    roll: Float[Tensor, " batch"]
    zoom: Float[Tensor, " batch"]
    """1 or more: so much that what is turned and shifted shows nothing beyond the picture's edge"""
    shift: Float[Tensor, "batch 2"]
    gamma: Float[Tensor, "batch 1 1 1"]
    saturation: Float[Tensor, "batch 1 1 1"]

    @staticmethod
    def draw(random: np.random.Generator, count: int, share: float, darkest: float = GAMMA[1]) -> Change:
        """share: of the triples that are turned, zoomed and shifted; all get a gamma, up to `darkest`, and a saturation."""
        moved = random.random(count) < share
        roll = random.uniform(-ROLL, ROLL, count) * moved
        least = np.cos(roll) + np.abs(np.sin(roll))
        zoom = least + random.uniform(0, ZOOM, count) * moved
        shift = random.uniform(-1, 1, (count, 2)) * (zoom - least)[:, None]
        tones = [random.uniform(*span, (count, 1, 1, 1)) for span in ((GAMMA[0], darkest), SATURATION)]
        return Change(*(torch.from_numpy(values.astype(np.float32)) for values in (roll, zoom, shift, *tones)))

    def part(self, share: slice, device: torch.device) -> Change:
        """Some of the rows, on a device."""
        return Change(*(value[share].to(device) for value in (self.roll, self.zoom, self.shift, self.gamma, self.saturation)))

    def of(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The pictures changed, and pose, scale and place with them exactly."""
        image = batch["image"]
        count, size = len(image), image.shape[-1]
        cosine, sine = torch.cos(self.roll), torch.sin(self.roll)
        turn = torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)
        # p_new = zoom * turn * p + shift, so the new pixel p looks up turn^T (p - shift) / zoom
        grid = identity_grid(size, size, image).view(1, -1, 2) - self.shift[:, None]
        moved = sample(image, (grid @ turn / self.zoom[:, None, None]).view(count, size, size, 2))
        grey = moved.mean(1, keepdim=True)
        toned = (grey + (moved - grey) * self.saturation).clamp(1e-4, 1) ** self.gamma
        place = self.zoom[:, None] * (turn @ batch["translation"][:, :, None])[..., 0] + self.shift
        still = torch.zeros_like(self.roll)
        return {
            **batch,
            "image": toned.contiguous(memory_format=torch.channels_last),
            "translation": place,
            "scale": batch["scale"] * self.zoom[:, None],
            "head_pose": batch["head_pose"] + torch.stack([still, still, self.roll], 1),
        }
