"""Batches out of a pool: identities first, then a clip, then frames, so that long clips do not rule."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from reenact.data.pool import Pool, mirror_order
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.geometry.grid import identity_grid, sample

Batch = Mapping[str, Tensor]

MIRRORED_POSE = (-1.0, 1.0, -1.0)
"""yaw, pitch, roll of a mirrored picture"""


class PairSampler:
    """Two frames of one clip, the second preferably far from the first in head pose."""

    def __init__(self, pool: Pool, splits: tuple[str, ...], seed: int, wide: float = 0.5) -> None:
        """wide: the share of pairs whose driving frame is the farthest in pose of four candidates (ours)."""
        self.pool, self.truth, self.random, self.wide = pool, pool.truth, np.random.default_rng(seed), wide
        rows = np.flatnonzero(np.isin(pool.split, splits))
        self.people: dict[str, dict[str, list[int]]] = {}
        for row in rows:
            self.people.setdefault(str(pool.identity[row]), {}).setdefault(str(pool.clip[row]), []).append(int(row))
        self.names = sorted(self.people)
        self.mirror = torch.from_numpy(mirror_order())

    def rows(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of sources and of driving frames."""
        pairs = [self._pair() for _ in range(count)]
        source, driving = zip(*pairs, strict=True)
        return np.array(source), np.array(driving)

    def batch(self, count: int, size: int) -> tuple[Batch, Batch]:
        """Source and driving: image [B,3,size,size] in [0, 1] and the fields of data.pool.Truth; flipped and
        colour-shifted alike in both."""
        source, driving = self.rows(count)
        flip = torch.from_numpy(self.random.random(count) < 0.5)
        gain = torch.from_numpy(self.random.uniform(0.85, 1.15, (count, 3, 1, 1)).astype(np.float32))
        return tuple(mirrored(self.read(rows, size), flip, gain, self.mirror) for rows in (source, driving))  # type: ignore[return-value]

    def read(self, rows: np.ndarray, size: int) -> dict[str, Tensor]:
        """These rows as they are."""
        image = torch.from_numpy(self.pool.read(rows)).permute(0, 3, 1, 2).float() / 255
        if size < image.shape[-1]:
            image = F.avg_pool2d(image, image.shape[-1] // size)
        names = ("head_pose", "scale", "translation", "canonical", "head", "blendshapes")
        return {"image": image, **{name: torch.from_numpy(getattr(self.truth, name)[rows]) for name in names}}

    def _pair(self) -> tuple[int, int]:
        clips = self.people[self.names[self.random.integers(len(self.names))]]
        frames = clips[sorted(clips)[self.random.integers(len(clips))]]
        source = frames[self.random.integers(len(frames))]
        candidates = self.random.choice(frames, 4 if self.random.random() < self.wide else 1)
        pose = self.truth.head_pose
        return source, int(max(candidates, key=lambda row: np.abs(pose[row] - pose[source]).sum()))


def mirrored(batch: Batch, flip: Tensor, gain: Tensor, order: Tensor) -> Batch:
    """Left and right exchanged where `flip` [B] says so, truth and picture alike; colours times `gain` [B,3,1,1]. order:
    data.pool.mirror_order. On the batch's device."""
    device = batch["image"].device
    sign, turned = (torch.tensor(values).to(device) for values in ((-1.0, 1.0, 1.0), MIRRORED_POSE))
    other = {
        "image": batch["image"].flip(3),
        "head_pose": batch["head_pose"] * turned,
        "translation": batch["translation"] * sign[:2],
        **{name: batch[name][:, order] * sign for name in ("canonical", "head")},
        "blendshapes": batch["blendshapes"][:, mirror_blendshapes()],
    }
    out = {
        name: torch.where(flip.view(-1, *[1] * (value.dim() - 1)), other.get(name, value), value) for name, value in batch.items()
    }
    out["image"] = (out["image"] * gain).clamp(0, 1)
    return out


def mirror_blendshapes() -> list[int]:
    """For each of the 52, the one that a mirrored picture shows instead."""
    swap = {"Left": "Right", "Right": "Left"}
    return [BLENDSHAPE_NAMES.index(re.sub("Left|Right", lambda side: swap[side[0]], name)) for name in BLENDSHAPE_NAMES]


@dataclass(frozen=True)
class Shake:
    """Random numbers of `jitter`, [B,...] each; drawn apart from their use, so that several processes can share one draw."""

    roll: Float[Tensor, "batch"]
    zoom: Float[Tensor, "batch"]
    shift: Float[Tensor, "batch 2"]
    brightness: Float[Tensor, "batch 3 1 1"]
    grey: Bool[Tensor, "batch 1 1 1"]
    noise: Int64[np.ndarray, "batch"]
    """seed of each picture's grain"""

    @staticmethod
    def draw(random: np.random.Generator, count: int) -> Shake:
        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return torch.from_numpy(random.uniform(low, high, (count, *shape)).astype(np.float32))

        brightness = uniform(0.7, 1.3, 3, 1, 1) * uniform(0.7, 1.2, 1, 1, 1)
        grey = torch.from_numpy(random.random((count, 1, 1, 1)) < 0.1)
        zoom = uniform(-0.25, 0.25).exp()
        noise = random.integers(1 << 30, size=count)
        return Shake(uniform(-0.35, 0.35), zoom, uniform(-0.15, 0.15, 2), brightness, grey, noise)

    def part(self, share: slice, device: torch.device) -> Shake:
        """Some of the pictures' numbers, on a device."""
        values = {field.name: getattr(self, field.name)[share] for field in fields(self)}
        return Shake(**{name: value.to(device) if isinstance(value, Tensor) else value for name, value in values.items()})


def jitter(batch: Batch, shake: Shake, size: int) -> Batch:
    """A random similarity of the picture (roll, zoom, shift), which pose, scale and place follow exactly; also grey,
    gain and noise. `blendshapes`, `canonical` and `head` stay: they do not know of the picture's frame."""
    count, roll, zoom, shift = len(batch["image"]), shake.roll, shake.zoom, shake.shift
    turn = torch.stack([torch.cos(roll), -torch.sin(roll), torch.sin(roll), torch.cos(roll)], 1).view(-1, 2, 2)
    # p_new = zoom * turn * p + shift, so the new pixel p looks up turn^T (p - shift) / zoom.
    grid = identity_grid(size, size, batch["image"]).view(1, -1, 2) - shift[:, None]
    grid = (grid @ turn / zoom[:, None, None]).view(count, size, size, 2)
    image = sample(batch["image"], grid)
    image = torch.where(shake.grey, image.mean(1, keepdim=True).expand_as(image), image) * shake.brightness
    image = (image + 0.02 * _grain(image, shake.noise)).clamp(0, 1)
    moved = zoom[:, None] * (turn @ batch["translation"][:, :, None])[..., 0] + shift
    pose = batch["head_pose"] + torch.stack([torch.zeros_like(roll), torch.zeros_like(roll), roll], 1)
    return {**batch, "image": image, "translation": moved, "scale": batch["scale"] * zoom[:, None], "head_pose": pose}


def _grain(image: Tensor, seeds: Int64[np.ndarray, "batch"]) -> Tensor:
    """Normal noise: one field, cut out at another place for each picture, so that it depends on the picture's seed alone."""
    _, channels, height, width = image.shape
    generator = torch.Generator(image.device).manual_seed(0)
    field = torch.randn(channels, 2 * height, 2 * width, generator=generator, device=image.device)
    places = [(int(seed) % height, int(seed) // height % width) for seed in seeds]
    return torch.stack([field[:, y : y + height, x : x + width] for y, x in places])
