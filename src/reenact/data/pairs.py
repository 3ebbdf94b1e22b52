"""Batches out of a pool: identities first, then a clip, then frames, so that long clips do not rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import lru_cache
from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float, Int64
from torch import Tensor

from reenact.core.errors import ReenactError
from reenact.data.pool import Pool, mirror_order
from reenact.data.splits import PHOTO, WARPED
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.geometry.grid import identity_grid, sample

Batch = Mapping[str, Tensor]
Augment = Literal["alike", "apart"]
"""alike: both frames of a pair flipped and tinted in the same way. apart: each in its own"""

MIRRORED_POSE = (-1.0, 1.0, -1.0)
"""yaw, pitch, roll of a mirrored picture"""
SMALL_GAP = 0.05
"""ours: rad, 3 degrees; keeps frames of the same pose in the draw"""


MOUTH = np.array([name.startswith(("jaw", "mouth")) for name in BLENDSHAPE_NAMES])
LIDS = np.array([name.startswith("eyeBlink") for name in BLENDSHAPE_NAMES])
CANDIDATES = 6
MOUTH_CANDIDATES = 24
"""ours: of a clip's frames, most have the mouth nearly shut"""
LOOK_SHARE = 0.08
"""rad for each unit of blendshapes: frames of a clip then differ as much in expression as in pose (medians .14 rad and 2.4)"""


NO_TWINS = (
    "pairs of one motion on two people were asked for, and the pool has no rendered clips that share one: add some with "
    "`reenact data synth` (docs/data.md)"
)


@dataclass(frozen=True)
class Mix:
    """What pairs are drawn. The shares need not add up to 1."""

    same_clip: float = 1.0
    other_clip: float = 0.0
    """two clips of one person, where the person has two"""
    same_motion: float = 0.0
    """source and driving are two rendered people, and the target shows the source's person in the driving frame's motion,
    exactly; drawn by `triples` only"""
    stills: float = 0.0
    """source is a warped picture of a single photo, driving frame and target the photo (data/stills.py)"""
    identity_power: float = 0.0
    """a person is drawn in proportion to (number of frames) ** this: 0 all people alike, 1 all frames alike"""
    gap_power: float | None = None
    """the driving frame is drawn in proportion to (head-pose gap to the source + 3 degrees) ** this; None: see PairSampler's
    `wide`"""


class PairSampler:
    """Draws people, then clips, then frames, so that long clips and large families of clips do not rule."""

    def __init__(
        self,
        pool: Pool,
        splits: tuple[str, ...],
        seed: int,
        wide: float = 0.5,
        mix: Mix | None = None,
        mouths: float = 0.0,
        lids: float = 0.0,
    ) -> None:
        """wide: the share of pairs whose driving frame is the farthest in pose and expression of CANDIDATES (ours). mouths: of
        those whose mouth is least like the source's of MOUTH_CANDIDATES (ours), so that lips learn to open and to close. lids:
        the same of the eyes' lids.

        Raises ReenactError when the pool has nothing that `mix` asks for.
        """
        self.pool, self.truth, self.random, self.wide = pool, pool.truth, np.random.default_rng(seed), wide
        self.mix, self.mouths, self.lids = mix or Mix(), mouths, lids
        rows = np.flatnonzero(np.isin(pool.split, splits))
        self.people: dict[str, dict[str, list[int]]] = {}
        for row in rows:
            self.people.setdefault(str(pool.identity[row]), {}).setdefault(str(pool.clip[row]), []).append(int(row))
        self.names = sorted(self.people)
        if not self.names:
            raise ReenactError(f"the pool has no frames of {', '.join(splits)}; see `reenact data report`")
        self.several = [name for name in self.names if len(self.people[name]) > 1]
        if self.mix.other_clip and not self.several:
            raise ReenactError("pairs from two clips of one person were asked for, and nobody in the pool has two clips")
        self.twins = twins(pool, rows) if self.mix.same_motion else []
        if self.mix.same_motion and not self.twins:
            raise ReenactError(NO_TWINS)
        self.stills = warped_rows(pool) if self.mix.stills else []
        if self.mix.stills and not self.stills:
            raise ReenactError("pairs of single photos were asked for, and the pool has none that are warped (data/stills.py)")
        self.mirror = torch.from_numpy(mirror_order())
        self.shapes = None if pool.truth.mirror is None else torch.from_numpy(pool.truth.mirror)

    def rows(self, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Row numbers of sources and of driving frames, each pair of one person."""
        mix = self.mix
        still = mix.stills / (mix.same_clip + mix.other_clip + mix.stills) if mix.stills else 0.0
        pairs = [self._still() if still and self.random.random() < still else self._pair() for _ in range(count)]
        source, driving = zip(*pairs, strict=True)
        return np.array(source), np.array(driving)

    def triples(self, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Row numbers of sources, driving frames and targets: the source's person in the driving frame's motion. Target and
        driving frame are the same row, except in same-motion triples."""
        mix = self.mix
        whole = mix.same_clip + mix.other_clip + mix.same_motion + mix.stills
        twin, still = mix.same_motion / whole, mix.stills / whole
        found = []
        for _ in range(count):
            chance = self.random.random() if twin or still else 1.0
            if chance < twin:
                found.append(self._twin())
            else:
                source, driving = self._still() if chance < twin + still else self._pair()
                found.append((source, driving, driving))
        source, driving, target = zip(*found, strict=True)
        return np.array(source), np.array(driving), np.array(target)

    def batch(self, count: int, size: int, augment: Augment = "alike") -> tuple[Batch, Batch]:
        """Source and driving: image [B,3,size,size] in [0, 1] and the fields of data.pool.Truth; flipped and
        colour-shifted, alike in both or each in its own way."""
        return self._augmented(self.rows(count), size, augment)  # type: ignore[return-value]

    def triple_batch(self, count: int, size: int, augment: Augment = "alike") -> tuple[Batch, Batch, Batch]:
        """Source, driving and target, as `triples` draws them. "apart" changes the driving frame only: the target goes with the
        source."""
        source, driving, target = self.triples(count)
        if augment == "alike":
            return self._augmented((source, driving, target), size, augment)  # type: ignore[return-value]
        shown, wanted = self._augmented((source, target), size, "alike")
        (motion,) = self._augmented((driving,), size, "alike")
        return shown, motion, wanted

    def read(self, rows: np.ndarray, size: int) -> dict[str, Tensor]:
        """These rows as they are."""
        image = torch.from_numpy(self.pool.read(rows)).permute(0, 3, 1, 2).float() / 255
        if size < image.shape[-1]:
            image = F.avg_pool2d(image, image.shape[-1] // size)
        names = ("head_pose", "scale", "translation", "canonical", "head", "blendshapes")
        return {"image": image, **{name: torch.from_numpy(getattr(self.truth, name)[rows]) for name in names}}

    def _augmented(self, sets: tuple[np.ndarray, ...], size: int, augment: Augment) -> tuple[Batch, ...]:
        """Every set of rows, read, mirrored and tinted."""
        out: list[Batch] = []
        for rows in sets:
            if not out or augment == "apart":
                flip = torch.from_numpy(self.random.random(len(rows)) < 0.5)
                gain = torch.from_numpy(self.random.uniform(0.85, 1.15, (len(rows), 3, 1, 1)).astype(np.float32))
            out.append(mirrored(self.read(rows, size), flip, gain, self.mirror, self.shapes))
        return tuple(out)

    def _pair(self) -> tuple[int, int]:
        share = self.mix.other_clip / max(self.mix.same_clip + self.mix.other_clip, 1e-9)
        apart = bool(share) and self.random.random() < share
        clips = self.people[self._person(self.several if apart else self.names)]
        names = sorted(clips)
        if apart:
            first, second = (names[i] for i in self.random.choice(len(names), 2, replace=False))
        else:
            first = second = names[self.random.integers(len(names))]
        source = clips[first][self.random.integers(len(clips[first]))]
        return source, self._driving(source, clips[second])

    def _person(self, names: list[str]) -> str:
        if not self.mix.identity_power:
            return names[self.random.integers(len(names))]
        weights = self._weights(tuple(names))
        return names[self.random.choice(len(names), p=weights)]

    @lru_cache(maxsize=2)  # noqa: B019  (a sampler lives as long as its run)
    def _weights(self, names: tuple[str, ...]) -> np.ndarray:
        frames = np.array([sum(map(len, self.people[name].values())) for name in names], np.float64)
        return frames**self.mix.identity_power / (frames**self.mix.identity_power).sum()

    def _driving(self, source: int, frames: list[int]) -> int:
        pose = self.truth.head_pose
        if self.mix.gap_power is not None:
            weight = (np.abs(pose[frames] - pose[source]).sum(1).astype(np.float64) + SMALL_GAP) ** self.mix.gap_power
            return frames[self.random.choice(len(frames), p=weight / weight.sum())]
        look, chance = self.truth.blendshapes, self.random.random()
        if self.wide <= chance < self.wide + self.mouths + self.lids:
            part = MOUTH if chance < self.wide + self.mouths else LIDS
            candidates = self.random.choice(frames, MOUTH_CANDIDATES)
            return int(candidates[np.abs(look[candidates] - look[source])[:, part].sum(1).argmax()])
        candidates = self.random.choice(frames, CANDIDATES if chance < self.wide else 1)

        def gap(row: int) -> float:
            return float(np.abs(pose[row] - pose[source]).sum() + LOOK_SHARE * np.abs(look[row] - look[source]).sum())

        return int(max(candidates, key=gap))

    def _still(self) -> tuple[int, int]:
        photo, moved = self.stills[self.random.integers(len(self.stills))]
        return int(moved[self.random.integers(len(moved))]), photo

    def _twin(self) -> tuple[int, int, int]:
        group = self.twins[self.random.integers(len(self.twins))]
        mine = group[self.random.integers(len(group))]
        others = [other for other in group if other.identity != mine.identity and mine.rows.keys() & other.rows.keys()]
        other = others[self.random.integers(len(others))]
        rows = list(mine.rows.values())
        source = rows[self.random.integers(len(rows))]
        moments = {mine.rows[moment]: moment for moment in sorted(mine.rows.keys() & other.rows.keys())}
        target = self._driving(source, list(moments))
        return source, other.rows[moments[target]], target


def warped_rows(pool: Pool) -> list[tuple[int, np.ndarray]]:
    """Every photo's row, with those of its warped pictures."""
    photos = {str(pool.clip[row]): int(row) for row in np.flatnonzero(pool.split == PHOTO)}
    moved = np.flatnonzero(pool.split == WARPED)
    return [(photo, own) for clip, photo in photos.items() if len(own := moved[pool.clip[moved] == clip])]


@dataclass(frozen=True)
class Take:
    """One rendered clip: whose, and its rows by time in ms."""

    identity: str
    rows: Mapping[int, int]


def twins(pool: Pool, rows: np.ndarray) -> list[list[Take]]:
    """For every rendered motion that two or more people show, its clips, each with another person's that shares a moment."""
    if pool.motion is None or pool.time is None:
        return []
    found: dict[str, dict[str, tuple[str, dict[int, int]]]] = {}
    for row in rows:
        if pool.motion[row]:
            clips = found.setdefault(str(pool.motion[row]), {})
            _, moments = clips.setdefault(str(pool.clip[row]), (str(pool.identity[row]), {}))
            moments[round(float(pool.time[row]) * 1000)] = int(row)
    groups = []
    for clips in found.values():
        takes = [Take(*clip) for clip in clips.values()]
        kept = [a for a in takes if any(a.identity != b.identity and a.rows.keys() & b.rows.keys() for b in takes)]
        if kept:
            groups.append(kept)
    return groups


def mirrored_blendshapes() -> Int64[np.ndarray, "52"]:
    """For each blendshape, the one that a mirrored picture shows in its place: left and right change sides."""
    return np.array([BLENDSHAPE_NAMES.index(_other_side(name)) for name in BLENDSHAPE_NAMES])


def _other_side(name: str) -> str:
    for side, other in (("Left", "Right"), ("Right", "Left")):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def mirrored(batch: Batch, flip: Tensor, gain: Tensor, order: Tensor, shapes: Tensor | None = None) -> Batch:
    """Left and right exchanged where `flip` [B] says so, truth and picture alike; colours times `gain` [B,3,1,1]. order:
    data.pool.mirror_order; shapes: the same of `blendshapes`. On the batch's device."""
    device = batch["image"].device
    sides = torch.from_numpy(mirrored_blendshapes()) if shapes is None else shapes
    sign, turned = (torch.tensor(values).to(device) for values in ((-1.0, 1.0, 1.0), MIRRORED_POSE))
    other = {
        "image": batch["image"].flip(3),
        "head_pose": batch["head_pose"] * turned,
        "translation": batch["translation"] * sign[:2],
        **{name: batch[name][:, order] * sign for name in ("canonical", "head")},
        "blendshapes": batch["blendshapes"][:, sides.to(device)],
    }
    out = {
        name: torch.where(flip.view(-1, *[1] * (value.dim() - 1)), other.get(name, value), value) for name, value in batch.items()
    }
    out["image"] = (out["image"] * gain).clamp(0, 1)
    return out


@dataclass(frozen=True)
class Shake:
    """Random numbers of `jitter`, [B,...] each; drawn apart from their use, so that several processes can share one draw."""

    roll: Float[Tensor, " batch"]
    zoom: Float[Tensor, " batch"]
    shift: Float[Tensor, "batch 2"]
    brightness: Float[Tensor, "batch 3 1 1"]
    grey: Bool[Tensor, "batch 1 1 1"]
    noise: Int64[np.ndarray, " batch"]
    """seed of each picture's noise"""

    @staticmethod
    def draw(random: np.random.Generator, count: int) -> Shake:
        def uniform(low: float, high: float, *shape: int) -> Tensor:
            return torch.from_numpy(random.uniform(low, high, (count, *shape)).astype(np.float32))

        brightness = uniform(0.7, 1.3, 3, 1, 1) * uniform(0.7, 1.2, 1, 1, 1)
        grey = torch.from_numpy(random.random((count, 1, 1, 1)) < 0.1)
        zoom = uniform(-0.25, 0.25).exp()
        noise = random.integers(1 << 30, size=count)
        return Shake(uniform(-0.35, 0.35), zoom, uniform(-0.15, 0.15, 2), brightness, grey, noise)

    def turn(self) -> Float[Tensor, "batch 2 2"]:
        """Rz(roll), its image-plane block."""
        cosine, sine = torch.cos(self.roll), torch.sin(self.roll)
        return torch.stack([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)

    def part(self, share: slice, device: torch.device) -> Shake:
        """Some of the pictures' numbers, on a device."""
        values = {field.name: getattr(self, field.name)[share] for field in fields(self)}
        return Shake(**{name: value.to(device) if isinstance(value, Tensor) else value for name, value in values.items()})


def jitter(batch: Batch, shake: Shake, size: int) -> Batch:
    """A random similarity of the picture (roll, zoom, shift), which pose, scale and place follow exactly; also grey,
    gain and noise. `blendshapes`, `canonical` and `head` stay: they do not know of the picture's frame."""
    return {**batch, "image": shaken_picture(batch["image"], shake, size), **shaken_pose(batch, shake)}


def shaken_picture(picture: Tensor, shake: Shake, size: int) -> Tensor:
    """[B,3,side,side] -> [B,3,size,size]: turned, zoomed and shifted, with its grey, gain and noise."""
    # p_new = zoom * turn * p + shift, so the new pixel p looks up turn^T (p - shift) / zoom.
    grid = identity_grid(size, size, picture).view(1, -1, 2) - shake.shift[:, None]
    grid = (grid @ shake.turn() / shake.zoom[:, None, None]).view(len(picture), size, size, 2)
    image = sample(picture, grid)
    image = torch.where(shake.grey, image.mean(1, keepdim=True).expand_as(image), image) * shake.brightness
    return (image + 0.02 * _grain(image, shake.noise)).clamp(0, 1)


def shaken_pose(pose: Batch, shake: Shake) -> dict[str, Tensor]:
    """head_pose, scale and translation as they are in the shaken picture, exactly."""
    roll, zoom = shake.roll, shake.zoom
    moved = zoom[:, None] * (shake.turn() @ pose["translation"][:, :, None])[..., 0] + shake.shift
    turned = pose["head_pose"] + torch.stack([torch.zeros_like(roll), torch.zeros_like(roll), roll], 1)
    return {"head_pose": turned, "scale": pose["scale"] * zoom[:, None], "translation": moved}


def _grain(image: Tensor, seeds: Int64[np.ndarray, " batch"]) -> Tensor:
    """Normal noise: one field, cut out at another place for each picture, so that it depends on the picture's seed alone."""
    _, channels, height, width = image.shape
    generator = torch.Generator(image.device).manual_seed(0)
    field = torch.randn(channels, 2 * height, 2 * width, generator=generator, device=image.device)
    places = [(int(seed) % height, int(seed) // height % width) for seed in seeds]
    return torch.stack([field[:, y : y + height, x : x + width] for y, x in places])
