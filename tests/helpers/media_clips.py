"""Clips and photos made on the spot for the media tests (also for tests of what stands on media)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

RATE = Fraction(30000, 1001)


def frame_image(index: int, height: int = 96, width: int = 128) -> np.ndarray:
    """A gray picture whose level tells the index, with a white block in its upper left corner."""
    image = np.full((height, width, 3), 20 + 5 * (index % 45), np.uint8)
    image[: height // 4, : width // 4] = 255
    return image


def index_of(image: np.ndarray) -> int:
    """The index (modulo 45) that `frame_image` drew."""
    return round((float(np.median(image)) - 20) / 5)


def make_clip(
    path: Path,
    times: Iterable[Fraction],
    rate: Fraction = RATE,
    sound: str | None = None,
    turn: int = 0,
    options: dict[str, str] | None = None,
    codec: str = "libx264",
    gop: int | None = None,
) -> Path:
    """A clip with one `frame_image` at each time, seconds; `sound` an audio codec; `turn` the display rotation; `gop` frames from
    one key frame to the next."""
    times = list(times)
    unit = Fraction(1, 90000)
    with av.open(str(path), "w", options=options or {}) as output:
        quality = {"crf": "10", "preset": "ultrafast"} if codec == "libx264" else {}
        video = output.add_stream(codec, rate=rate, options=quality)
        video.width, video.height, video.pix_fmt = 128, 96, "yuv420p"
        video.codec_context.time_base = unit if codec == "libx264" else 1 / rate
        if gop:
            video.gop_size = gop
        if turn:
            video.set_display_rotation(turn)
        audio = output.add_stream(sound, rate=48000, layout="mono") if sound else None
        for index, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(frame_image(index), format="rgb24")
            base = video.codec_context.time_base
            frame.pts, frame.time_base = round(time / base), base
            output.mux(video.encode(frame))
        output.mux(video.encode(None))
        if audio is not None:
            _write_sound(output, audio, times[-1] + 1 / rate)
    return path


def make_sound(path: Path, seconds: Fraction) -> Path:
    """An mp4 with sound only."""
    with av.open(str(path), "w") as output:
        _write_sound(output, output.add_stream("aac", rate=48000, layout="mono"), seconds)
    return path


def _write_sound(output: av.container.OutputContainer, stream: av.AudioStream, seconds: Fraction) -> None:
    """A tone whose pitch rises, so that a shift in time shows."""
    total = round(seconds * 48000)
    time = np.arange(total) / 48000
    tone = (0.3 * np.sin(2 * np.pi * (200 + 150 * time) * time)).astype(np.float32)
    for begin in range(0, total, 1024):
        piece = tone[None, begin : begin + 1024]
        if stream.codec_context.format.name.startswith("s16"):
            piece = (piece * 32767).astype(np.int16)
        elif stream.codec_context.format.name.startswith("s32"):
            piece = (piece.astype(float) * (2**31 - 1)).astype(np.int32)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), stream.codec_context.format.name, "mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, begin, Fraction(1, 48000)
        output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


def sound_of(path: Path) -> np.ndarray:
    """All samples of a clip, mono."""
    with av.open(str(path)) as source:
        resampler = av.AudioResampler(format="flt", layout="mono", rate=48000)
        pieces = [part.to_ndarray()[0] for frame in source.decode(audio=0) for part in resampler.resample(frame)]
        pieces += [part.to_ndarray()[0] for part in resampler.resample(None)]
    return np.concatenate(pieces)


def sound_shift(whole: np.ndarray, part: np.ndarray, begin: Fraction) -> float:
    """By how many seconds `part` is late, which is to be of `whole` from `begin` on; 0.25 s at most either way."""
    at = round(begin * 48000)
    piece = whole[at + 12000 : at + 24000]
    return (int(np.argmax(np.correlate(part[:36000], piece, "valid"))) - 12000) / 48000


def sound_span(path: Path) -> tuple[Fraction, Fraction]:
    """Start and end of the sound as the container times it, in seconds."""
    with av.open(str(path)) as source:
        frames = [(f.pts * f.time_base, Fraction(f.samples, f.sample_rate)) for f in source.decode(audio=0)]
    return frames[0][0], frames[-1][0] + frames[-1][1]
