"""HDR films are shown as on an ordinary screen where people see them: in the portrait."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from clips import face
from reenact.core.errors import ReenactWarning
from reenact.core.types import Image
from reenact.media.hdr import HLG, LUMA, PQ, TO_SRGB, WHITE, as_sdr, is_hdr
from reenact.pipeline.inputs import read_portrait

BT2020 = 9
"""code of ITU-T H.273"""


def hdr_of(image: Image, transfer: int) -> Image:
    """An sRGB picture, graded for HDR with its white at 203 cd/m2: BT.2100's functions the other way."""
    value = image / 255.0
    linear = np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)
    light = (linear @ np.linalg.inv(TO_SRGB.astype(np.float64)).T).clip(0) * WHITE
    if transfer == PQ:
        power = (light / 10000) ** 0.1593017578125
        signal = ((0.8359375 + 18.8515625 * power) / (1 + 18.6875 * power)) ** 78.84375
    else:
        light = light / 1000
        scene = light * np.maximum(light @ LUMA, 1e-9)[..., None] ** (1 / 1.2 - 1)
        signal = np.where(
            scene <= 1 / 12, np.sqrt(3 * scene), 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
        )
    return (255 * signal).round().clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_colours_of_an_hdr_picture_come_back(transfer: int) -> None:
    skin = np.array([[[224, 172, 140], [200, 30, 40], [128, 128, 128], [10, 10, 10], [0, 0, 0]]], np.uint8)
    coded = hdr_of(skin, transfer)
    assert np.ptp(coded[0, 0].astype(int)) < np.ptp(skin[0, 0].astype(int)) * 2 / 3, "as it is stored, skin is gray"
    assert np.abs(as_sdr(coded, transfer).astype(int) - skin).max() <= 3
    tall = np.repeat(coded, 600, 0)
    np.testing.assert_array_equal(as_sdr(tall, transfer), np.repeat(as_sdr(coded, transfer), 600, 0))


@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_highlights_keep_their_order_and_end_at_white(transfer: int) -> None:
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, 2)
    shown = as_sdr(ramp, transfer)[0, :, 0].astype(int)
    assert (np.diff(shown) >= 0).all() and shown[0] == 0 and shown[-1] >= 254


def test_ordinary_films_are_none() -> None:
    assert not any(is_hdr(code) for code in (0, 1, 2, 6, 13))


def test_a_portrait_out_of_a_phone_s_film_has_its_colours(tmp_path: Path) -> None:
    """Phones take HLG unless told otherwise; the portrait was pale and gray."""
    picture = face(256)
    with av.open(str(tmp_path / "phone.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"crf": "10"})
        stream.width, stream.height, stream.pix_fmt = 256, 256, "yuv444p"
        context = stream.codec_context
        context.colorspace, context.color_primaries, context.color_trc, context.color_range = BT2020, BT2020, HLG, 1
        for i in range(3):
            frame = av.VideoFrame.from_ndarray(hdr_of(picture, HLG), format="rgb24")
            frame = frame.reformat(format="yuv444p", dst_colorspace=BT2020, dst_color_range=1)
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.warns(ReenactWarning, match="the portrait is its frame"):
        found = read_portrait(tmp_path / "phone.mp4")
    assert np.abs(found.astype(int) - picture).mean() < 3
