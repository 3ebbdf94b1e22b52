"""A second expression embedding: face-api's small network (npm @vladmandic/face-api 1.7.15, MIT), 256-d before the logits.

Trained by its author on pictures of his own collecting, not on FER2013, and never a loss here. Four blocks of separable
convolutions whose outputs are added up, at 112 px; the weights are bytes with a scale each, read by us.
"""

from __future__ import annotations

import json
import math

import numpy as np
from jaxtyping import Float32

from reenact.core.assets import fetch
from reenact.core.inference import load_openvino
from reenact.core.types import Image
from reenact.evaluate.networks import compiled, resized

BYTES, MANIFEST = "face_api_expression.bin", "face_api_expression.json"
LABELS = ("neutral", "happy", "sad", "angry", "fearful", "disgusted", "surprised")
SIDE = 112
BLOCKS, STEPS = 4, 4
# face-api's own, RGB of 0..255
_MEAN = (122.782, 117.001, 104.298)


class FaceApiExpression:
    """Embeds faces. Not thread-safe."""

    def __init__(self, threads: int = 0) -> None:
        """Raises ReenactError when the weights are not to be had."""
        self._run = compiled("face_api_expression", BYTES, _build, threads)

    def embed(self, face: Image) -> tuple[Float32[np.ndarray, "256"], Float32[np.ndarray, "7"]]:
        """A face crop (networks.py `face_box`) -> its embedding, not normalised, and the logits of `LABELS`."""
        out = self._run(resized(face, SIDE)[None])[0]
        return out[: -len(LABELS)], out[-len(LABELS) :]


def read_weights(manifest: str, data: bytes) -> dict[str, np.ndarray]:
    """tfjs' form: one after the other, float32, or bytes that stand for byte x scale + min.

    Raises ValueError for other types, or where the bytes are too few or too many.
    """
    out, place = {}, 0
    for entry in json.loads(manifest)[0]["weights"]:
        count, packed = math.prod(entry["shape"]), entry.get("quantization")
        if (packed or entry)["dtype"] not in ("uint8", "float32"):
            raise ValueError(f"{entry['name']}: unknown type {(packed or entry)['dtype']}")
        kind = np.dtype((packed or entry)["dtype"])
        values = np.frombuffer(data, kind, count, place).astype(np.float32)
        place += count * kind.itemsize
        if packed:
            values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
        out[entry["name"]] = values.reshape(entry["shape"])
    if place != len(data):
        raise ValueError(f"{len(data) - place} bytes are left over")
    return out


def _build():
    openvino = load_openvino()
    import torch

    example = torch.zeros(1, SIDE, SIDE, 3, dtype=torch.uint8)
    return openvino.convert_model(module(), example_input=example, input=[([-1, SIDE, SIDE, 3], np.uint8)])


def module():
    """The network in PyTorch: uint8 [n, 112, 112, 3] to 256 features and 7 logits side by side."""
    import torch
    import torch.nn.functional as F
    from torch import nn

    weights = read_weights(fetch(MANIFEST).read_text(encoding="utf-8"), fetch(BYTES).read_bytes())

    def convolved(x, name, stride):
        # TensorFlow's "same" padding of an even side with stride 2 lies below and to the right.
        x = F.pad(x, (0, 1, 0, 1)) if stride == 2 else F.pad(x, (1, 1, 1, 1))
        bias = torch.from_numpy(weights[f"{name}/bias"])
        if f"{name}/filters" in weights:
            return F.conv2d(x, torch.from_numpy(weights[f"{name}/filters"]).permute(3, 2, 0, 1), bias, stride)
        depthwise = torch.from_numpy(weights[f"{name}/depthwise_filter"]).permute(2, 3, 0, 1)
        x = F.conv2d(x, depthwise, None, stride, groups=depthwise.shape[0])
        return F.conv2d(x, torch.from_numpy(weights[f"{name}/pointwise_filter"]).permute(3, 2, 0, 1), bias)

    class Module(nn.Module):
        def forward(self, batch):
            x = (batch.permute(0, 3, 1, 2).float() - torch.tensor(_MEAN).view(1, 3, 1, 1)) / 255.0
            for block in range(BLOCKS):
                total = F.relu(convolved(x, f"dense{block}/conv0", 2))
                x = total
                for step in range(1, STEPS):
                    total = total + convolved(x, f"dense{block}/conv{step}", 1)
                    x = F.relu(total)
            features = x.mean((2, 3))
            logits = features @ torch.from_numpy(weights["fc/weights"]) + torch.from_numpy(weights["fc/bias"])
            return torch.cat([features, logits], 1)

    return Module().eval()
