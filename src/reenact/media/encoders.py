"""How frames are put into each kind of film: H.264, or the pictures that move without sound, GIF and WebP."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, Protocol, runtime_checkable

import av
import av.error
import av.filter
import numpy as np

from reenact.core.types import Image
from reenact.media.film import FILM_QUALITY, crf_of
from reenact.media.pixels import BT709

ENCODER = {"preset": "veryfast", "threads": "2"}
"""ours: veryfast takes a tenth of the time that a 256x256 frame is rendered in"""
LIMITED_RANGE = 1
"""codes of ITU-T H.273"""
STILLNESS = {"compression_level": "2"}
"""ours: of WebP; level 4, FFmpeg's own, takes twice the time for a twentieth less"""
FASTEST = {"gif": 50, "webp": 90}
"""frames a second that are kept: a frame that lasts 10 ms or less is shown for 100 by browsers, and a GIF counts in hundredths"""
PALETTE = {"stats_mode": "single"}
USE = {"new": "1", "dither": "sierra2_4a"}
"""of GIF: 256 colours of each frame's own"""


RGB = av.VideoFormat("rgb24")


class _Ticks:
    """Times of frames in whole ticks; of those that come faster than browsers show them some are passed over."""

    def __init__(self, a_second: int, fastest: int) -> None:
        """a_second: ticks; fastest: frames a second at most."""
        self._a_second, self._least = a_second, a_second // fastest
        self._last: int | None = None

    def of(self, number: int, rate: Fraction) -> int | None:
        """The frame's time; None: it is passed over, as the one before it would be shown too short."""
        now = round(self._a_second * number / rate)
        if self._last is not None and now - self._last < self._least:
            return None
        self._last = now
        return now


@runtime_checkable
class Encoder(Protocol):
    """Of frames of one size and an even rate."""

    stream: Any
    """of the container, with the frames' height and width"""

    def packets(self, image: Image | None, number: int, rate: Fraction) -> Iterator[Any]:
        """Of the next frame, RGB; None: of all that are still held. number: the frame's, from 0; rate: frames a second."""
        ...


class H264:
    """Of mp4, mov and mkv."""

    def __init__(self, container: Any, rate: Fraction, height: int, width: int, quality: int = FILM_QUALITY) -> None:
        """container: open for writing; height, width: of the frames, even; quality: 1..100."""
        self.stream = container.add_stream("libx264", rate=rate, options={**ENCODER, "crf": f"{crf_of(quality):g}"})
        self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"
        context = self.stream.codec_context
        context.time_base = 1 / rate
        context.colorspace = context.color_primaries = context.color_trc = BT709
        context.color_range = LIMITED_RANGE

    def packets(self, image: Image | None, number: int, rate: Fraction) -> Iterator[Any]:
        """As `Encoder`."""
        frame = None
        if image is not None:
            frame = _frame(image)
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT709, dst_color_range=LIMITED_RANGE)
            frame.pts, frame.time_base = number, 1 / rate
        yield from self.stream.encode(frame)


class WebP:
    """A picture that moves, again and again. Its encoder holds all of it, packed, until the end."""

    def __init__(self, container: Any, rate: Fraction, height: int, width: int, quality: int = FILM_QUALITY) -> None:
        """As of `H264`."""
        self.stream = container.add_stream("libwebp_anim", rate=rate, options={**STILLNESS, "quality": str(quality)})
        self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "yuv420p"
        self.stream.codec_context.time_base = Fraction(1, 1000)
        self._ticks = _Ticks(1000, FASTEST["webp"])

    def packets(self, image: Image | None, number: int, rate: Fraction) -> Iterator[Any]:
        """As `Encoder`."""
        frame = None
        if image is not None:
            if (time := self._ticks.of(number, rate)) is None:
                return
            frame = _frame(image).reformat(format="yuv420p")
            frame.pts, frame.time_base = time, Fraction(1, 1000)
        yield from self.stream.encode(frame)


class Gif:
    """256 colours in each frame, again and again."""

    def __init__(self, container: Any, rate: Fraction, height: int, width: int, quality: int = FILM_QUALITY) -> None:
        """As of `H264`, save that there is but one quality."""
        self.stream = container.add_stream("gif", rate=rate)
        self.stream.width, self.stream.height, self.stream.pix_fmt = width, height, "pal8"
        self.stream.codec_context.time_base = Fraction(1, 100)
        self._graph = graph = av.filter.Graph()
        ends = graph.add_buffer(width=width, height=height, format=RGB, time_base=Fraction(1, 100)), graph.add("buffersink")
        split, palette, use = graph.add("split"), graph.add("palettegen", **PALETTE), graph.add("paletteuse", **USE)
        ends[0].link_to(split)
        split.link_to(use, 0, 0)
        split.link_to(palette, 1, 0)
        palette.link_to(use, 0, 1)
        use.link_to(ends[1])
        graph.configure()
        self._ticks = _Ticks(100, FASTEST["gif"])

    def packets(self, image: Image | None, number: int, rate: Fraction) -> Iterator[Any]:
        """As `Encoder`."""
        if image is None:
            self._graph.push(None)
        elif (time := self._ticks.of(number, rate)) is not None:
            frame = _frame(image)
            frame.pts, frame.time_base = time, Fraction(1, 100)
            self._graph.push(frame)
        while True:
            try:
                made = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                break
            made.time_base = Fraction(1, 100)
            yield from self.stream.encode(made)
        if image is None:
            yield from self.stream.encode(None)


ENCODERS: dict[str, type[WebP] | type[Gif]] = {"webp": WebP, "gif": Gif}
"""by FFmpeg's name of the format; of the others `H264`"""


def _frame(image: Image) -> Any:
    return av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
