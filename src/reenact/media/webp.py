"""WebP that moves, as a film: FFmpeg 8 decodes its first picture at most, Pillow all of them.

`open_moving` gives as much of a container of PyAV as our readers ask for: one stream, whose packets are decoded one by one.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any, BinaryIO

import av
import av.stream
from PIL import Image as PILImage

from reenact.media.pixels import check_film_picture, to_rgb

MOVES = 0x02
"""bit of the flags of a VP8X chunk (RFC 9649, section 2.7.1)"""
UNIT = Fraction(1, 1000)
"""seconds; durations are in ms"""
INSTANT, AS_SHOWN = 10, 100
"""ours, ms: a frame that lasts this or less is shown for 100 by browsers"""


def moves(path: Path) -> bool:
    """Whether it is a WebP of several pictures, by its header."""
    with path.open("rb") as file:
        head = file.read(21)
    return len(head) == 21 and head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X" and bool(head[20] & MOVES)


def open_moving(path: Path) -> Container:
    """Raises InputError for pictures that are too large, and whatever Pillow does for damaged files."""
    with path.open("rb") as file:
        sides = file.read(30)[24:30]
        width, height = (int.from_bytes(sides[at : at + 3], "little") + 1 for at in (0, 3))
        check_film_picture(path, width, height)
        lasting = list(_durations(file))
    return Container(PILImage.open(path, formats=("WEBP",)), lasting)


def _durations(file: BinaryIO) -> Iterator[int]:
    """Of each picture, ms: chunks ANMF (RFC 9649, section 2.7.1.1), as far as they are whole."""
    file.seek(0, 2)
    end, at = file.tell(), 12
    while at + 24 <= end:
        file.seek(at)
        head = file.read(24)
        size = int.from_bytes(head[4:8], "little")
        if head[:4] == b"ANMF" and at + 8 + size <= end:
            lasts = int.from_bytes(head[20:23], "little")
            yield AS_SHOWN if lasts <= INSTANT else lasts
        at += 8 + size + size % 2


class Container:
    """A film of pictures without sound."""

    def __init__(self, picture: PILImage.Image, lasting: list[int]) -> None:
        """lasting: of each picture, ms. Raises ValueError where there are none."""
        if not lasting:
            raise ValueError("no whole picture")
        self._picture, self._next = picture, 0
        self._begins = [sum(lasting[:number]) for number in range(len(lasting))]
        self.duration = None
        """as of PyAV; the stream says it"""
        stream = SimpleNamespace(
            codec_context=SimpleNamespace(color_trc=0, decode=self._decoded),
            disposition=av.stream.Disposition(0),
            sample_aspect_ratio=None,
            start_time=0,
            time_base=UNIT,
            duration=sum(lasting),
            frames=len(lasting),
            average_rate=len(lasting) / (sum(lasting) * UNIT),
            guessed_rate=None,
            base_rate=1 / UNIT,
            index_entries=[SimpleNamespace(timestamp=begin, pos=0, size=0) for begin in self._begins],
        )
        self.streams = SimpleNamespace(video=[stream], audio=[])

    def demux(self, _: Any) -> Iterator[Any]:
        """The pictures that are still to come, not decoded yet."""
        while self._next < len(self._begins):
            number, self._next = self._next, self._next + 1
            yield SimpleNamespace(number=number, pts=self._begins[number], size=1, is_discard=False)

    def seek(self, time: int, *, stream: Any) -> None:
        """The next picture is the one that is shown then. time: in the stream's units."""
        self._next = max(0, bisect_right(self._begins, time) - 1)

    def close(self) -> None:
        """The file is let go."""
        self._picture.close()

    def __enter__(self) -> Container:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _decoded(self, packet: Any) -> list[Any]:
        if packet is None:
            return []
        try:
            self._picture.seek(packet.number)
            self._picture.load()
        except Exception as error:  # Pillow raises whatever it likes on damaged files
            raise ValueError(str(error) or type(error).__name__) from None
        frame = av.VideoFrame.from_ndarray(to_rgb(self._picture), format="rgb24")
        frame.pts, frame.time_base = packet.pts, UNIT
        return [frame]
