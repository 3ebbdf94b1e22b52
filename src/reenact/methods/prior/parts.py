"""The networks that are the method's own; the rendering network is shared (nn/)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.faces.points import SHELL
from reenact.methods.prior.config import Config
from reenact.methods.prior.face import Face, vertex_normals
from reenact.nn.blocks import Keypoints, Maps, exact
from reenact.nn.conv_trunk import small
from reenact.nn.dense_motion import DenseMotion
from reenact.nn.keypoints import Pose
from reenact.nn.motion_encoder import FEATURES, MotionEncoder

UNIT = 0.02
"""ours: face heights that a learned number of the face model stands for, so that one learning rate fits it and the networks"""
OWN, NEAR = 6.0, 0.1
"""ours: a semantic keypoint begins as its mesh point, e^6 times as heavy as the others, which fade with distance (heights)"""
HIDDEN = 6.0
"""ours: logits that explicit visibility takes: a fresh mask begins at 2, so .88 becomes .02"""
GRAZING = 0.2
"""ours: z of a normal, 78 degrees from the camera, above which a part is seen well enough to be looked up"""
THIN = 0.1
"""ours: sum of keypoints' heat below which a place belongs to none of them"""


class SemanticFace(nn.Module):
    """The prior's face model, with keypoints that are weighted means of its mesh points; fitted, then learned on."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        points, keypoints = config.mesh_points, config.mesh_keypoints
        self.register_buffer("mean", torch.zeros(points, 3))
        self.register_buffer("normals", torch.zeros(points, 3))
        self.identity = nn.Parameter(torch.zeros(config.identity_size, points * 3))
        self.expression = nn.Parameter(torch.zeros(config.coefficients, points * 3))
        self.mixture = nn.Parameter(torch.zeros(keypoints, points))
        self.register_buffer("shell", torch.from_numpy(SHELL)[: config.shell_keypoints].clone())
        self.free = nn.Parameter(torch.zeros(config.shell_keypoints, 3))

    @torch.no_grad()
    def take(self, face: Face) -> None:
        """Begins at this face model. Raises ValueError where its sizes are not the configuration's."""
        sizes = (len(face.mean), len(face.identity), len(face.expression), len(face.points))
        wanted = (self.config.mesh_points, self.config.identity_size, self.config.coefficients, self.config.mesh_keypoints)
        if sizes != wanted:
            raise ValueError(
                f"a face model of {sizes} points, identities, coefficients, keypoints; the configuration says {wanted}"
            )
        self.mean.copy_(torch.from_numpy(face.mean))
        self.normals.copy_(torch.from_numpy(vertex_normals(face.mean, face.triangles)))
        self.identity.copy_(torch.from_numpy(face.identity).flatten(1) / UNIT)
        self.expression.copy_(torch.from_numpy(face.expression).flatten(1) / UNIT)
        own = torch.tensor(list(face.points))
        self.mixture.copy_(-(torch.cdist(self.mean[own], self.mean) / NEAR).square())
        self.mixture[torch.arange(len(own)), own] = OWN

    def weights(self) -> Float[Tensor, "keypoint point"]:
        """How much each mesh point counts in each semantic keypoint: not negative, rows sum to 1."""
        return self.mixture.softmax(1)

    def canonical(self, identity: Float[Tensor, "batch identity"]) -> Keypoints:
        """A person's neutral keypoints in the head's frame, the free ones last."""
        mesh = self.mean + UNIT * (identity @ self.identity).view(-1, self.config.mesh_points, 3)
        free = (self.shell + UNIT * self.free).expand(len(identity), -1, -1)
        return torch.cat([self.weights() @ mesh, free], 1)

    def offsets(self, coefficients: Float[Tensor, "batch coefficient"]) -> Keypoints:
        """How the prior says that an expression moves the keypoints; the free ones stay."""
        mesh = UNIT * (coefficients @ self.expression).view(-1, self.config.mesh_points, 3)
        return F.pad(self.weights() @ mesh, (0, 0, 0, self.config.shell_keypoints))

    def keypoint_normals(self) -> Float[Tensor, "keypoint 3"]:
        """Unit normals of the mean face at the keypoints; the free ones point away from the head's middle."""
        return F.normalize(torch.cat([self.weights() @ self.normals, self.shell]), dim=1)


class MotionEncoder(MotionEncoder):
    """A face -> its pose, scale, place, coefficients, residual, and the person's canonical keypoints, in two passes."""

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__(config)
        self.register_buffer("template", template)
        self.face = SemanticFace(config)
        self.coefficients = nn.Linear(FEATURES, config.coefficients)
        self.residual = small(nn.Linear(FEATURES, config.residual_size))
        self.identity = small(nn.Linear(FEATURES, config.identity_size))
        nn.init.constant_(self.coefficients.bias, -2.0)

    def describe(self, feature: Float[Tensor, "batch feature"], pose: dict[str, Tensor]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1], translation [B,2], expression [B,E+r] (coefficients in [0, 1], then the
        residual), canonical_keypoints [B,K,3]."""
        coefficients = torch.sigmoid(self.coefficients(feature))
        return {
            **pose,
            "expression": torch.cat([coefficients, self.residual(feature)], 1),
            "canonical_keypoints": self.face.canonical(self.identity(feature)),
        }


class ResidualDecoder(nn.Module):
    """Coefficients and residual -> what the prior's linear model leaves of the keypoints; nothing at the neutral face."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.keypoints = config.keypoints
        self.layers = nn.Sequential(
            nn.Linear(config.expression_size, 192), nn.GELU(), nn.Linear(192, 3 * config.keypoints, bias=False)
        )
        nn.init.normal_(self.layers[-1].weight, std=1e-3)

    def forward(self, expression: Float[Tensor, "batch code"]) -> Keypoints:
        return (self.layers(expression) - self.layers(torch.zeros_like(expression))).view(-1, self.keypoints, 3)


class Visibility(nn.Module):
    """Gives the dense motion which parts of the face are turned to the camera, in source and driving; zero at the start."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.maps = nn.Conv2d(2, config.flow_widths[0], 3, padding=1)
        nn.init.zeros_(self.maps.weight)
        nn.init.zeros_(self.maps.bias)

    def forward(self, normals: Float[Tensor, "keypoint 3"], source: Pose, driving: Pose, dense_motion: DenseMotion) -> Maps:
        """Both maps are laid out in the driving picture: how far what is seen there faces the camera, and how far the same
        part of the face did so in the source."""
        return self.maps(facing(normals, source, driving, dense_motion))


@exact
def uncovered(seen: Maps, size: int) -> Maps:
    """[B,1,size,size], 0 or less: what `facing` [B,2,64,64] takes from the occlusion logits, where a part of the face is turned
    to the camera now that was not in the source: there is nothing to be sampled there."""
    now, then = seen.split(1, 1)
    away = ((GRAZING - then) / GRAZING).clamp(0, 1)
    hidden = now.clamp(min=0) * away
    return -HIDDEN * (hidden if size == hidden.shape[-1] else F.interpolate(hidden, size=(size, size), mode="bilinear"))


@exact
def facing(normals: Float[Tensor, "keypoint 3"], source: Pose, driving: Pose, dense_motion: DenseMotion) -> Maps:
    """[B,2,64,64] in [-1, 1], around the driving keypoints: z of their normals in the driving picture, and in the source."""
    heat = dense_motion.heat(driving.keypoints)
    turned = torch.stack([(pose.rotation @ normals.T)[:, 2] for pose in (driving, source)], 1)
    near = torch.einsum("bvk,bkij->bvij", turned, heat)
    return near / (heat.sum(1, keepdim=True) + THIN)
