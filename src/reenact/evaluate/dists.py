"""DISTS: the distance of two pictures in structure and in texture. No loss here has ever been this, nor its VGG16.

Ding et al., Image Quality Assessment: Unifying Structure and Texture Similarity, arXiv 2004.07728. The weights of structure and
texture are the published ones (package DISTS-pytorch 0.1), its convolutions torchvision's VGG16, as LPIPS' package carries them.
"""

from __future__ import annotations

import numpy as np

from reenact.core.assets import fetch
from reenact.core.imagenet import DEVIATION, MEAN
from reenact.core.inference import load_openvino
from reenact.core.types import Image
from reenact.evaluate.networks import compiled

ASSET = "dists.pt"
CHANNELS = (3, 64, 128, 256, 512, 512)
_BLOCKS = (2, 2, 3, 3, 3)
# The published code's constants: of both similarities, and under the root of the pooling.
_C, _UNDER_ROOT = 1e-6, 1e-12


class Dists:
    """DISTS of one picture and several others. Not thread-safe."""

    def __init__(self, threads: int = 0) -> None:
        """fp32 always: it compares variances of flat channels. Raises ReenactError when the weights are not to be had."""
        self._run = compiled("dists", ASSET, _build, threads)

    def distances(self, pictures: list[Image], target: Image) -> list[float]:
        """The distance of each picture from the target, all of one size (31 px or more): 0 for the same picture, 1 at most.

        Pictures go in as they are: the published code scales the shorter side to 256, which is our frames' side.
        """
        if any(picture.shape != target.shape for picture in pictures):
            raise ValueError("pictures of one shape are wanted")
        return [max(0.0, float(value)) for value in self._run(np.stack([target, *pictures]))]


def _build():
    """The network: a batch uint8 [n, height, width, 3], the target first, to n - 1 distances."""
    openvino = load_openvino()
    import torch

    example = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    return openvino.convert_model(module(), example_input=example, input=[([-1, -1, -1, 3], np.uint8)])


def module():
    """The same as a PyTorch module, of which a test takes the parts."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    from reenact.losses.lpips import read_arrays

    class Module(nn.Module):
        window: torch.Tensor
        alpha: torch.Tensor
        beta: torch.Tensor

        def __init__(self) -> None:
            super().__init__()
            layers = read_arrays(fetch("lpips_vgg16.ckpt"))["VGG16_0"]
            self.depth = len(layers)
            for i in range(self.depth):
                kernel = torch.from_numpy(np.array(layers[f"Conv_{i}"]["kernel"], np.float32)).permute(3, 2, 0, 1)
                self.register_buffer(f"weight_{i}", kernel.contiguous())
                self.register_buffer(f"bias_{i}", torch.from_numpy(np.array(layers[f"Conv_{i}"]["bias"], np.float32)))
            learned = torch.load(fetch(ASSET), map_location="cpu", weights_only=True)
            total = learned["alpha"].sum() + learned["beta"].sum()
            for name in ("alpha", "beta"):
                self.register_buffer(name, (learned[name] / total).detach())
            hann = torch.from_numpy(np.hanning(5)[1:-1].astype(np.float32))
            window = hann[:, None] * hann[None]
            self.register_buffer("window", window / window.sum())
            self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1))
            self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1))

        def pool(self, x):
            """L2 pooling with a Hann window, stride 2."""
            kernel = self.window.expand(x.shape[1], 1, 3, 3)
            return (F.conv2d(x.square(), kernel, stride=2, padding=1, groups=x.shape[1]) + _UNDER_ROOT).sqrt()

        def taps(self, picture):
            out, x, i = [picture], (picture - self.mean) / self.deviation, 0
            for block, convolutions in enumerate(_BLOCKS):
                x = self.pool(x) if block else x
                for _ in range(convolutions):
                    x = F.relu(F.conv2d(x, getattr(self, f"weight_{i}"), getattr(self, f"bias_{i}"), padding=1))
                    i += 1
                out.append(x)
            return out

        def forward(self, batch):
            like, first = 0.0, 0
            for tap in self.taps(batch.permute(0, 3, 1, 2).float() / 255.0):
                last = first + tap.shape[1]
                like = like + _likeness(tap, self.alpha[:, first:last], self.beta[:, first:last])
                first = last
            return 1.0 - like

    return Module().eval()


def _likeness(tap, alpha, beta):
    """[n, c, h, w], the target first -> [n - 1]: likeness of means (texture) and of covariance (structure), weighed."""
    mean = tap.mean((2, 3), keepdim=True)
    apart = tap - mean
    variance = apart.square().mean((2, 3), keepdim=True)
    shared = (apart[1:] * apart[:1]).mean((2, 3), keepdim=True)
    texture = (2 * mean[1:] * mean[:1] + _C) / (mean[1:].square() + mean[:1].square() + _C)
    structure = (2 * shared + _C) / (variance[1:] + variance[:1] + _C)
    return (alpha * texture + beta * structure).sum((1, 2, 3))
