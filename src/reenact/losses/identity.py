"""Is it still the same person? SFace's embedding as a loss (Zhong et al., arXiv 2205.12010; OpenCV zoo, Apache-2.0).

The only identity network here that is free for any use; evaluation uses another one (CSIM, w600k_mbf), so that no model
is scored by its teacher. The file is a plain chain of convolutions, batch norms and PReLUs, built here from its arrays.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.core.arrays import carried
from reenact.core.assets import fetch
from reenact.core.errors import ReenactError
from reenact.core.face_mesh import ARCFACE_SIZE
from reenact.losses.frozen import prelu
from reenact.losses.regions import arcface_region

EMBEDDING = 128
_CHANGED = "sface.onnx holds another network than expected: delete it, it is fetched anew"


class SFace(nn.Module):
    """Frozen: gradients reach the picture, the weights are buffers and stay."""

    def __init__(self) -> None:
        """Raises ReenactError when the network is neither cached nor to be had, or is another one."""
        super().__init__()
        known = carried("sface") or plain(fetch("sface.onnx").read_bytes())
        arrays = {name: torch.from_numpy(np.ascontiguousarray(value)) for name, value in known.items()}
        count = sum(name.startswith("kernel_") for name in arrays)
        layers = [tuple(arrays[f"{name}_{number}"] for name in _LAYER) for number in range(count)]
        self.layers = nn.Sequential(
            *(_Convolution(kernel, (gain, shift), slope, int(s)) for kernel, gain, shift, slope, s in layers)
        )
        self.norm = _Affine(arrays["norm_gain"], arrays["norm_shift"])
        self.register_buffer("weight", arrays["weight"], persistent=False)
        self.register_buffer("bias", arrays["bias"], persistent=False)

    def forward(self, face: Float[Tensor, "batch 3 112 112"]) -> Float[Tensor, "batch 128"]:
        """RGB in [0, 1], aligned by `arcface_region` -> an embedding of unit length."""
        x = (face * 255 - 127.5) / 128
        x = self.norm(self.layers(x.contiguous(memory_format=torch.channels_last)))
        return F.normalize(F.linear(x.contiguous().flatten(1), self.weight, self.bias).float(), dim=-1)

    def embed(
        self, picture: Float[Tensor, "batch 3 side side"], landmarks: Float[Tensor, "batch 478 d"]
    ) -> Float[Tensor, "batch 128"]:
        """The face with these landmarks ([-1, 1] of the picture), aligned and embedded."""
        return self(arcface_region(landmarks).cut(picture, ARCFACE_SIZE))


def identity_distance(embedding: Float[Tensor, "batch code"], wanted: Float[Tensor, "batch code"]) -> Float[Tensor, ""]:
    """Mean of 1 - cosine: 0 the same, about 1 for two persons. No gradient runs to `wanted`."""
    return (1 - F.cosine_similarity(embedding, wanted.detach(), dim=-1)).mean()


class _Convolution(nn.Module):
    """Convolution and the batch norm behind it in one, then PReLU."""

    def __init__(self, kernel: Tensor, norm: tuple[Tensor, Tensor], slope: Tensor, stride: int) -> None:
        super().__init__()
        gain, shift = norm
        self.groups = kernel.shape[0] if kernel.shape[1] == 1 else 1
        self.stride, self.padding = stride, kernel.shape[-1] // 2
        folded = (kernel * gain.view(-1, 1, 1, 1)).contiguous(memory_format=torch.channels_last)
        self.register_buffer("weight", folded, persistent=False)
        self.register_buffer("bias", shift, persistent=False)
        self.register_buffer("slope", slope.reshape(-1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return prelu(F.conv2d(x, self.weight, self.bias, self.stride, self.padding, groups=self.groups), self.slope)


class _Affine(nn.Module):
    def __init__(self, gain: Tensor, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("gain", gain.view(1, -1, 1, 1), persistent=False)
        self.register_buffer("shift", shift.view(1, -1, 1, 1), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * self.gain + self.shift


def plain(network: bytes) -> dict[str, np.ndarray]:
    """The file's arrays in the order in which they work, for machines without the onnx package: convolution n as
    kernel_n, gain_n, shift_n, slope_n, stride_n, the norm behind them and the last linear map with its norm folded in.

    Raises ReenactError where the file holds another network.
    """
    import onnx

    graph = onnx.load_from_string(network).graph
    arrays = {entry.name: np.array(onnx.numpy_helper.to_array(entry), np.float32) for entry in graph.initializer}
    nodes = [node for node in graph.node if node.op_type not in ("Sub", "Mul", "Dropout", "Flatten")]
    *body, last_norm, linear, linear_norm = nodes
    kinds = [node.op_type for node in body]
    if kinds != ["Conv", "BatchNormalization", "PRelu"] * (len(body) // 3) or linear.op_type != "Gemm":
        raise ReenactError(_CHANGED)
    found: dict[str, np.ndarray] = {}
    for number, (convolution, norm, slope) in enumerate(zip(body[::3], body[1::3], body[2::3], strict=True)):
        stride = next(attribute.ints[0] for attribute in convolution.attribute if attribute.name == "strides")
        gain, shift = _gain_and_shift(norm, arrays)
        named = (arrays[convolution.input[1]], gain, shift, arrays[slope.input[1]], np.int64(stride))
        found |= {f"{name}_{number}": value for name, value in zip(_LAYER, named, strict=True)}
    gain, shift = _gain_and_shift(linear_norm, arrays)
    weight, bias = (arrays[name] for name in linear.input[1:3])
    if len(weight) != EMBEDDING:
        raise ReenactError(_CHANGED)
    found["norm_gain"], found["norm_shift"] = _gain_and_shift(last_norm, arrays)
    return found | {"weight": weight * gain[:, None], "bias": bias * gain + shift}


_LAYER = ("kernel", "gain", "shift", "slope", "stride")


def _gain_and_shift(node, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """A batch norm as x * gain + shift."""
    epsilon = next(attribute.f for attribute in node.attribute if attribute.name == "epsilon")
    scale, offset, mean, variance = (arrays[name] for name in node.input[1:5])
    gain = scale / np.sqrt(variance + np.float32(epsilon))
    return gain, offset - mean * gain
