"""Named, unweighted terms that train the rendering network of every method that moves keypoints. The loop weighs them."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
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
from reenact.losses.emotion import Expression, emotion_distance
from reenact.losses.face_mesh import FaceMesh
from reenact.losses.identity import SFace, identity_distance
from reenact.losses.lpips import LPIPS
from reenact.losses.matting import behind
from reenact.losses.regions import Region
from reenact.nn.blocks import Maps
from reenact.nn.keypoint_method import Field, KeypointMethod, Rendered
from reenact.nn.keypoints import Pose, Tensors
from reenact.nn.motion_encoder import window_grid

RENDER_WEIGHTS = {
    "l1": 4.0,
    "warped": 1.0,
    "lpips": 1.0,
    "features": 1.5,
    "mesh": 8.0,
    "mesh_gaps": 10.0,
    "mesh_shapes": 4.0,
    "identity": 0.5,
    "behind": 0.5,
}
"""ours: chosen so that no term is ten times another at the start"""


class RenderObjective(nn.Module):
    """Self-reenactment: the source frame, driven by the keypoints of another frame of its clip, is that frame.

    Its expression has landmark losses too: the landmarker's mesh and blendshapes of the rendered picture, against
    those of the driving frame, and eyes and mouth compared by themselves, enlarged; and its identity SFace's.
    """

    def __init__(self, expression: Expression | None = None, read_share: float = 1.0, shift: int = 0) -> None:
        """expression: the emotion loss's network, for stages that weigh `emotion`. read_share, shift: of `joint`, which
        trains: the share of a batch whose frames have landmark losses, and by how many px at most both pictures are shifted,
        alike, before LPIPS compares them whole; a fixed grid of strides leaves dots on edges."""
        super().__init__()
        self.read_share, self.shift = read_share, shift
        self.lpips = LPIPS("alex")
        self.face_mesh = FaceMesh()
        self.sface = SFace()
        self.expression = expression

    def forward(self, model: KeypointMethod, source: Tensors, driving: Tensors) -> tuple[dict[str, Tensor], Rendered]:
        """Driven by the teacher's keypoints. The terms, and the rendering."""
        rendered = model.render_poses(
            source["image"], model.pyramid(source["image"]), model.teacher(source), model.teacher(driving)
        )
        return self.terms(model, rendered, driving), rendered

    def joint(
        self, model: KeypointMethod, source: Tensors, driving: Tensors, target: Tensors
    ) -> tuple[dict[str, Tensor], Rendered, list[dict[str, Tensor]]]:
        """Driven by the method's own estimates of both pictures, as it will run. The terms, the frame rendered, each picture's
        motion.

        target: the source's person in the driving picture's motion; the driving picture itself, but where a rendered person
        drives another. Heads differ in size, so there the place and scale are the target's.
        """
        read = read_both(model, source, driving)
        theirs = {name: _elsewhere(read[1][name], driving, target, name) for name in read[1]}
        poses = [model.pose(read[0][model.person], motion) for motion in (read[0], theirs)]
        rendered = model.render_poses(source["image"], model.pyramid(source["image"]), *poses)
        some = max(1, round(self.read_share * len(source["image"])))
        return self.terms(model, rendered, target, source, some, self.shift), rendered, read

    def terms(
        self,
        model: KeypointMethod,
        rendered: Rendered,
        driving: Tensors,
        source: Tensors | None = None,
        some: int | None = None,
        shift: int = 0,
    ) -> dict[str, Tensor]:
        """driving: the true picture with the teacher's estimate of it. source: the portrait with the same; where it is given,
        `identity_source` compares the output's identity with it too, as CSIM does; with `source["known_as"]` [B,128] where that
        is known beforehand. some, shift: the first frames, which alone have landmark losses; of LPIPS (see __init__)."""
        target = driving["image"]
        truth = model.teacher(driving)
        count = model.config.mesh_keypoints
        weight = 1 + 4 * feature_mask(truth, target.shape[-1], count)
        region = _first(keypoint_region(truth, count), some)
        made, wanted = (enlarged(x, driving) for x in (rendered.frame, target))
        return {
            "l1": ((rendered.frame - target).abs() * weight).mean(),
            "warped": (rendered.warped - target).abs().mean(),
            "lpips": self.lpips(*shifted(shift, rendered.frame, target)).mean(),
            "features": self.lpips(made, wanted).mean(),
            **self._mesh(rendered.frame[:some], target[:some], region, self._portrait(model, source, some)),
            **self._small(rendered.small, target),
            **self._behind(model, rendered, target),
        }

    def read_back(self, model: KeypointMethod, frame: Tensor, driving: Tensors) -> dict[str, Tensor]:
        """The face networks' losses on the rendered picture: the landmarker's mesh, its inter-landmark distances and blendshapes,
        SFace's identity, each against those of the true one."""
        return self._mesh(frame, driving["image"], keypoint_region(model.teacher(driving), model.config.mesh_keypoints), None)

    def _portrait(self, model: KeypointMethod, source: Tensors | None, some: int | None) -> Tensor | None:
        """Who the first portraits show, [some,128]; None without portraits."""
        if source is None:
            return None
        if "known_as" in source:
            return source["known_as"][:some]
        return self.person({name: value[:some] for name, value in source.items()}, model)

    def _behind(self, model: KeypointMethod, rendered: Rendered, target: Tensor) -> dict[str, Tensor]:
        """Where the inpainted background is shown; {} where the method has none."""
        if rendered.uncovered is None or rendered.person is None or rendered.near is None:
            return {}
        return {"behind": behind(rendered.uncovered, rendered.person, model.find_person(target), rendered.near)}

    def _small(self, pictures: tuple[Tensor, ...], target: Tensor) -> dict[str, Tensor]:
        """L1 and LPIPS of a multi-scale generator's smaller pictures, mean over the scales; {} where there are none."""
        pairs = [(picture, F.interpolate(target, size=picture.shape[-2:], mode="area")) for picture in pictures]
        losses = [(picture - wanted).abs().mean() + self.lpips(picture, wanted).mean() for picture, wanted in pairs]
        return {"scales": torch.stack(losses).mean()} if losses else {}

    def _mesh(self, frame: Tensor, target: Tensor, region: Region, portrait: Tensor | None) -> dict[str, Tensor]:
        """What `face_terms` compares, and identity and emotion of both pictures."""
        read, place = face_terms(self.face_mesh, frame, target, region)
        # looked at where the true face is: an embedding says who it is, not where
        shown = self.sface.embed(frame, place)
        with torch.no_grad():
            people = {"identity": self.sface.embed(target, place)}
            if portrait is not None:
                people["identity_source"] = portrait
        return read | self._felt(frame, target, place) | {name: identity_distance(shown, who) for name, who in people.items()}

    def _felt(self, frame: Tensor, target: Tensor, place: Tensor) -> dict[str, Tensor]:
        """The emotion loss, of both pictures cropped to the true face; {} without its network."""
        if self.expression is None:
            return {}
        with torch.no_grad():
            wanted = self.expression.embed(target, place)
        return {"emotion": emotion_distance(self.expression.embed(frame, place), wanted)}

    @torch.no_grad()
    def person(self, truth: Tensors, model: KeypointMethod) -> Float[Tensor, "batch 128"]:
        """Who pictures show: SFace's embedding, found with the face mesh."""
        picture, region = truth["image"], keypoint_region(model.teacher(truth), model.config.mesh_keypoints)
        return self.sface.embed(picture, self.face_mesh.read(picture.float(), region))


def shifted(most: int, *pictures: Tensor) -> list[Tensor]:
    """The pictures, all shifted alike by 0 to `most` px down and right, what leaves at one side coming in at the other. Random
    numbers of the device, so that a graph draws new ones at each replay."""
    if not most:
        return list(pictures)
    by = torch.randint(0, most + 1, (2,), device=pictures[0].device)
    rows, columns = ((torch.arange(side, device=by.device) + by[axis]) % side for axis, side in enumerate(pictures[0].shape[-2:]))
    return [picture.index_select(2, rows).index_select(3, columns) for picture in pictures]


def _first(region: Region, some: int | None) -> Region:
    return Region(region.centre[:some], region.half[:some], region.angle[:some])


def read_both(model: KeypointMethod, source: Tensors, driving: Tensors) -> list[dict[str, Tensor]]:
    """The motion encoder's estimates of both pictures, in one pass."""
    count = len(source["image"])
    both = model.motion(torch.cat([source["image"], driving["image"]]))
    return [{name: value[part] for name, value in both.items()} for part in (slice(count), slice(count, None))]


@torch.no_grad()
def decided(
    model: KeypointMethod, source: Tensors, driving: Tensors
) -> tuple[list[Pose], Field, Maps, Float[Tensor, "batch code"]]:
    """What the generator is conditioned on by the method's own estimates of both pictures: their poses, then
    `KeypointMethod.decide`'s. For stages in which only what comes after it learns."""
    read = read_both(model, source, driving)
    poses = [model.pose(read[0][model.person], motion) for motion in read]
    return poses, *model.decide(source["image"], *poses)


def _elsewhere(read: Tensor, driving: Tensors, target: Tensors, name: str) -> Tensor:
    """A field of the estimated motion: place and scale are the target's truth in rows where another person drives."""
    if name not in ("scale", "translation"):
        return read
    other = (driving["canonical"] != target["canonical"]).flatten(1).any(1, keepdim=True)
    return torch.where(other, target[name].to(read), read)


def face_terms(
    face_mesh: FaceMesh, frame: Tensor, target: Tensor, region: Region
) -> tuple[dict[str, Tensor], Float[Tensor, "batch 478 3"]]:
    """The landmarker's mesh points (in half sides of its square), inter-landmark distances and blendshapes of a rendered picture
    against those of the true one; and the true points, in [-1, 1] of the picture."""
    with torch.autocast(frame.device.type, enabled=False):
        with torch.no_grad():
            wanted = region.inward(face_mesh.read(target.float(), region))
            shapes = face_mesh.blendshapes(region.outward(wanted))
        found = region.inward(face_mesh.read(frame.float(), region))
        weight = found.new_ones(found.shape[1], 1)
        weight[list(EXPRESSIVE)] = 3
        gap = [torch.stack([x[:, a] - x[:, b] for a, b in MESH_GAPS], 1)[..., :2] for x in (found, wanted)]
        terms = {
            "mesh": ((found - wanted)[..., :2].abs() * weight).mean(),
            "mesh_gaps": F.l1_loss(*gap),
            "mesh_shapes": F.l1_loss(face_mesh.blendshapes(region.outward(found)), shapes),
        }
    return terms, region.outward(wanted)


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


def keypoint_region(pose: Pose, mesh_keypoints: int) -> Region:
    """The landmarker's square around a face whose keypoints are known: the box of the mesh points, turned by the roll."""
    xy = pose.keypoints[:, :mesh_keypoints, :2].detach()
    low, high = xy.amin(1), xy.amax(1)
    return Region((low + high) / 2, REGION_SCALE / 2 * (high - low).amax(1), pose.motion["head_pose"][:, 2].detach())


WINDOWS = (((-0.18, -0.18, 0.35), 0.15), ((0.18, -0.18, 0.35), 0.15), ((0.0, 0.23, 0.44), 0.22))
"""Middle, in the mean head's frame, and half side of what is looked at enlarged: both eyes, the mouth (ours)"""
WINDOW_SIDE = 64


def enlarged(picture: Tensor, truth: Tensors) -> Tensor:
    """[B,3,s,s] -> [3 B,3,64,64]: the WINDOWS of a picture whose pose is known."""
    return torch.cat([sample(picture, window_grid(truth, middle, reach, WINDOW_SIDE)) for middle, reach in WINDOWS])


def feature_mask(pose: Pose, size: int, count: int) -> Tensor:
    """[B,1,size,size] in [0, 1]: 1 near eyes, brows and lips (the first 26 keypoints), where expression shows."""
    grid = identity_grid(32, 32, pose.keypoints)
    points = pose.keypoints[:, : min(26, count), None, None, :2].detach()
    near = torch.exp(-(grid - points).square().sum(-1) / (2 * 0.06**2)).amax(1, keepdim=True)
    return F.interpolate(near, size=(size, size), mode="bilinear", align_corners=False)
