"""The five networks of the method, each small enough to read."""

from __future__ import annotations

from collections.abc import Mapping

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.geometry.grid import identity_grid, resize_flow, sample
from reenact.geometry.rotation import rotation_matrix
from reenact.methods.mmfa.config import Config
from reenact.nn.blocks import ConvBlock, Modulation, ResidualBlock, pool, to_flow_size, upsample

Maps = Float[Tensor, "batch channel row column"]
Keypoints = Float[Tensor, "batch keypoint 3"]

HEAD_REACH = 0.15
"""ours: how far beyond its keypoints the head goes on, in half sides"""


FACE_REACH = 0.58
"""ours: half the side of the second look, in face heights; the mean face reaches 0.5 above and below its origin"""
FACE_DEPTH, FACE_DROP = 0.37, 0.02
"""z of the mean face's middle (canonical face), and how far below it the second look is centred (chins fall open)"""


class Look(nn.Module):
    """A view -> one feature vector: strided stages down to 4x4, 1x1 convolution, one linear layer."""

    def __init__(self, view: int, widths: tuple[int, ...], squeeze: int, features: int) -> None:
        super().__init__()
        stages: list[nn.Module] = [ConvBlock(3, widths[0], 2)]
        for inputs, outputs in zip(widths[:-1], widths[1:], strict=True):
            stages += [ConvBlock(inputs, outputs, 2), ResidualBlock(outputs), ResidualBlock(outputs)]
        self.trunk = nn.Sequential(*stages, nn.Conv2d(widths[-1], squeeze, 1), nn.Flatten())
        self.neck = nn.Sequential(nn.Linear(squeeze * (view // 2 ** len(widths)) ** 2, features), nn.ReLU(inplace=True))

    def forward(self, view: Float[Tensor, "batch 3 side side"]) -> Float[Tensor, "batch feature"]:
        return self.neck(self.trunk(view - 0.5)).float()


class MotionEncoder(nn.Module):
    """A face -> its pose, scale, place, expression code, and the person's canonical keypoints, in two looks.

    image --pool to 64--> Look --> head_pose, scale, translation (coarse)
    image --the face's square, upright, at 128--> Look --> what is left of roll, scale, place; yaw, pitch; expression; canonical
    The second look sees every face at one place, size and roll, so the expression cannot tell of them (methods.md 3.3),
    and sees it half as large again as the whole picture at 128 would show it.
    """

    def __init__(self, config: Config, template: Float[Tensor, "keypoint 3"]) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("template", template)
        self.first = Look(config.first_view, config.first_widths, 32, 128)
        self.place = _small(nn.Linear(128, 6))
        self.second = Look(config.motion_view, config.motion_widths, 64, 384)
        self.refine = _small(nn.Linear(384, 6))
        self.expression = nn.Linear(384, config.expression_size)
        self.canonical = _small(nn.Linear(384, 3 * config.mesh_keypoints))

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """head_pose [B,3] rad, scale [B,1], translation [B,2], expression [B,E], canonical_keypoints [B,K,3]."""
        return self.read(image, self.locate(image))

    def locate(self, image: Float[Tensor, "batch 3 size size"]) -> dict[str, Tensor]:
        """The first look: head_pose, scale, translation, roughly. A picture of 64x64 is looked at as it is."""
        pose = self.place(self.first(pool(image, self.config.first_view)))
        return {"head_pose": pose[:, :3], "scale": torch.exp(pose[:, 3:4].clamp(-1, 1)), "translation": pose[:, 4:6]}

    def read(self, image: Float[Tensor, "batch 3 size size"], rough: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The second look, at the face where `rough` says it is."""
        return self.describe(sample(image, face_grid(rough, self.config.motion_view)), rough)

    def describe(self, face: Float[Tensor, "batch 3 side side"], rough: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the second look's window shows, `rough` having placed it."""
        feature = self.second(face)
        fine = self.refine(feature)
        offsets = self.canonical(feature).view(-1, self.config.mesh_keypoints, 3)
        roll = rough["head_pose"][:, 2:]
        step = torch.einsum("bij,bj->bi", upright(roll), fine[:, 4:6])
        return {
            "head_pose": torch.cat([fine[:, :2], roll + fine[:, 2:3]], 1),
            "scale": rough["scale"] * torch.exp(fine[:, 3:4].clamp(-1, 1)),
            "translation": rough["translation"] + rough["scale"] * step,
            "expression": self.expression(feature),
            "canonical_keypoints": self.template + F.pad(offsets, (0, 0, 0, self.config.shell_keypoints)),
        }


def _small(layer: nn.Linear) -> nn.Linear:
    nn.init.normal_(layer.weight, std=1e-3)
    nn.init.zeros_(layer.bias)
    return layer


def upright(roll: Float[Tensor, "batch 1"]) -> Float[Tensor, "batch 2 2"]:
    """Rz(roll), its image-plane block."""
    cosine, sine = torch.cos(roll), torch.sin(roll)
    return torch.cat([cosine, -sine, sine, cosine], 1).view(-1, 2, 2)


def face_grid(pose: Mapping[str, Tensor], side: int) -> Float[Tensor, "batch side side 2"]:
    """Where in the picture the pixels of an upright, centred face of standard size lie."""
    middle = pose["translation"].new_tensor([0.0, FACE_DROP, FACE_DEPTH])
    centre = pose["translation"] + pose["scale"] * (rotation_matrix(pose["head_pose"]) @ middle)[:, :2]
    # What has no gradient cannot be learned by moving the window: the first look is taught by its own terms.
    turn, reach = upright(pose["head_pose"][:, 2:]).detach(), (FACE_REACH * pose["scale"]).detach()
    grid = identity_grid(side, side, pose["scale"]).reshape(1, -1, 2) @ turn.transpose(1, 2)
    return (centre.detach()[:, None] + reach[:, :, None] * grid).view(-1, side, side, 2)


class ExpressionDecoder(nn.Module):
    """Expression code -> offsets of the keypoints in the head's own frame; the zero code is neutral by construction."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        self.config = config
        self.layers = nn.Sequential(nn.Linear(config.expression_size, 192), nn.GELU(), nn.Linear(192, 3 * config.mesh_keypoints))
        nn.init.normal_(self.layers[-1].weight, std=3e-3)

    def forward(self, code: Float[Tensor, "batch code"]) -> Keypoints:
        offsets = (self.layers(code) - self.layers(torch.zeros_like(code))).view(-1, self.config.mesh_keypoints, 3)
        return F.pad(offsets, (0, 0, 0, self.config.shell_keypoints))


class SourceEncoder(nn.Module):
    """The source picture -> features at 1/2, 1/4 and 1/8 of its side. Runs once a portrait."""

    def __init__(self, config: Config) -> None:
        super().__init__()
        fine, middle, coarse = config.source_widths
        self.fine = nn.Sequential(ConvBlock(3, fine, 2, kernel=7), ResidualBlock(fine))
        self.middle = nn.Sequential(ConvBlock(fine, middle, 2), ResidualBlock(middle))
        self.coarse = nn.Sequential(ConvBlock(middle, coarse, 2), ResidualBlock(coarse), ResidualBlock(coarse))

    def forward(self, image: Float[Tensor, "batch 3 size size"]) -> tuple[Maps, Maps, Maps]:
        fine = self.fine(image - 0.5)
        middle = self.middle(fine)
        return fine, middle, self.coarse(middle)


class DenseMotion(nn.Module):
    """Keypoints -> flow (where in the source each driving pixel comes from) and occlusion, on a 64x64 grid.

    All candidate flows share one 2x2 matrix, the image-plane block of s_s R_s (s_d R_d)^-1, so 2-D flow knows of 3-D
    rotation and the mixture needs no warped copy of the picture for each keypoint. The mixture's logits start as
    Gaussians around the driving keypoints (a fresh network already warps sensibly) and a small hourglass corrects them.
    """

    def __init__(self, config: Config, spread: Float[Tensor, "keypoint"]) -> None:
        super().__init__()
        self.config = config
        first, second, third = config.flow_widths
        self.log_spread = nn.Parameter(spread.log())
        self.background = nn.Parameter(torch.tensor(-2.0))
        self.enter = ConvBlock(config.keypoints + 8, first)
        self.down = nn.Sequential(ConvBlock(first, second, 2), ResidualBlock(second))
        self.deep = nn.Sequential(ConvBlock(second, third, 2), ResidualBlock(third))
        self.up = ConvBlock(second + third, second)
        self.out = ConvBlock(first + second, first)
        self.head = nn.Conv2d(first, config.keypoints + 1 + 2 + 2, 3, padding=1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)

    def forward(
        self, image: Float[Tensor, "batch 3 size size"], source: Keypoints, driving: Keypoints, matrix: Tensor
    ) -> tuple[Maps, Maps]:
        """Corrections [B,K+1+2+2,64,64] (logits, residual flow, occlusion logits) and motion features."""
        grid, logits = self._start(driving)
        heat = self._heat(driving) - self._heat(source)
        flow = self._mix(logits, grid, source, driving, matrix)
        small = pool(image, self.config.flow_size)
        hints = [heat, (flow - grid).permute(0, 3, 1, 2) * 4, small - 0.5, sample(small, flow) - 0.5]
        enter = self.enter(torch.cat(hints, 1))
        down = self.down(enter)
        features = self.out(torch.cat([enter, upsample(self.up(torch.cat([down, upsample(self.deep(down))], 1)))], 1))
        return self.head(features).float(), features

    def flow(
        self, correction: Maps, source: Keypoints, driving: Keypoints, matrix: Tensor
    ) -> tuple[Float[Tensor, "batch 64 64 2"], Float[Tensor, "batch 2 64 64"]]:
        """Where each pixel comes from, in [-1, 1], and occlusion logits (features, picture).

        Apart from `forward` because it must run in fp32: a coordinate rounded to bf16 is half a pixel off.
        """
        grid, logits = self._start(driving)
        count = self.config.keypoints + 1
        flow = self._mix(logits + correction[:, :count], grid, source, driving, matrix)
        # ours: a free residual of at most a tenth of the half side, for what no keypoint explains (hair, shoulders).
        flow = flow + 0.1 * torch.tanh(correction[:, count : count + 2]).permute(0, 2, 3, 1)
        return flow, correction[:, count + 2 :]

    def _start(self, driving: Keypoints) -> tuple[Tensor, Float[Tensor, "batch keypoint+1 64 64"]]:
        """The grid, and the logits before correction: Gaussians around the keypoints; last the background's.

        The background's grows with the distance from the nearest keypoint, so that sparse cheeks do not count as it.
        """
        grid = identity_grid(self.config.flow_size, self.config.flow_size, driving)
        x, y = self._axes(driving)
        squared = x[:, :, None, :] + y[:, :, :, None]
        background = self.background + squared.amin(1, keepdim=True) / (2 * HEAD_REACH**2)
        return grid, torch.cat([squared * self._precision(), background], 1)

    def _heat(self, keypoints: Keypoints) -> Float[Tensor, "batch keypoint 64 64"]:
        """exp(-r^2 / 2 spread^2), as the product of its two axes (a third of the work of the plain form).

        Tails end at exp(-20) an axis: denormal numbers further out would make the next convolution six times slower.
        """
        precision = self._precision().detach()[..., 0]
        x, y = ((axis * precision).clamp(min=-20).exp() for axis in self._axes(keypoints))
        return x[:, :, None, :] * y[:, :, :, None]

    def _precision(self) -> Float[Tensor, "keypoint 1 1"]:
        return -0.5 * (-2 * self.log_spread).exp()[:, None, None]

    def _axes(self, keypoints: Keypoints) -> tuple[Tensor, Tensor]:
        """Squared distances along x and along y: [B,K,64] each."""
        axis = identity_grid(1, self.config.flow_size, keypoints)[0, :, 0]
        return (axis - keypoints[:, :, :1]).square(), (axis - keypoints[:, :, 1:2]).square()

    def _mix(self, logits: Tensor, grid: Tensor, source: Keypoints, driving: Keypoints, matrix: Tensor) -> Tensor:
        """m_0 p + (1 - m_0) sum_k m_k (x_s + A (p - x_d)), the m_k summing to one."""
        background = torch.sigmoid(logits[:, -1, :, :, None])
        shift = source[..., :2] - driving[..., :2] @ matrix.transpose(1, 2)
        turned = (grid.reshape(-1, 2) @ matrix.transpose(1, 2)).view(-1, *grid.shape)
        moved = (logits[:, :-1].softmax(1).flatten(2).transpose(1, 2) @ shift).view_as(turned)
        return (turned + moved) * (1 - background) + background * grid


class Generator(nn.Module):
    """Warps the source pyramid and decodes 1/8 -> 1/4 -> 1/2 -> 1; the last step is a pixel shuffle.

    The picture is a blend of the source itself, warped at full size (skin, hair and cloth keep their grain), and of
    what is generated (mouth, eyes, what the source hides); the blending mask is the network's.
    """

    def __init__(self, config: Config) -> None:
        super().__init__()
        fine, middle, coarse = config.source_widths
        motion = config.flow_widths[0]
        code = 2 * 3 * config.mesh_keypoints
        self.code = nn.Sequential(nn.Linear(code + 6, 128), nn.ReLU(inplace=True))
        self.modulate_coarse, self.modulate_middle = Modulation(128, coarse), Modulation(128, middle)
        self.enter = ConvBlock(coarse + motion, coarse)
        self.coarse = nn.Sequential(ResidualBlock(coarse), ResidualBlock(coarse))
        self.to_middle = ConvBlock(coarse, middle)
        self.middle = nn.Sequential(ConvBlock(2 * middle + motion, middle), ResidualBlock(middle))
        self.to_fine = ConvBlock(middle, fine)
        self.fine = nn.Sequential(ConvBlock(2 * fine + 12, fine), ResidualBlock(fine))
        self.head = nn.Conv2d(fine, 16, 3, padding=1)
        nn.init.normal_(self.head.weight, std=1e-2)
        nn.init.zeros_(self.head.bias)

    def forward(
        self,
        image: Float[Tensor, "batch 3 size size"],
        features: tuple[Maps, Maps, Maps],
        grids: tuple[Tensor, Tensor, Tensor, Tensor],
        occlusion: Maps,
        motion: Maps,
        code: Float[Tensor, "batch code"],
    ) -> tuple[Float[Tensor, "batch 3 size size"], Float[Tensor, "batch 3 size size"]]:
        """frame and the warped source, both [0, 1]. grids: the flow at the picture's size and at the features'."""
        size = image.shape[-1]
        warped = sample(image, grids[0]).clamp(0, 1)
        hidden = torch.sigmoid(occlusion[:, :1] + 2)
        fine, middle, coarse = (
            sample(level, grid) * to_flow_size(hidden, level.shape[-1]).to(level.dtype)
            for level, grid in zip(features, grids[1:], strict=True)
        )
        code = self.code(code)
        x = self.enter(torch.cat([coarse, to_flow_size(motion, size // 8)], 1))
        x = upsample(self.to_middle(self.coarse(self.modulate_coarse(x, code))))
        x = self.modulate_middle(x, code)
        x = upsample(self.to_fine(self.middle(torch.cat([x, middle, to_flow_size(motion, size // 4)], 1))))
        folded = F.pixel_unshuffle(warped - 0.5, 2).to(x.dtype)
        out = F.pixel_shuffle(self.head(self.fine(torch.cat([x, fine, folded], 1))).float(), 2)
        keep = torch.sigmoid(out[:, 3:] + to_flow_size(occlusion[:, 1:], size) + 2)
        return (keep * warped + (1 - keep) * torch.sigmoid(4 * out[:, :3])).clamp(0, 1), warped


def grids(flow: Float[Tensor, "batch 64 64 2"], size: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """The flow at 1, 1/2, 1/4 and 1/8 of the picture's side."""
    levels = []
    for side in (size, size // 2, size // 4, size // 8):
        small = side < flow.shape[1]
        levels.append(pool(flow.permute(0, 3, 1, 2), side).permute(0, 2, 3, 1) if small else resize_flow(flow, side))
    return tuple(levels)  # type: ignore[return-value]
