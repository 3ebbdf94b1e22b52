"""Landmark loss: the landmarker's mesh and blendshapes of a generated picture against those of the driving one.

The most direct supervision of expression there is: gradients run from 478 points and 52 blendshapes through the
landmarker's own networks into the pixels. Both pictures are cropped to the same square, the driver's.

ours: the choice of terms and of the points' weights. All terms are means over batch and elements, unweighted.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from reenact.core.face_mesh import (
    EYE_CORNERS,
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LIDS,
    LID_PAIRS,
    LIP_PAIRS,
    LIPS,
    MESH_SIZE,
    MOUTH_CORNERS,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LIDS,
)
from reenact.losses.face_mesh import FaceMesh
from reenact.losses.regions import Region, face_region

POINT_WEIGHTS = (
    (LIPS, 5.0),
    (RIGHT_LIDS + LEFT_LIDS, 5.0),
    (RIGHT_IRIS + LEFT_IRIS, 5.0),
    (RIGHT_BROW + LEFT_BROW, 3.0),
)
"""ours: weight of the points that carry expression; the others weigh 1"""


@dataclass(frozen=True)
class MeshTarget:
    """The landmarks and blendshapes that a picture should have. Holds no gradient."""

    landmarks: Float[Tensor, "batch 478 3"]
    """in [-1, 1] of the picture, z towards the camera"""
    blendshapes: Float[Tensor, "batch 52"]
    region: Region
    """the square that both pictures are cropped to"""


def target_from_points(landmarks: Float[Tensor, "batch 478 3"], blendshapes: Float[Tensor, "batch 52"]) -> MeshTarget:
    """A target out of a data set's labels ([-1, 1] of the picture): the network need not run on the driving picture."""
    landmarks = landmarks.detach()
    return MeshTarget(landmarks, blendshapes.detach(), face_region(landmarks))


@torch.no_grad()
def target_from_picture(
    mesh: FaceMesh, picture: Float[Tensor, "batch 3 side side"], landmarks: Float[Tensor, "batch 478 d"]
) -> MeshTarget:
    """A target estimated from the driving picture, RGB in [0, 1]; `landmarks`, from its labels, only give the region.

    Dearer than `target_from_points`, and free of what the labels' own square and codec did to them.
    """
    region = face_region(landmarks)
    points = mesh.read(picture, region)
    return MeshTarget(points, mesh.blendshapes(points), region)


def mesh_consistency(
    mesh: FaceMesh, generated: Float[Tensor, "batch 3 side side"], target: MeshTarget
) -> dict[str, Float[Tensor, ""]]:
    """RGB in [0, 1] -> named terms, gradients in the picture alone.

    landmarks: weighted mean distance in x and y, unit: half the square's side. Of the same person only.
    blendshapes: mean |difference| of the 52 coefficients.
    eyes, mouth: mean |difference| of `eye_aperture` and of `mouth_opening`; these three fit other persons too.
    """
    points = mesh.read(generated, target.region)
    return {
        "landmarks": landmark_distance(target.region.inward(points), target.region.inward(target.landmarks)),
        "blendshapes": (mesh.blendshapes(points) - target.blendshapes).abs().mean(),
        "eyes": (eye_aperture(points) - eye_aperture(target.landmarks)).abs().mean(),
        "mouth": (mouth_opening(points) - mouth_opening(target.landmarks)).abs().mean(),
    }


def landmark_distance(points: Float[Tensor, "batch 478 d"], others: Float[Tensor, "batch 478 d"]) -> Float[Tensor, ""]:
    """Mean |difference| in x and y, points weighted by POINT_WEIGHTS; depth, which the network guesses, is left out."""
    weight = points.new_ones(MESH_SIZE)
    for numbers, value in POINT_WEIGHTS:
        weight[list(numbers)] = value
    distance = (points[..., :2] - others[..., :2]).abs().mean(-1)
    return (distance * weight).sum(-1).mean() / weight.sum()


def eye_aperture(points: Float[Tensor, "batch 478 d"]) -> Float[Tensor, "batch 2"]:
    """Mean gap between the lids / width of the eye, in the picture's plane: right and left eye, about 0.05 to 0.4."""
    gaps = [_gap(points, pairs) / _gap(points, (corners,)) for corners, pairs in zip(EYE_CORNERS, LID_PAIRS, strict=True)]
    return torch.stack(gaps, -1)


def mouth_opening(points: Float[Tensor, "batch 478 d"]) -> Float[Tensor, " batch"]:
    """Mean gap between the inner lips / width of the mouth, in the picture's plane: 0 shut, about 1 wide open."""
    return _gap(points, LIP_PAIRS) / _gap(points, (MOUTH_CORNERS,))


def _gap(points: Tensor, pairs: tuple[tuple[int, int], ...]) -> Tensor:
    upper, lower = (points[:, list(side), :2] for side in zip(*pairs, strict=True))
    return ((upper - lower).square().sum(-1) + 1e-12).sqrt().mean(-1)  # the root's gradient at 0 is infinite
