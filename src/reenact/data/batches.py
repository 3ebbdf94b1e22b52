"""Batches on the device that trains: frames lie there as uint8, decoded once, where they fit; else they are read as needed.

A batch is a pure function of the images seen, so that a run goes on after a kill as if nothing had been, and several
processes draw one batch between them, each its share.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64, UInt8
from torch import Tensor

from reenact.data.augment import GAMMA, Change
from reenact.data.pairs import Batch, Mix, PairSampler, Shake, jitter, mirrored
from reenact.data.pool import Pool

FIELDS = ("head_pose", "scale", "translation", "canonical", "head", "blendshapes")
FREE_SHARE = 0.5
"""ours: of the device's free memory, what frames may take; the rest is the network's"""
SMALL = 64
"""side of the pictures that a face is first looked for in, px"""
PORTION = 512
"""frames moved at once"""


class Batches:
    """A pool at one picture size on one device."""

    def __init__(
        self,
        pool: Pool,
        splits: tuple[str, ...],
        size: int,
        device: torch.device,
        seed: int = 0,
        wide: float = 0.5,
        same_motion: float = 0.0,
        mouths: float = 0.0,
        stills: float = 0.0,
        augment: float = 0.0,
        lids: float = 0.0,
        darkest: float = GAMMA[1],
    ) -> None:
        """splits: the parts of the pool that are drawn from. wide, mouths, lids: data.pairs.PairSampler. same_motion: share of
        `triples` in which a rendered person is driven by another one in the same motion; 0 where the pool has no such clips.
        stills: share of pairs whose source is a warped picture of a photo (data/stills.py). augment: share of pairs and triples
        that are turned and zoomed, too; darkest: the highest gamma then (data/augment.py)."""
        self.pool, self.size, self.device, self.seed = pool, size, device, seed
        self.augment, self.darkest = augment, darkest
        twins = same_motion if pool.motion is not None else 0.0
        mix = Mix(same_clip=1 - twins - stills, same_motion=twins, stills=stills) if twins or stills else None
        self.sampler = PairSampler(pool, splits, seed, wide, mix, mouths, lids)
        self.mirror = self.sampler.mirror.to(device)
        self.truth = {name: torch.from_numpy(np.ascontiguousarray(getattr(pool.truth, name))).to(device) for name in FIELDS}
        self.frames = self._resident() if self._fits() else None

    def pairs(self, seen: int, count: int, share: slice) -> tuple[Batch, Batch]:
        """Source and driving frames of one clip, flipped and colour-shifted alike; the `share` of the `count` pairs that
        follow `seen` images. image [B,3,size,size] in [0, 1], channels last; the fields of data.pool.Truth."""
        random = self._at(seen)
        source, driving = self.sampler.rows(count)
        flip = torch.from_numpy(random.random(count) < 0.5)[share].to(self.device)
        gain = torch.from_numpy(random.uniform(0.85, 1.15, (count, 3, 1, 1)).astype(np.float32))[share].to(self.device)
        change = self._change(random, count, share)
        read = (mirrored(self.read(rows[share]), flip, gain, self.mirror, self.sampler.shapes) for rows in (source, driving))
        return tuple(change.of(batch) if change else batch for batch in read)  # type: ignore[return-value]

    def triples(self, seen: int, count: int, share: slice) -> tuple[Batch, Batch, Batch]:
        """Source, driving, and the target: the source's person in the driving frame's motion. Else as `pairs`;
        driving and target are one frame, but for rendered people who make the same motion."""
        random = self._at(seen)
        rows = self.sampler.triples(count)
        flip = torch.from_numpy(random.random(count) < 0.5)[share].to(self.device)
        gain = torch.from_numpy(random.uniform(0.85, 1.15, (count, 3, 1, 1)).astype(np.float32))[share].to(self.device)
        change = self._change(random, count, share)
        read = (mirrored(self.read(some[share]), flip, gain, self.mirror, self.sampler.shapes) for some in rows)
        return tuple(change.of(batch) if change else batch for batch in read)  # type: ignore[return-value]

    def _change(self, random: np.random.Generator, count: int, share: slice) -> Change | None:
        """What all frames of a pair or triple have in common; None where they stay as they are."""
        return Change.draw(random, count, self.augment, self.darkest).part(share, self.device) if self.augment else None

    def learn(self, name: str, values: Float[np.ndarray, "n ..."] | Int64[np.ndarray, " n"]) -> None:
        """Every batch brings these too, row by row of the pool, whatever is done to its pictures."""
        self.truth[name] = torch.from_numpy(np.ascontiguousarray(values)).to(self.device)

    def singles(self, seen: int, count: int, share: slice, paired: bool = False) -> tuple[Batch, Batch]:
        """Frames, flipped and shaded at random, with `wobble` [B,6] (normal numbers, for who shakes windows); and the same at
        SMALL x SMALL, turned, zoomed and shifted too (data.pairs.jitter).

        paired: rows 2 i and 2 i + 1 are two frames of one clip, flipped alike; of the share `same_motion` of them two rendered
        people at the same moment of the same motion.
        """
        random = self._at(seen)
        rows = self._in_pairs(count) if paired else self.sampler.rows(count)[1]
        shake = Shake.draw(random, count).part(share, self.device)
        flipped = random.random(count) < 0.5
        flip = torch.from_numpy(np.repeat(flipped[::2], 2)[:count] if paired else flipped)[share].to(self.device)
        wobble = random.standard_normal((count, 6)).astype(np.float32)
        batch = mirrored(self.read(rows[share]), flip, shake.brightness, self.mirror, self.sampler.shapes)
        image = torch.where(shake.grey, batch["image"].mean(1, keepdim=True).expand_as(batch["image"]), batch["image"])
        batch = {**batch, "image": image, "wobble": torch.from_numpy(wobble)[share].to(self.device)}
        small = {**batch, "image": F.avg_pool2d(image, max(1, self.size // SMALL))}
        return batch, jitter(small, shake, small["image"].shape[-1])

    def read(self, rows: Int64[np.ndarray, " batch"]) -> dict[str, Tensor]:
        """These rows as they are."""
        index = torch.from_numpy(np.asarray(rows))
        if self.frames is not None:
            image = self.frames[index.to(self.device)].float() / 255
        else:
            image = self._small(self.pool.read(rows)) / 255
        image = image.contiguous(memory_format=torch.channels_last)
        return {"image": image, **{name: value[index.to(self.device)] for name, value in self.truth.items()}}

    def _in_pairs(self, count: int) -> Int64[np.ndarray, " count"]:
        """Sources and driving frames in turn, or driving frames and who else makes the same motion."""
        source, driving, target = self.sampler.triples((count + 1) // 2)
        return np.stack([np.where(driving == target, source, driving), target], 1).reshape(-1)[:count]

    def _at(self, seen: int) -> np.random.Generator:
        """Random numbers that only the seed and the images seen decide."""
        self.sampler.random = np.random.default_rng((self.seed, seen))
        return self.sampler.random

    def _small(self, frames: UInt8[np.ndarray, "batch side side 3"]) -> Float[Tensor, "batch 3 size size"]:
        """On the device, at this size, still 0..255."""
        image = torch.from_numpy(frames).to(self.device, non_blocking=True).permute(0, 3, 1, 2).float()
        return F.avg_pool2d(image, image.shape[-1] // self.size) if self.size < image.shape[-1] else image

    def _fits(self) -> bool:
        """On a CPU the pool stays in its mapped files, where the system's cache holds what fits."""
        if self.device.type != "cuda":
            return False
        needed = sum(len(part) for part in self.pool.frames) * 3 * self.size**2
        return needed < FREE_SHARE * torch.cuda.mem_get_info(self.device)[0]

    def _resident(self) -> UInt8[Tensor, "n 3 size size"]:
        """Every frame of the pool, at this size."""
        count = sum(len(part) for part in self.pool.frames)
        frames = torch.empty(count, 3, self.size, self.size, dtype=torch.uint8, device=self.device)
        for first in range(0, count, PORTION):
            rows = np.arange(first, min(first + PORTION, count))
            frames[first : first + len(rows)] = self._small(self.pool.read(rows)).round().byte()
        return frames
