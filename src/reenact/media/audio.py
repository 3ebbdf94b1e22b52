"""The sound of one clip laid under another: packets as they are where the container allows it, else as AAC.

It is laid when the pictures are written: whatever is wrong with a sound costs the sound, never the film.
"""

from __future__ import annotations

import errno
import os
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from heapq import merge
from pathlib import Path
from typing import Any

import av
import numpy as np

from reenact.core.errors import InputError, ReenactError, ReenactWarning
from reenact.core.files import Unfinished, check_readable
from reenact.media.clock import LATEST_START, SLACK, BesideClock, leaps, stated_rate
from reenact.media.opening import DAMAGE, Packets, film_of, open_media, reason

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
AAC_FRAME = 1024
"""samples"""
SLIP = Fraction(1, 20)
"""ours, seconds: what is missing becomes silence, and what overlaps is dropped, beyond this"""

DISK = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG)
"""what the sound is not to blame for"""

Timed = Iterator[tuple[Fraction, Any]]
"""packets with their time in seconds of the output, in order"""


@dataclass(frozen=True)
class Sound:
    """The sound of the file at `path` from `start` on. Time 0 is where the file's pictures begin plus `start`, as in VideoReader;
    the first picture that is shown may come later (VideoReader.begin)."""

    path: Path
    start: Fraction

    @staticmethod
    def of(path: str | os.PathLike[str], start: Fraction) -> Sound | None:
        """None if the file has no sound, with a warning where it has one of an unknown kind. Raises ReenactError for no media."""
        path = check_readable(path, "video")
        with open_media(path) as source:
            if not source.streams.audio:
                return None
            if _known(source) is None:
                warnings.warn(f"{path}: its sound is of an unknown kind and is left out", ReenactWarning, stacklevel=1)
                return None
        return Sound(path, start)

    def check(self) -> None:
        """Raises ReenactError for a file that cannot be read, or has no sound, or none from `start` on."""
        if not 0 <= self.start <= LATEST_START:
            raise ReenactError(f"`sound_start` must lie between 0 and {LATEST_START} seconds, not {float(self.start):g}")
        with open_media(check_readable(self.path, "video or sound")) as source:
            if not source.streams.audio:
                raise InputError(f"{self.path}: has no sound: give a file that has, or leave it out")
            lasts = None if source.duration is None else Fraction(source.duration, av.time_base) + SLACK
        if lasts is not None and self.start >= lasts:
            raise InputError(
                f"{self.path}: ends before {float(self.start):.2f} s, where the call's film began: give the sound of the file"
                " that was encoded, or say where to begin with `sound_start` 0"
            )

    def lay_under(self, film: Unfinished, kind: str, length: Fraction, tags: Mapping[str, str]) -> None:
        """Add the sound to a film (mp4) that is whole but for it, or warn why not.

        kind: the container that it is to have. length: seconds at most. Raises OSError when the disk is full or the like.
        """
        failure = ""
        for way in (_copied, _encoded):
            try:
                return self._lay(film, kind, length, tags, way)
            except DAMAGE as error:
                if isinstance(error, OSError) and error.errno in DISK:
                    raise
                failure = reason(error)
        warnings.warn(
            f"{self.path}: its sound cannot be carried over ({failure}); the film is silent", ReenactWarning, stacklevel=1
        )

    def _lay(self, film: Unfinished, kind: str, length: Fraction, tags: Mapping[str, str], way: Callable[..., Timed]) -> None:
        """Raises one of DAMAGE where this way does not do."""
        with film.anew() as part, open_media(self.path) as source, open_media(film.part) as pictures:
            stream = _known(source)
            output = open_output(part, kind, tags)
            try:
                shown = output.add_stream_from_template(pictures.streams.video[0])
                packets = Packets(source, stream)
                clock = BesideClock(self._zero(source), self._leaps)
                timed = way(output, stream, packets, clock, bool(self.start), length)
                laid = 0
                for packet in _interleaved(_pictures(pictures, shown), timed):
                    output.mux(packet)
                    laid += packet.stream is not shown
            finally:
                output.close()
            if not laid:
                raise ValueError(packets.last_error or "it holds nothing in this range")
        if packets.lost:
            count = "1 piece of its sound is" if packets.lost == 1 else f"{packets.lost} pieces of its sound are"
            warnings.warn(f"{self.path}: {count} damaged and left out", ReenactWarning, stacklevel=1)

    def _zero(self, source: Any) -> Fraction:
        """The timestamp of time 0, seconds; the source is wound there."""
        video = film_of(source) if source.streams.video else None
        zero = ((video.start_time or 0) * video.time_base if video else Fraction(0)) + self.start
        if self.start:
            stream = _known(source)
            source.seek(int(zero / stream.time_base), stream=stream)
        return zero

    def _leaps(self) -> list[Fraction]:
        """Where the clock of the file's pictures leaps."""
        with open_media(self.path) as source:
            if not source.streams.video:
                return []
            video = film_of(source)
            times = (packet.pts * video.time_base for packet in Packets(source, video) if packet.pts is not None)
            return leaps(times, 1 / stated_rate(video.average_rate, video.guessed_rate))


def open_output(path: Path, kind: str, tags: Mapping[str, str]) -> Any:
    """An open output container; an mp4 or mov has its index in front, a webp is shown again and again."""
    options = {"matroska": {}, "gif": {}, "webp": {"loop": "0"}}.get(kind, {"movflags": "faststart"})
    output = av.open(f"file:{path}", "w", format=kind, options=options)
    output.metadata.update(tags)
    return output


def _known(source: Any) -> Any:
    """The first stream of sound that can be read; None where there is none."""
    for stream in source.streams.audio:
        context = stream.codec_context
        if context is not None and context.sample_rate and context.layout.nb_channels:
            return stream
    return None


def _pictures(film: Any, shown: Any) -> Timed:
    for packet in film.demux(film.streams.video[0]):
        if packet.size:
            time = packet.dts * packet.time_base
            packet.stream = shown
            yield time, packet


def _interleaved(pictures: Timed, sound: Timed) -> Iterator[Any]:
    for _, packet in merge(pictures, sound, key=lambda item: item[0]):
        yield packet


def _copied(output: Any, stream: Any, packets: Packets, clock: BesideClock, cut: bool, length: Fraction) -> Timed:
    if stream.codec_context.codec.canonical_name not in COPIED.get(output.format.name, set()):
        raise ValueError("a codec that this container does not take")
    return _copies(output.add_stream_from_template(stream), stream.time_base, packets, clock, cut, length)


def _copies(out: Any, unit: Fraction, packets: Packets, clock: BesideClock, cut: bool, length: Fraction) -> Timed:
    last, earliest = None, Fraction(0) if cut else -PRIMING
    for packet in packets:
        if packet.pts is None or packet.dts is None:
            packets.lost += 1
            continue
        time = clock.time(packet.pts * unit, (packet.duration or 0) * unit)
        if time >= length:
            return
        packet.pts, packet.dts = packet.pts + round(clock.shift / unit), packet.dts + round(clock.shift / unit)
        if time + (packet.duration or 0) * unit / 2 < earliest:
            continue
        if last is not None and packet.dts <= last:
            packets.lost += 1
            continue
        last = packet.dts
        packet.stream = out
        yield time, packet


def _encoded(output: Any, stream: Any, packets: Packets, clock: BesideClock, cut: bool, length: Fraction) -> Timed:
    source = stream.codec_context
    rate = source.sample_rate if source.sample_rate in AAC_RATES else AAC_RATES[-1]
    out = output.add_stream("aac", rate=rate, layout="mono" if source.channels == 1 else "stereo")
    return _encodings(out, _samples(packets, stream, out.codec_context, clock, length), rate)


def _encodings(out: Any, pieces: Iterator[np.ndarray], rate: int) -> Timed:
    codec, done, kept = out.codec_context, 0, None
    for piece in pieces:
        kept = piece if kept is None else np.concatenate([kept, piece], 1)
        while kept.shape[1] >= AAC_FRAME:
            yield from _pack(out, codec, kept[:, :AAC_FRAME], done, rate)
            done, kept = done + AAC_FRAME, kept[:, AAC_FRAME:]
    if kept is not None and kept.shape[1]:
        yield from _pack(out, codec, kept, done, rate)
    yield from _stamped(out, codec.encode(None))


def _pack(out: Any, codec: Any, samples: np.ndarray, at: int, rate: int) -> Timed:
    frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples), "fltp", codec.layout.name)
    frame.sample_rate, frame.pts, frame.time_base = rate, at, Fraction(1, rate)
    yield from _stamped(out, codec.encode(frame))


def _stamped(out: Any, packets: list[Any]) -> Timed:
    for packet in packets:
        packet.stream = out
        yield packet.pts * packet.time_base, packet


def _samples(packets: Packets, stream: Any, codec: Any, clock: BesideClock, length: Fraction) -> Iterator[np.ndarray]:
    """The sound as float [channels, n] from time 0 on without a hole: silence where something is missing."""
    rate, channels, done = codec.sample_rate, codec.layout.nb_channels, 0
    total, resampler = round(length * rate), None
    for frame in packets.frames():
        if frame.pts is None or done >= total:
            if done >= total:
                return
            continue
        lasts = Fraction(frame.samples or 0, frame.sample_rate or rate)
        at = round(clock.time(frame.pts * (frame.time_base or stream.time_base), lasts) * rate)
        if at >= total:
            continue
        try:
            resampler = resampler or av.AudioResampler(format="fltp", layout=codec.layout.name, rate=rate)
            pieces = [piece.to_ndarray() for piece in resampler.resample(frame)]
        except DAMAGE:
            packets.lost, resampler = packets.lost + 1, None
            continue
        piece = np.concatenate(pieces, 1) if pieces else np.zeros((channels, 0), np.float32)
        if at - done > SLIP * rate:
            yield np.zeros((channels, at - done), np.float32)
            done = at
        elif done - at > SLIP * rate or (done == 0 and at < 0):
            piece = piece[:, done - at :]
        piece = np.nan_to_num(piece[:, : total - done], nan=0.0, posinf=1.0, neginf=-1.0).clip(-1, 1)
        if piece.shape[1]:
            yield piece
            done += piece.shape[1]
