"""The training pool: frames at 256x256, decoded, with the landmarker's estimates of them, in memory-mapped arrays.

Pool.load takes a data set of shards (data/shards.py), which it decodes once into a cache beside them (data/cache.py), or a
folder of the older form: frames<part>.npy, uint8 [N,256,256,3], and labels<part>.npz with landmarks [N,478,3] px, blendshapes
[N,52], split, identity, clip, each [N]. Research material about real people: neither is ever committed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
from jaxtyping import Float, Float32, Int64, UInt8

from reenact.core.groups import group_means, off_the_mean
from reenact.data.cache import cached
from reenact.data.reader import Shards
from reenact.faces.points import MESH_POINTS, SHELL, template
from reenact.faces.pose import HeadFit, canonical_face, fit_head

RIDGE = 1e-3
"""ours: keeps blendshapes that never fire from taking part in the neutral face"""


@dataclass(frozen=True)
class Truth:
    """What a face's keypoints are made of, for N frames, in [-1, 1] of the crop (core/types.py: Motion)."""

    head_pose: Float32[np.ndarray, "n 3"]
    scale: Float32[np.ndarray, "n 1"]
    translation: Float32[np.ndarray, "n 2"]
    canonical: Float32[np.ndarray, "n 47 3"]
    """the person's neutral keypoints in the head's frame"""
    head: Float32[np.ndarray, "n 47 3"]
    """canonical + expression offsets"""
    blendshapes: Float32[np.ndarray, "n e"]
    """52; another face prior's coefficients where it was fitted to the pool (methods/prior/landmark_prior.py)"""
    mirror: Int64[np.ndarray, " e"] | None = None
    """for each coefficient, the one that a mirrored picture shows in its place; None: the 52 blendshapes' (data/pairs.py)"""


@dataclass(frozen=True)
class Pool:
    frames: list[UInt8[np.ndarray, "n size size 3"]]
    landmarks: Float32[np.ndarray, "n 478 3"]
    blendshapes: Float32[np.ndarray, "n 52"]
    split: np.ndarray
    identity: np.ndarray
    clip: np.ndarray
    motion: np.ndarray | None = None
    """[N]: rendered frames with the same motion and time show the same expression and pose; "" elsewhere"""
    time: Float[np.ndarray, " n"] | None = None
    """seconds in the source file"""
    exact: Mapping[str, Float32[np.ndarray, "n ..."]] = field(default_factory=dict)
    """blendshapes [N,52], head_pose [N,3], gaze [N,2] as rendered; NaN where a frame is real"""

    given: Truth | None = None
    """another prior's estimates of the frames, where it was fitted to them"""

    @staticmethod
    def load(folder: Path, size: int = 256, stride: int = 1, splits: tuple[str, ...] = (), cache: Path | None = None) -> Pool:
        """A data set of shards, or a folder of frames*.npy and labels*.npz. Raises ReenactError if it is neither.

        For shards: size: side of the pictures, px. stride: every which frame of a clip. splits: only these; () is all. cache:
        where the decoded frames are kept (192 kB each at 256x256); by default the folder `cache` beside the shards.
        """
        labels = [np.load(path) for path in sorted(folder.glob("labels*.npz"))]
        if not labels:
            return Pool(**cached(Shards(folder), cache or folder / "cache", size, stride, splits))
        frames = [np.load(path, mmap_mode="r") for path in sorted(folder.glob("frames*.npy"))]
        joined = {name: np.concatenate([part[name] for part in labels]) for name in labels[0].files}
        names = {"blendshapes": "exact_blendshapes", "head_pose": "exact_pose", "gaze": "gaze"}
        exact = {name: joined[stored] for name, stored in names.items() if stored in joined}
        known = joined["lm"], joined["bs"], joined["split"], joined["ident"], joined["clip"]
        return Pool(frames, *known, joined.get("motion"), joined.get("time"), exact)

    def read(self, rows: Int64[np.ndarray, " batch"]) -> UInt8[np.ndarray, "batch size size 3"]:
        """The frames of these rows."""
        starts = np.cumsum([0] + [len(part) for part in self.frames])
        part = np.searchsorted(starts, rows, side="right") - 1
        return np.stack([self.frames[p][row - starts[p]] for p, row in zip(part, rows, strict=True)])

    @cached_property
    def truth(self) -> Truth:
        """Pose by Procrustes; what is left is the person plus a linear map of the blendshapes, split by regression."""
        if self.given is not None:
            return self.given
        fit, meshes = self.unposed()
        unposed = meshes[:, list(MESH_POINTS)]
        _, person = np.unique(self.clip, return_inverse=True)
        expression = np.einsum("nb,bkc->nkc", self.blendshapes, self.expression_map(unposed, person))
        neutral = unposed - expression
        canonical = group_means(neutral, person)[person].astype(np.float32)
        shell = np.broadcast_to(SHELL, (len(unposed), *SHELL.shape))
        return Truth(
            head_pose=fit.head_pose.astype(np.float32),
            scale=fit.scale[:, None].astype(np.float32),
            translation=fit.translation[:, :2].astype(np.float32),
            canonical=np.concatenate([canonical, shell], 1),
            head=np.concatenate([unposed, shell], 1).astype(np.float32),
            blendshapes=self.blendshapes,
        )

    def meshes(self) -> Float32[np.ndarray, "n 478 3"]:
        """Every frame's landmarks in the head's frame. Made anew at each call."""
        return self.unposed()[1]

    def unposed(self) -> tuple[HeadFit, Float32[np.ndarray, "n 478 3"]]:
        """Every frame's pose by Procrustes, in [-1, 1] of the crop, and its landmarks in the head's frame. Made at each call."""
        points = self.landmarks / np.float32(self.frames[0].shape[1] / 2)
        points[..., :2] -= 1
        fit = fit_head(points)
        return fit, fit.unpose(points)

    def expression_map(self, unposed: np.ndarray, person: np.ndarray) -> Float32[np.ndarray, "52 k 3"]:
        """Least squares of unposed = neutral(person) + blendshapes @ map, the person's mean taken out of both sides."""
        flat = unposed.reshape(len(unposed), -1).astype(np.float64)
        values = self.blendshapes.astype(np.float64)
        left, right = (off_the_mean(x, person) for x in (values, flat))
        gram = left.T @ left + RIDGE * len(left) * np.eye(left.shape[1])
        return np.linalg.solve(gram, left.T @ right).reshape(values.shape[1], -1, 3).astype(np.float32)


def mirror_order() -> Int64[np.ndarray, "47"]:
    """For each keypoint, the one on the other half of the head: what a mirrored picture swaps."""
    points = template(canonical_face().points)
    mirrored = points * np.float32([-1, 1, 1])
    return np.linalg.norm(mirrored[:, None] - points[None], axis=-1).argmin(1)
