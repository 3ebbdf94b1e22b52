"""Films are shown as players show them: HD that does not tell its colours, and interlaced pictures."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from reenact.media.video import VideoReader

BT709, UNTOLD, BT601 = 1, 2, 6
"""codes of ITU-T H.273"""
GREEN = (40, 170, 60)
RATE = Fraction(25)


def make_green(path: Path, width: int, height: int, encoded: int, told: int) -> Path:
    """A film of one colour. encoded: the matrix that it is in; told: the one that it states."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=RATE, options={"crf": "5", "preset": "ultrafast"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.colorspace = told
        image = np.broadcast_to(np.array(GREEN, np.uint8), (height, width, 3))
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame = frame.reformat(format="yuv420p", dst_colorspace=encoded if encoded == BT709 else 5)
        frame.colorspace, frame.pts, frame.time_base = told, 0, 1 / RATE
        output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(
    ("width", "height", "encoded", "told"),
    [
        (1280, 720, BT709, UNTOLD),
        (406, 720, BT709, UNTOLD),
        (1280, 536, BT709, UNTOLD),
        (1280, 720, BT601, BT601),
        (1280, 720, BT709, BT709),
        (720, 576, BT601, UNTOLD),
        (640, 360, BT601, UNTOLD),
        (640, 360, BT709, BT709),
    ],
)
def test_colours_are_those_that_players_show(width: int, height: int, encoded: int, told: int, tmp_path: Path) -> None:
    with VideoReader(make_green(tmp_path / "in.mp4", width, height, encoded, told)) as reader:
        shown = np.median(next(reader).image, (0, 1))
    assert np.abs(shown - GREEN).max() <= 4


def bar(moment: int, width: int = 192, height: int = 144) -> np.ndarray:
    """A white bar that moves by 4 pixels from field to field."""
    image = np.full((height, width, 3), 30, np.uint8)
    left = 10 + 4 * moment
    image[20:-20, left : left + 30] = 230
    return image


def make_interlaced(path: Path, count: int) -> Path:
    """So many pictures of two moments each."""
    with av.open(str(path), "w") as output:
        stream = output.add_stream("mpeg2video", rate=RATE, options={"flags": "+ilme+ildct"})
        stream.width, stream.height, stream.pix_fmt, stream.bit_rate = 192, 144, "yuv420p", 8_000_000
        for index in range(count):
            image = bar(2 * index)
            image[1::2] = bar(2 * index + 1)[1::2]
            output.mux(stream.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        output.mux(stream.encode(None))
    return path


def comb(image: np.ndarray) -> float:
    """By how much a row differs from the mean of those beside it."""
    rows = image[30:-30, :, 1].astype(float)
    return float(np.abs(rows[1:-1] - (rows[:-2] + rows[2:]) / 2).mean())


@pytest.mark.parametrize("ending", ["mpg", "mkv", "ts"])
def test_interlaced_pictures_have_no_combs_and_keep_their_times(ending: str, tmp_path: Path) -> None:
    film = make_interlaced(tmp_path / f"in.{ending}", 12)
    with av.open(str(film)) as held:
        stored = [(frame.interlaced_frame, comb(frame.to_ndarray(format="rgb24"))) for frame in held.decode(video=0)]
    assert all(flagged and combed > 8 for flagged, combed in stored)
    with VideoReader(film) as reader:
        frames = list(reader)
    assert [round(frame.time * RATE) for frame in frames] == list(range(12))
    assert max(comb(frame.image) for frame in frames[1:-1]) < 3
    with VideoReader(film, Fraction(2, 10), Fraction(4, 10)) as reader:
        part = list(reader)
    assert [round(frame.time * RATE) for frame in part] == [5, 6, 7, 8, 9]
    assert all(np.abs(one.image.astype(int) - frames[5 + i].image).mean() < 2 for i, one in enumerate(part))
