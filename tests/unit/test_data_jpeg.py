"""Frames as JPEG: both decoders give the same picture, at every size."""

import sys

import numpy as np
import pytest
from PIL import Image as PILImage

from reenact.data.jpeg import decode, decoder, encode


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    random = np.random.default_rng(0)
    small = PILImage.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8))
    return np.asarray(small.resize((256, 256), PILImage.Resampling.BICUBIC))


def test_quality_costs_little(picture: np.ndarray):
    error = decode(encode(picture)).astype(float) - picture
    assert 10 * np.log10(255**2 / (error**2).mean()) > 38


@pytest.mark.parametrize("size", [128, 64, 200, 256])
def test_a_smaller_view_is_the_picture_smaller(picture: np.ndarray, size: int):
    view = decode(encode(picture), size)
    assert view.shape == (size, size, 3)
    wanted = np.asarray(PILImage.fromarray(picture).resize((size, size), PILImage.Resampling.BOX))
    assert np.abs(view.astype(float) - wanted).mean() < 3


@pytest.mark.parametrize("size", [0, 128, 200])
def test_both_decoders_give_the_same_pixels(picture: np.ndarray, size: int, monkeypatch: pytest.MonkeyPatch):
    pytest.importorskip("simplejpeg")
    fast = decode(encode(picture), size)
    assert decoder().startswith("simplejpeg")
    monkeypatch.setitem(sys.modules, "simplejpeg", None)
    assert decoder() == "Pillow"
    assert np.abs(decode(encode(picture), size).astype(int) - fast).max() <= 1
