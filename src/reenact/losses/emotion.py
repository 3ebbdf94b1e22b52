"""Emotion loss: distance of DenseNet-121's expression embeddings of output and truth, as the semantic prior's paper measures it.

Trained on FER2013 (npm faceplugin-face-recognition-js, MIT). Weights that were trained with this term are evaluated by another
network: face-api's (evaluate/face_api.py). The file is a graph of nine kinds of layers, which is run here with gradients.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from reenact.core.arrays import carried
from reenact.core.assets import fetch
from reenact.core.errors import ReenactError
from reenact.losses.regions import Region

SIDE = 224
BOX = 1.2
"""side of the square / longer side of the points' box, as FER2013's faces are cut (evaluate/networks.py: face_box)"""
KNOWN = ("Conv", "Relu", "Concat", "BatchNormalization", "Pad", "AveragePool", "MaxPool", "GlobalAveragePool", "Flatten")
GRAPH = "layers.json"
_CHANGED = "fer_densenet121.onnx holds another network than expected: delete it, it is fetched anew"


class Layer(NamedTuple):
    kind: str
    inputs: tuple[str, ...]
    output: str
    stride: int
    padding: int
    window: int


def plain() -> dict[str, np.ndarray]:
    """The file's arrays by name, and under GRAPH its layers as JSON, for machines without the onnx package."""
    import onnx

    graph = onnx.load(fetch("fer_densenet121.onnx")).graph
    known = {"entry": graph.input[0].name, "layers": [_layer(node) for node in graph.node if node.op_type != "Gemm"]}
    arrays = {tensor.name: np.array(onnx.numpy_helper.to_array(tensor)) for tensor in graph.initializer}
    return arrays | {GRAPH: np.frombuffer(json.dumps(known).encode(), np.uint8)}


class Expression(nn.Module):
    """Frozen: gradients reach the picture, the weights are buffers and stay."""

    def __init__(self) -> None:
        """Raises ReenactError when the network is neither cached nor to be had, or is another one."""
        super().__init__()
        arrays = dict(carried("emotion") or plain())
        graph = json.loads(arrays.pop(GRAPH).tobytes())
        self.entry = graph["entry"]
        self.layers = [Layer(kind, tuple(inputs), *rest) for kind, inputs, *rest in graph["layers"]]
        self.places: dict[str, str] = {}
        for name, values in arrays.items():
            self.places[name] = f"weight_{len(self.places)}"
            self.register_buffer(self.places[name], torch.from_numpy(values), persistent=False)
        if any(layer.kind not in KNOWN for layer in self.layers) or self.layers[-1].kind != "Flatten":
            raise ReenactError(_CHANGED)

    def forward(self, face: Float[Tensor, "batch 3 224 224"]) -> Float[Tensor, "batch 1024"]:
        """RGB in [0, 1], cut by `face_region` -> an embedding, not normalised."""
        made: dict[str, Tensor] = {self.entry: face}
        for layer in self.layers:
            inputs = [made[name] if name in made else getattr(self, self.places[name]) for name in layer.inputs if name]
            made[layer.output] = _run(layer, inputs)
        return made[self.layers[-1].output]

    def embed(
        self, picture: Float[Tensor, "batch 3 side side"], landmarks: Float[Tensor, "batch 478 d"]
    ) -> Float[Tensor, "batch 1024"]:
        """The face with these landmarks ([-1, 1] of the picture)."""
        return self(face_region(landmarks).cut(picture, SIDE))


def face_region(landmarks: Float[Tensor, "batch n d"]) -> Region:
    """The upright square of 1.2 times the longer side of the points' box. No gradient runs through it."""
    xy = landmarks[..., :2].detach()
    low, high = xy.amin(1), xy.amax(1)
    return Region((low + high) / 2, BOX / 2 * (high - low).amax(1), torch.zeros(len(xy), device=xy.device))


def emotion_distance(embedding: Float[Tensor, "batch code"], wanted: Float[Tensor, "batch code"]) -> Float[Tensor, ""]:
    """Mean of 1 - cosine. No gradient runs to `wanted`."""
    return (1 - F.cosine_similarity(embedding.float(), wanted.detach().float(), dim=-1)).mean()


def _layer(node: Any) -> Layer:
    named = {attribute.name: list(attribute.ints) for attribute in node.attribute}
    if node.op_type == "Pad":  # of nothing, before each average
        return Layer("Pad", tuple(node.input[:1]), node.output[0], 1, 0, 1)
    numbers = (named.get(name, [default])[0] for name, default in (("strides", 1), ("pads", 0), ("kernel_shape", 1)))
    return Layer(node.op_type, tuple(node.input), node.output[0], *numbers)


def _run(layer: Layer, inputs: list[Tensor]) -> Tensor:
    x = inputs[0]
    if layer.kind == "Conv":
        return F.conv2d(x, inputs[1], inputs[2] if len(inputs) > 2 else None, layer.stride, layer.padding)
    if layer.kind == "Relu":
        return F.relu(x)
    if layer.kind == "Concat":
        return torch.cat(inputs, 1)
    if layer.kind == "BatchNormalization":
        gain, shift, mean, variance = inputs[1:]
        return F.batch_norm(x, mean, variance, gain, shift)
    if layer.kind == "MaxPool":
        return F.max_pool2d(x, layer.window, layer.stride, layer.padding)
    if layer.kind == "AveragePool":
        return F.avg_pool2d(x, layer.window, layer.stride, layer.padding)
    if layer.kind == "GlobalAveragePool":
        return x.mean((2, 3), keepdim=True)
    return x.flatten(1) if layer.kind == "Flatten" else x
