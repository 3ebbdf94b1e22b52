"""Named, unweighted terms of the two stages that train the method. The loop weighs and sums them.

ours, and unlike the paper: the plain form learns its keypoints from a teacher (mesh points of the free landmarker), so
that a CPU's worth of images is enough to move a face. Stage `motion` trains the motion encoder and the expression
decoder; stage `render` trains everything that draws, driven by the teacher's keypoints.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from reenact.core.face_mesh import (
    LEFT_BROW,
    LEFT_IRIS,
    LEFT_LIDS,
    LID_PAIRS,
    LIP_PAIRS,
    LIPS,
    MOUTH_CORNERS,
    REGION_SCALE,
    RIGHT_BROW,
    RIGHT_IRIS,
    RIGHT_LIDS,
)
from reenact.geometry.grid import identity_grid, sample
from reenact.geometry.rotation import rotation_matrix
from reenact.losses.face_mesh import FaceMesh, Region
from reenact.losses.lpips import LPIPS
from reenact.methods.mmfa.model import Mmfa, Pose, Rendered, Tensors, place
from reenact.methods.mmfa.parts import face_grid, upright

MOTION_WEIGHTS = {
    "keypoints": 20.0,
    "offsets": 60.0,
    "gaps": 60.0,
    "gaps_head": 20.0,
    "canonical": 20.0,
    "pose": 5.0,
    "rough": 6.0,
    "blendshapes": 4.0,
    "code": 1e-3,
}
RENDER_WEIGHTS = {
    "l1": 4.0,
    "warped": 1.0,
    "lpips": 1.0,
    "features": 1.5,
    "mesh": 8.0,
    "mesh_gaps": 10.0,
    "mesh_shapes": 4.0,
}
"""ours: chosen so that no term is ten times another at the start"""


class MotionObjective(nn.Module):
    """Teacher: Procrustes pose, mesh keypoints, blendshapes (data.pool.Truth).

    The second look learns on windows that are off by as much as the first look's errors, so that it mends them.
    """

    def __init__(self, model: Mmfa) -> None:
        super().__init__()
        self.blendshapes = nn.Linear(model.config.expression_size, 52)

    def forward(self, model: Mmfa, batch: Tensors, small: Tensors | None = None) -> dict[str, Tensor]:
        """batch: pictures and truth. small: for training, the pictures at 64x64, moved and recoloured (data.pairs.jitter),
        with the pose that goes with them; left out, the second look stands where the first one says."""
        rough = model.motion.locate((small or batch)["image"])
        if small is None:
            found = model.motion.read(batch["image"], rough)
        else:
            window = shaken(batch)
            view = sample(batch["image"], face_grid(window, model.config.motion_view))
            found = model.motion.describe(recoloured(view), window)
        count = model.config.mesh_keypoints
        offsets = model.expression(found["expression"])
        expression = batch["head"] - batch["canonical"]
        truth = place(batch["head"], batch)
        guess = place(found["canonical_keypoints"] + offsets, found)
        found_head = (found["canonical_keypoints"] + offsets)[:, :count]
        return {
            "keypoints": F.l1_loss(guess.keypoints[:, :count, :2], truth.keypoints[:, :count, :2]),
            "offsets": ((offsets - expression)[:, :count].abs() * feature_weight(count)).mean(),
            "gaps": F.l1_loss(gaps(offsets), gaps(expression)),
            "gaps_head": F.l1_loss(gaps(found_head), gaps(batch["head"])),
            "canonical": F.l1_loss(found["canonical_keypoints"][:, :count], batch["canonical"][:, :count]),
            "pose": sum(F.l1_loss(found[name], batch[name]) for name in POSE),
            "rough": sum(F.l1_loss(rough[name], (small or batch)[name]) for name in POSE),
            "blendshapes": F.l1_loss(torch.sigmoid(self.blendshapes(found["expression"])), batch["blendshapes"]),
            "code": found["expression"].square().mean(),
        }


POSE = ("head_pose", "scale", "translation")

GAPS = ((12, 13), (16, 17), (1, 2), (4, 5), (18, 10), (18, 13), (19, 14), (19, 17))
"""Pairs of keypoints (faces/points.py) whose distance says most: lids, lips, mouth corners, irises in their eyes"""


def gaps(points: Tensor) -> Tensor:
    """[B,K,3] -> [B,pair,2]: how far apart, along x and y."""
    one, other = zip(*GAPS, strict=True)
    return (points[:, list(one)] - points[:, list(other)])[..., :2]


def shaken(batch: Tensors) -> dict[str, Tensor]:
    """The true pose, off by as much as a first look is (ours: up to 6 degrees, 7 % of scale, 4 % of the half side, sigma)."""
    size = torch.rand_like(batch["scale"])

    def noise(name: str, most: float) -> Tensor:
        return most * size * torch.randn_like(batch[name])

    return {
        "head_pose": batch["head_pose"] + noise("head_pose", 0.1),
        "scale": batch["scale"] * torch.exp(noise("scale", 0.07)),
        "translation": batch["translation"] + noise("translation", 0.04),
    }


def recoloured(image: Tensor) -> Tensor:
    """Another light, camera and grain (ours): gain a channel, gain, grey for one in ten, noise."""
    one = image.new_ones(len(image), 1, 1, 1)
    grey = torch.rand_like(one) < 0.1
    image = torch.where(grey, image.mean(1, keepdim=True).expand_as(image), image)
    image = image * (0.8 + 0.4 * torch.rand_like(one.expand(-1, 3, 1, 1))) * (0.7 + 0.5 * torch.rand_like(one))
    return (image + 0.03 * torch.rand_like(one) * torch.randn_like(image)).clamp(0, 1)


class RenderObjective(nn.Module):
    """Self-reenactment: the source frame, driven by the keypoints of another frame of its clip, is that frame.

    What of it is expression is also read back: the landmarker's mesh and blendshapes of the picture made, against
    those of the driving frame, and eyes and mouth compared by themselves, enlarged.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lpips = LPIPS("alex")
        self.face_mesh = FaceMesh()

    def forward(self, model: Mmfa, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], Tensor]:
        """Driven by the teacher's keypoints."""
        portrait = dict(zip(("fine", "middle", "coarse"), model.source(source["image"]), strict=True))
        poses: list[Pose] = [place(batch["head"], batch) for batch in (source, driving)]
        rendered = model.render_poses(source["image"], portrait, *poses)
        return self.terms(model, rendered, driving), rendered.frame

    def terms(self, model: Mmfa, rendered: Rendered, driving: Tensors) -> dict[str, Tensor]:
        """driving: the true picture with the teacher's reading of it."""
        target = driving["image"]
        truth = place(driving["head"], driving)
        weight = 1 + 4 * feature_mask(truth, target.shape[-1], model.config.mesh_keypoints)
        windows = feature_windows(driving)
        made, wanted = (torch.cat([sample(x, grid) for grid in windows]) for x in (rendered.frame, target))
        return {
            "l1": ((rendered.frame - target).abs() * weight).mean(),
            "warped": (rendered.warped - target).abs().mean(),
            "lpips": self.lpips(rendered.frame, target).mean(),
            "features": self.lpips(made, wanted).mean(),
            **self._mesh(rendered.frame, target, truth),
        }

    def _mesh(self, frame: Tensor, target: Tensor, truth: Pose) -> dict[str, Tensor]:
        """Mesh points (in half sides of the landmarker's square) and blendshapes of both pictures."""
        with torch.autocast(frame.device.type, enabled=False):
            region = _region(truth)
            with torch.no_grad():
                wanted = region.inward(self.face_mesh.read(target.float(), region))
                shapes = self.face_mesh.blendshapes(region.outward(wanted))
            found = region.inward(self.face_mesh.read(frame.float(), region))
            weight = found.new_ones(found.shape[1], 1)
            weight[list(EXPRESSIVE)] = 3
            gap = [torch.stack([x[:, a] - x[:, b] for a, b in MESH_GAPS], 1)[..., :2] for x in (found, wanted)]
            return {
                "mesh": ((found - wanted)[..., :2].abs() * weight).mean(),
                "mesh_gaps": F.l1_loss(*gap),
                "mesh_shapes": F.l1_loss(self.face_mesh.blendshapes(region.outward(found)), shapes),
            }


EXPRESSIVE = (*LIPS, *RIGHT_LIDS, *LEFT_LIDS, *RIGHT_IRIS, *LEFT_IRIS, *RIGHT_BROW, *LEFT_BROW)
MESH_GAPS = (
    *(pair for eye in LID_PAIRS for pair in eye),
    *LIP_PAIRS,
    MOUTH_CORNERS,
    (468, 33),
    (468, 133),
    (473, 263),
    (473, 362),
)
"""Distances that say most of an expression: lids, lips, mouth corners, irises between the corners of their eyes"""


def _region(pose: Pose) -> Region:
    """The landmarker's square around a face whose keypoints are known: the box of the mesh points, turned by the roll."""
    xy = pose.keypoints[:, :40, :2].detach()
    low, high = xy.amin(1), xy.amax(1)
    return Region((low + high) / 2, REGION_SCALE / 2 * (high - low).amax(1), pose.motion["head_pose"][:, 2].detach())


WINDOWS = (((-0.18, -0.18, 0.35), 0.15), ((0.18, -0.18, 0.35), 0.15), ((0.0, 0.23, 0.44), 0.22))
"""Middle, in the mean head's frame, and half side of what is looked at enlarged: both eyes, the mouth (ours)"""


def feature_windows(pose: Tensors, side: int = 64) -> list[Tensor]:
    """[B,side,side,2] for each window: where its pixels lie in the picture."""
    turn = rotation_matrix(pose["head_pose"])
    flat = upright(pose["head_pose"][:, 2:])
    grids = []
    for middle, reach in WINDOWS:
        centre = pose["translation"] + pose["scale"] * (turn @ turn.new_tensor(middle))[:, :2]
        grid = identity_grid(side, side, centre).reshape(1, -1, 2) @ flat.transpose(1, 2)
        grids.append((centre[:, None] + reach * pose["scale"][:, :, None] * grid).view(-1, side, side, 2))
    return grids


def feature_weight(count: int) -> Tensor:
    """[count,1]: lips, eyes and brows (the first 26 keypoints) count three times, where expression is read (ours)."""
    weight = torch.ones(count, 1)
    weight[:26] = 3
    return weight


def feature_mask(pose: Pose, size: int, count: int) -> Tensor:
    """[B,1,size,size] in [0, 1]: 1 near eyes, brows and lips (the first 26 keypoints), where looks are decided."""
    grid = identity_grid(32, 32, pose.keypoints)
    points = pose.keypoints[:, : min(26, count), None, None, :2].detach()
    near = torch.exp(-(grid - points).square().sum(-1) / (2 * 0.06**2)).amax(1, keepdim=True)
    return F.interpolate(near, size=(size, size), mode="bilinear", align_corners=False)
