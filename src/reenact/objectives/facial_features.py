"""Mouths and eyes as the generator draws them, where the portrait does not show them: teeth behind closed lips, lids over open
eyes.

ours. A rendered pixel is the warped portrait and what is generated, blended (nn/generator.py). Where a lid closes, both are
half: the warped iris, and whatever makes up for it in people who were trained on; on other skin the sum is pale. So here what is
generated has to be right by itself, wherever the blending mask is undecided, and the rest of the picture has to stay as it is.
The windows are those of objectives/patches.py. Pictures alone let lips meet that should be a little apart, so the landmarker
reads the true picture with the windows in it, and says how far they are.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor, nn

from reenact.faces.points import EYES, LIPS
from reenact.losses.face_mesh import FaceMesh
from reenact.losses.lpips import LPIPS
from reenact.losses.patch_gan import feature_matching, hinge_generator
from reenact.losses.projected import Change, ProjectedDiscriminator
from reenact.nn.disocclusion import between
from reenact.nn.generator import Drawn, Generator
from reenact.nn.keypoint_method import KeypointMethod
from reenact.nn.keypoints import Pose, Tensors
from reenact.objectives.adversary import Discriminators
from reenact.objectives.patches import CELL, CELLS, MARGIN, SHAKE, corner, inner, undrawn
from reenact.objectives.self_reenactment import RENDER_WEIGHTS, face_terms, keypoint_region

KEPT = (0.95, 0.8)
"""ours: of the generator that is begun with; where it keeps more of the warped portrait than the first, nothing is to change,
where less than the second, all may"""
REACH = 9
"""ours: px; side of the squares around such places that may change, too"""
EYE = len(EYES) // 2
WEIGHTS = {
    "l1": 4.0,
    "lpips": 1.5,
    "generated": 1.0,
    "generated_lpips": 0.375,
    "unchanged": 40.0,
    "adversarial": 0.05,
    "matching": 0.5,
    **{name: RENDER_WEIGHTS[name] for name in ("mesh", "mesh_gaps", "mesh_shapes")},
}
"""ours, the first two and discriminator's as in objectives/patches.py, the last three as in the joint stage"""


class FacialFeatureObjective(nn.Module):
    """Self-reenactment by the method's own motion estimate; of each picture the mouth and one eye, and a window anywhere, which
    is to stay as it is."""

    def __init__(self, before: Generator, read_share: float = 1.0) -> None:
        """before: the generator that is begun with, frozen. read_share: of a batch's pictures, how many have landmark losses."""
        super().__init__()
        self.read_share = read_share
        self.lpips, self.face_mesh = LPIPS("alex"), FaceMesh()
        self._before = [before]  # in a list, for it is its task's to save

    def forward(self, model: KeypointMethod, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
        """The terms, and what a discriminator is shown: `fake` and `real` windows [2 B,3,64,64]."""
        whole = undrawn(model, source, driving)
        found: list[tuple[Tensor, ...]] = []
        mouth, eye = chosen(model.teacher(driving), whole.cells)
        anywhere = torch.randint(whole.cells - CELLS + 1, mouth.shape, device=mouth.device)
        for corners in (mouth, eye, anywhere):
            given, wanted = whole.window(corners)
            with torch.no_grad():
                before = self._before[0](*given)
            now = model.generator(*given)
            found.append(tuple(inner(x) for x in (now.frame, now.generated, before.frame, free(before), wanted)))
        terms, shown = self.terms(*(torch.cat(parts) for parts in zip(*found[:2], strict=True)))
        frame, _, before, *_ = found[2]
        terms["unchanged"] = (terms["unchanged"] + (frame - before).abs().mean()) / 2
        return terms | self._read(model, driving, shown["fake"].chunk(2), (mouth, eye)), shown

    def _read(
        self, model: KeypointMethod, driving: Tensors, windows: tuple[Tensor, ...], corners: tuple[Tensor, ...]
    ) -> dict[str, Tensor]:
        """What the landmarker reads in the first true pictures with their rendered windows, against the true ones."""
        some = max(1, round(self.read_share * len(driving["image"])))
        seen = {name: value[:some] for name, value in driving.items()}
        picture = seen["image"]
        for window, place in zip(windows, corners, strict=True):
            picture = pasted(picture, window[:some], place[:some])
        region = keypoint_region(model.teacher(seen), model.config.mesh_keypoints)
        return face_terms(self.face_mesh, picture, seen["image"], region)[0]

    def terms(self, frame: Tensor, alone: Tensor, before: Tensor, share: Tensor, wanted: Tensor) -> Any:
        """frame, alone (what is generated), before (the frame as it was), wanted: [N,3,64,64]; share: where it may change."""
        made, filled = (before + share * (picture - before) for picture in (frame, alone))
        seen, seen_alone = self._seen(made, filled, wanted=wanted)
        terms = {
            "l1": (made - wanted).abs().mean(),
            "lpips": seen,
            "generated": (filled - wanted).abs().mean(),
            "generated_lpips": seen_alone,
            "unchanged": ((frame - before).abs() * (1 - share)).mean(),
        }
        return terms, {"fake": made, "real": wanted}

    def _seen(self, *pictures: Tensor, wanted: Tensor) -> list[Tensor]:
        """LPIPS of each picture, twice as large, which is how closely mouths and eyes are looked at."""
        made, truth = (F.interpolate(x, scale_factor=2.0, mode="bilinear") for x in (torch.cat(pictures), wanted))
        return [part.mean() for part in self.lpips(made, truth.repeat(len(pictures), 1, 1, 1)).chunk(len(pictures))]


def pasted(picture: Tensor, windows: Tensor, corners: Int64[Tensor, "batch 2"]) -> Float[Tensor, "batch 3 size size"]:
    """The pictures with the inner part of a window in each. corners: of the whole windows, cells (`chosen`)."""
    out, side = picture.clone(), windows.shape[-1]
    for i, (row, column) in enumerate((CELL * (corners + MARGIN)).tolist()):
        out[i, :, row : row + side, column : column + side] = windows[i]
    return out


def free(before: Drawn) -> Float[Tensor, "batch 1 size size"]:
    """Where a frame may change: in and around what is not just the portrait, 0..1."""
    near = F.max_pool2d(between(before.keep, *KEPT), 2 * (REACH // 2) + 1, 1, REACH // 2)
    return F.avg_pool2d(F.pad(near, (2, 2, 2, 2), mode="replicate"), 5, 1)


def chosen(pose: Pose, cells: int) -> tuple[Int64[Tensor, "batch 2"], Int64[Tensor, "batch 2"]]:
    """Row and column of the first cell of each picture's mouth, and of one of its eyes. cells: along the picture."""
    points, lips = pose.keypoints[..., :2], len(LIPS)
    count, device = len(points), points.device
    eyes = torch.stack([points[:, lips + EYE * side : lips + EYE * (side + 1)].mean(1) for side in (0, 1)], 1)
    eye = eyes[torch.arange(count, device=device), torch.randint(2, (count,), device=device)]
    middles = [middle + SHAKE * (torch.rand(count, 2, device=device) * 2 - 1) for middle in (points[:, :lips].mean(1), eye)]
    mouth, eye = (corner(middle, cells) for middle in middles)
    return mouth, eye


class ProjectedWindows(Discriminators):
    """One discriminator on frozen features (losses/projected.py), of every other window: it costs as much as all else."""

    def __init__(self) -> None:
        super().__init__()
        self.judge = ProjectedDiscriminator()

    def networks(self) -> tuple[tuple[ProjectedDiscriminator, str], ...]:
        return ((self.judge, ""),)

    def terms(self, shown: Tensors) -> dict[str, Float[Tensor, ""]]:
        """As of other discriminators; true and generated windows are augmented alike, lest features tell of that."""
        some = _some(shown)
        change = Change.draw(len(some["fake"]), some["fake"].device)
        fake = self.judge(some["fake"], change)
        with torch.no_grad():
            real = self.judge(some["real"], change)
        return {"adversarial": hinge_generator(fake.logits), "matching": feature_matching(fake.features, real.features)}

    def forward(self, shown: Tensors) -> dict[str, Float[Tensor, ""]]:
        return super().forward(_some(shown))


def _some(shown: Tensors) -> dict[str, Tensor]:
    return {name: pictures[::2] for name, pictures in shown.items()}
