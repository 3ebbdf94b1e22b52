"""The sound of one clip carried into another: packets as they are where the container allows it, else as AAC."""

from __future__ import annotations

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av

from reenact.core.files import check_readable
from reenact.media.opening import open_media

COPIED = {
    "mp4": {"aac", "mp3", "ac3", "eac3", "alac", "opus"},
    "mov": {"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"},
    "matroska": {"aac", "mp3", "ac3", "eac3", "alac", "opus", "vorbis", "flac", "pcm_s16le", "pcm_s24le"},
}
"""what the muxers of FFmpeg take, and players play, without encoding again"""

PRIMING = Fraction(1, 10)
"""ours, seconds: encoders start up to 2048 samples early; at the file's own start these packets are copied too"""
AAC_RATES = (8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000)
"""Hz, ISO/IEC 14496-3, those in common use"""


class AudioTrack:
    """The audio between start and end of a clip, written packet by packet into an output container.

    Time 0 is the clip's first picture, as in VideoReader, so sound and pictures stay together.
    """

    @staticmethod
    def of(path: str | os.PathLike[str], start: Fraction, end: Fraction | None) -> AudioTrack | None:
        """The track of the file at `path`; None if it has no sound. Raises ReenactError if it cannot be read."""
        path = check_readable(path, "video")
        source = open_media(path)
        if not source.streams.audio:
            source.close()
            return None
        return AudioTrack(source, start, end)

    def __init__(self, source: Any, start: Fraction, end: Fraction | None) -> None:
        """source: an open input container with an audio stream, which `close` closes."""
        self._source, self._input = source, source.streams.audio[0]
        video = source.streams.video[0] if source.streams.video else None
        origin = (video.start_time or 0) * video.time_base if video else Fraction(0)
        self._zero = origin + start
        self._earliest = Fraction(0) if start else -PRIMING
        self._end = end - start if end is not None else None
        if start:
            source.seek(int(self._zero / self._input.time_base), stream=self._input)

    def attach(self, output: Any) -> None:
        """Add the stream to `output`, before its first packet is written."""
        self._output = output
        copied = self._input.codec_context.name in COPIED.get(output.format.name, set())
        if copied:
            self._stream = output.add_stream_from_template(self._input)
            self._packets = self._copied()
        else:
            source = self._input.codec_context
            rate = source.sample_rate if source.sample_rate in AAC_RATES else AAC_RATES[-1]
            layout = "mono" if source.channels == 1 else "stereo"
            self._stream = output.add_stream("aac", rate=rate, layout=layout)
            self._packets = self._encoded()
        self._next = next(self._packets, None)

    def write_until(self, time: Fraction) -> None:
        """Write what starts before `time`, in seconds of the output."""
        while self._next is not None and self._next[0] < time:
            self._output.mux(self._next[1])
            self._next = next(self._packets, None)

    def close(self) -> None:
        """Let the source go."""
        self._source.close()

    def _copied(self) -> Iterator[tuple[Fraction, Any]]:
        unit = self._input.time_base
        shift = round(self._zero / unit)
        for packet in self._source.demux(self._input):
            if packet.pts is None or packet.dts is None:
                continue
            time = packet.pts * unit - self._zero
            if self._end is not None and time >= self._end:
                return
            if time + (packet.duration or 0) * unit / 2 < self._earliest:
                continue
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            packet.stream = self._stream
            yield time, packet

    def _encoded(self) -> Iterator[tuple[Fraction, Any]]:
        codec = self._stream.codec_context
        rate = codec.sample_rate
        resampler = av.AudioResampler(format="fltp", layout=codec.layout, rate=rate)
        for frame in self._source.decode(self._input):
            if frame.pts is None:
                continue
            time = frame.pts * frame.time_base - self._zero
            if self._end is not None and time >= self._end:
                break
            if time + Fraction(frame.samples, frame.sample_rate) <= 0:
                continue
            frame.pts, frame.time_base = round(time * rate), Fraction(1, rate)
            for piece in resampler.resample(frame):
                yield from self._timed(codec.encode(piece))
        for piece in resampler.resample(None):
            yield from self._timed(codec.encode(piece))
        yield from self._timed(codec.encode(None))

    def _timed(self, packets: list[Any]) -> Iterator[tuple[Fraction, Any]]:
        for packet in packets:
            packet.stream = self._stream
            yield packet.pts * packet.time_base, packet
