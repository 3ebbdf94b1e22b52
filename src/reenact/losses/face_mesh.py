"""The landmarker's networks as PyTorch modules, so that gradients run through them into a generated picture.

The free landmarker's mesh network (478 points of a 256x256 square around a face) is a chain of bottleneck blocks with
PReLUs; its blendshape network is an MLP-Mixer over 146 of the points (Tolstikhin et al., arXiv 2105.01601; MediaPipe
BlendShape V2 model card). Both are built here from the arrays in face_landmarker.task (Apache-2.0); they agree with
reenact.faces.landmarker, which runs the same file in OpenVINO (tests/unit/test_loss_face_mesh.py).
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.core.arrays import carried
from reenact.core.assets import fetch
from reenact.core.errors import ReenactError
from reenact.core.face_mesh import BLENDSHAPE_POINTS, MESH_SIZE, REGION_SIZE
from reenact.losses.frozen import pointwise, prelu
from reenact.losses.regions import Region
from reenact.losses.tflite_weights import Weights, constants

_EPSILON = 1e-6
"""of the blendshape network's layer norms"""


NETWORKS = {"mesh": "face_landmarks_detector.tflite", "mixer": "face_blendshapes.tflite"}


def plain() -> dict[str, np.ndarray]:
    """Both networks' arrays out of the landmarker's file: mesh.000, mesh.001, ..., mixer.000, ... in the order of their use."""
    with zipfile.ZipFile(fetch("face_landmarker.task")) as task:
        found = {name: constants(task.read(member)) for name, member in NETWORKS.items()}
        return {f"{name}.{i:03d}": array for name, arrays in found.items() for i, array in enumerate(arrays)}


def _under(network: str, arrays: Mapping[str, np.ndarray]) -> Weights:
    return Weights([arrays[name] for name in sorted(arrays) if name.startswith(f"{network}.")])


class FaceMesh(nn.Module):
    """Both networks, frozen: gradients reach the picture, the weights are buffers and stay.

    Always float32, under autocast too: in bf16 points are half a pixel off.
    """

    def __init__(self) -> None:
        """Raises ReenactError when the landmarker's file is neither cached nor to be had."""
        super().__init__()
        arrays = carried("face_mesh") or plain()
        self.mesh, self.mixer = MeshNet(_under("mesh", arrays)), BlendshapeNet(_under("mixer", arrays))

    def forward(self, square: Float[Tensor, "batch 3 256 256"]) -> tuple[Float[Tensor, "batch 478 3"], Float[Tensor, " batch"]]:
        """A square cut by `Region.cut`, RGB in [0, 1] -> points in its [-1, 1] (z towards the camera), and the logit of
        there being a face at all."""
        with torch.autocast(square.device.type, enabled=False):
            return self.mesh(square.float())

    def read(self, picture: Float[Tensor, "batch 3 side side"], region: Region) -> Float[Tensor, "batch 478 3"]:
        """The points of the face in `region`, in [-1, 1] of the picture."""
        return region.outward(self(region.cut(picture))[0])

    def blendshapes(self, landmarks: Float[Tensor, "batch 478 d"]) -> Float[Tensor, "batch 52"]:
        """The ARKit coefficients in [0, 1]. Points in any unit: the network takes out their place and size, but not
        their turn, so they are those of the upright picture, as reenact.faces.landmarker gives them."""
        with torch.autocast(landmarks.device.type, enabled=False):
            return self.mixer(landmarks[:, BLENDSHAPE_POINTS, :2].float())


class _Conv(nn.Module):
    """A frozen convolution: 1x1, 2x2 with stride 2, or 3x3 padded; depthwise where `depthwise`."""

    def __init__(self, weights: Weights, depthwise: bool = False) -> None:
        super().__init__()
        kernel = weights.take()
        kernel = kernel.permute(3, 0, 1, 2) if depthwise else kernel.permute(0, 3, 1, 2)
        self.groups = kernel.shape[0] if depthwise else 1
        self.stride, self.padding = {1: (1, 0), 2: (2, 0), 3: (1, 1)}[kernel.shape[-1]]
        self.register_buffer("weight", kernel.contiguous(memory_format=torch.channels_last), persistent=False)
        self.register_buffer("bias", weights.take(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.shape[-1] == 1:
            return pointwise(x, self.weight, self.bias)
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=self.groups)


class _PReLU(nn.Module):
    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.register_buffer("slope", weights.take().reshape(-1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return prelu(x, self.slope)


class _Block(nn.Module):
    """prelu(x + widen(depthwise(prelu(narrow(x))))); where `narrow` is 2x2 it halves the side, and x is max-pooled to
    match and filled up with channels of zeros."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.halves = weights.peek()[1] == 2
        self.narrow, self.inner = _Conv(weights), _PReLU(weights)
        self.depthwise, self.widen = _Conv(weights, depthwise=True), _Conv(weights)
        self.outer = _PReLU(weights)

    def forward(self, x: Tensor) -> Tensor:
        change = self.widen(self.depthwise(self.inner(self.narrow(x))))
        if self.halves:
            x = F.max_pool2d(x, 2, 2)
            x = F.pad(x, (0, 0, 0, 0, 0, change.shape[1] - x.shape[1]))
        return self.outer(x + change)


class MeshNet(nn.Module):
    """256x256 picture -> 478 points and the logit of a face."""

    def __init__(self, weights: Weights) -> None:
        """Raises ReenactError where the arrays do not fit."""
        super().__init__()
        kernel = weights.take().permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        self.register_buffer("stem", kernel, persistent=False)
        self.register_buffer("stem_bias", weights.take(), persistent=False)
        self.first = _PReLU(weights)
        blocks = []
        while weights.left > 6:
            blocks.append(_Block(weights))
        self.blocks = nn.Sequential(*blocks)
        heads = [_Conv(weights) for _ in range(3)]
        self.tongue, self.presence, self.points = heads
        if weights.left or self.points.weight.shape[0] != MESH_SIZE * 3:
            raise ReenactError("face_landmarker.task holds another network than expected: install reenact anew")

    def forward(self, square: Tensor) -> tuple[Tensor, Tensor]:
        x = F.pad(square, (0, 1, 0, 1)).contiguous(memory_format=torch.channels_last)
        x = self.blocks(self.first(F.conv2d(x, self.stem, self.stem_bias, 2)))
        points = self.points(x).reshape(-1, MESH_SIZE, 3) * (2 / REGION_SIZE)
        scale, shift = points.new_tensor([1.0, 1.0, -1.0]), points.new_tensor([1.0, 1.0, 0.0])
        return points * scale - shift, self.presence(x).reshape(-1)


class _Linear(nn.Module):
    """A 1x1 convolution of the file, over the last axis."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        kernel = weights.take()
        self.register_buffer("weight", kernel.reshape(kernel.shape[0], -1), persistent=False)
        self.register_buffer("bias", weights.take(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.weight, self.bias)


class _Mixer(nn.Module):
    """x + mlp over tokens, then x + mlp over channels, each after a layer norm without shift."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.register_buffer("token_norm", weights.take(), persistent=False)
        self.tokens = nn.Sequential(_Linear(weights), nn.ReLU(), _Linear(weights))
        self.register_buffer("channel_norm", weights.take(), persistent=False)
        self.channels = nn.Sequential(_Linear(weights), nn.ReLU(), _Linear(weights))

    def forward(self, x: Tensor) -> Tensor:
        normed = F.layer_norm(x, x.shape[-1:], self.token_norm, None, _EPSILON)
        x = x + self.tokens(normed.transpose(1, 2)).transpose(1, 2)
        return x + self.channels(F.layer_norm(x, x.shape[-1:], self.channel_norm, None, _EPSILON))


class BlendshapeNet(nn.Module):
    """146 points -> 52 coefficients."""

    def __init__(self, weights: Weights) -> None:
        """Raises ReenactError where the arrays do not fit."""
        super().__init__()
        self.points, self.embed = _Linear(weights), _Linear(weights)
        self.register_buffer("summary", weights.take().reshape(1, 1, -1), persistent=False)
        mixers = []
        while weights.left > 2:
            mixers.append(_Mixer(weights))
        self.mixers = nn.Sequential(*mixers)
        self.head = _Linear(weights)
        if weights.left or self.head.weight.shape[0] != 52:
            raise ReenactError("face_landmarker.task holds another network than expected: install reenact anew")

    def forward(self, points: Float[Tensor, "batch 146 2"]) -> Float[Tensor, "batch 52"]:
        centred = points - points.mean(1, keepdim=True)
        centred = centred / torch.linalg.vector_norm(centred, dim=-1).mean(1)[:, None, None] * 0.5
        tokens = self.embed(self.points(centred.transpose(1, 2)).transpose(1, 2))
        tokens = torch.cat([self.summary.expand(len(tokens), -1, -1), tokens], 1)
        return torch.sigmoid(self.head(self.mixers(tokens)[:, 0]))
