"""CSIM: is it still the same person?

Two networks. SFace (OpenCV's zoo, Apache-2.0) is free; our own training may use it as a loss, and then its CSIM flatters.
ArcFace's MobileFaceNet trained on WebFace600K (insightface's w600k_mbf; non-commercial research, so for evaluation only and
fetched on first use) never trains anything here. Figures of papers are mostly of ArcFace's ResNets: compare within one table.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from jaxtyping import Float, Float32
from PIL import Image as PILImage

from reenact.core.assets import fetch
from reenact.core.inference import cpu_options, load_openvino
from reenact.core.types import Image

IdentityNet = Literal["sface", "arcface"]
ASSET: dict[IdentityNet, str] = {"sface": "sface.onnx", "arcface": "arcface_w600k_mbf.onnx"}
LABEL: dict[IdentityNet, str] = {"sface": "SFace", "arcface": "ArcFace w600k_mbf"}
# what is taken from and what divides a value of 0..255; both networks read RGB
_INPUT: dict[IdentityNet, tuple[float, float]] = {"sface": (0.0, 1.0), "arcface": (127.5, 127.5)}
SIDE = 112
# insightface's reference points in a 112 x 112 crop: right eye, left eye (of the person), nose tip, mouth corners.
REFERENCE = np.array([[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]])
# ours: an eye's centre is the mean of its corners and lids, which does not follow the gaze as the iris does.
_GROUPS = ((33, 133, 159, 145), (362, 263, 386, 374), (1,), (61,), (291,))


class IdentityNetwork:
    """Embeds faces on one CPU device. Not thread-safe."""

    def __init__(self, net: IdentityNet = "sface", threads: int = 0, precision: str = "f32") -> None:
        """threads: 0 leaves it to OpenVINO. Raises ReenactError when the network is not to be had."""
        openvino = load_openvino()

        core = openvino.Core()
        options = cpu_options(threads, precision)
        model = core.read_model(fetch(ASSET[net]))
        model.reshape([1, 3, SIDE, SIDE])
        self._shift, self._scale = _INPUT[net]
        self._request = core.compile_model(model, "CPU", options).create_infer_request()

    def embed(self, image: Image, landmarks: Float32[np.ndarray, "478 3"]) -> Float32[np.ndarray, " n"]:
        """The embedding of the face with these landmarks (px of the image), not normalised: SFace 128, ArcFace 512 numbers."""
        crop = np.asarray(align(image, landmarks), np.float32)
        data = ((crop - self._shift) / self._scale).transpose(2, 0, 1)[None]
        self._request.infer([np.ascontiguousarray(data)])
        return np.array(self._request.output_tensors[0].data[0])


def five_points(landmarks: Float32[np.ndarray, "478 3"]) -> Float[np.ndarray, "5 2"]:
    """Eye centres, nose tip and mouth corners, x and y in px, in the order of `REFERENCE`."""
    return np.stack([landmarks[list(group), :2].mean(0) for group in _GROUPS]).astype(np.float64)


def similarity(points: Float[np.ndarray, "n 2"], target: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "2 3"]:
    """The turn, scale and shift that lays points on target, least squares (Umeyama 1991), without mirroring.

    Raises ValueError where all points are one.
    """
    mean, target_mean = points.mean(0), target.mean(0)
    p = (points - mean) @ (1, 1j)
    q = (target - target_mean) @ (1, 1j)
    spread = float(np.vdot(p, p).real)
    if spread == 0:
        raise ValueError("points that are all one give no direction")
    turn = np.vdot(p, q) / spread
    linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
    return np.concatenate([linear, (target_mean - linear @ mean)[:, None]], 1)


def align(image: Image, landmarks: Float32[np.ndarray, "478 3"]) -> PILImage.Image:
    """The face as 112 x 112 RGB, its five points on `REFERENCE`; bilinear, outside the picture black."""
    back = similarity(REFERENCE, five_points(landmarks))
    picture = PILImage.fromarray(image)
    return picture.transform((SIDE, SIDE), PILImage.Transform.AFFINE, tuple(back.ravel()), PILImage.Resampling.BILINEAR)
