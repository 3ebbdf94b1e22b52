"""Interlaced pictures made whole: their two fields were taken one after the other, and whatever moves is a comb.

FFmpeg's bwdif gives one picture for each, at the same time. It looks at the neighbours, so the pictures come one later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

import av
import av.error
import av.filter

from reenact.media.opening import DAMAGE

WHOLE = {"mode": "send_frame", "parity": "auto", "deint": "interlaced"}
"""of bwdif: as many pictures as before, in the order of fields that each states; those that are not interlaced pass"""


def without_combs(frames: Iterable[Any], unit: Fraction) -> Iterator[Any]:
    """The decoded frames, as many and with their times; from the first interlaced one on all go through the filter.

    unit: of the times of frames that state none, seconds. Holds three frames.
    """
    filtered: _Filter | None = None
    for frame in frames:
        if filtered is not None and not filtered.takes(frame):
            yield from filtered.rest()
            filtered = None
        if filtered is None and frame.interlaced_frame:
            filtered = _Filter.of(frame, frame.time_base or unit)
        if filtered is None:
            yield frame
        else:
            yield from filtered.passed(frame)
    if filtered is not None:
        yield from filtered.rest()


class _Filter:
    """Of pictures of one size and format."""

    def __init__(self, first: Any, unit: Fraction) -> None:
        self._kind, self._unit = _kind(first), unit
        self._times: list[int | None] = []
        self._graph = graph = av.filter.Graph()
        source = graph.add_buffer(width=first.width, height=first.height, format=first.format, time_base=unit)
        bwdif, sink = graph.add("bwdif", **WHOLE), graph.add("buffersink")
        source.link_to(bwdif)
        bwdif.link_to(sink)
        graph.configure()

    @staticmethod
    def of(first: Any, unit: Fraction) -> _Filter | None:
        """None where the filter does not take such pictures: they are shown as they are."""
        try:
            return _Filter(first, unit)
        except DAMAGE:
            return None

    def takes(self, frame: Any) -> bool:
        """Whether the frame is of the same kind."""
        return _kind(frame) == self._kind

    def passed(self, frame: Any) -> Iterator[Any]:
        """What is ready when this one is put in."""
        self._times.append(frame.pts)
        self._graph.push(frame)
        yield from self._ready()

    def rest(self) -> Iterator[Any]:
        """What is held at the end."""
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[Any]:
        while True:
            try:
                frame = self._graph.pull()
            except (av.error.BlockingIOError, av.error.EOFError):
                return
            # The filter counts in halves of the unit, and makes times up where there are none.
            frame.pts, frame.time_base = self._times.pop(0), self._unit
            yield frame


def _kind(frame: Any) -> tuple[int, int, str]:
    return frame.width, frame.height, frame.format.name
