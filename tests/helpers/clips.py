"""Small videos and photos for the tests, made from the example portrait (public domain)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFilter

from places import EXAMPLES
from reenact.core.types import Method

PORTRAIT = EXAMPLES / "portrait.jpg"
TURNED = np.array([0, 1 << 16, 0, -(1 << 16), 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
"""an mp4 display matrix that turns the picture by 90 degrees clockwise"""


HEAD = (96, 0, 356, 260)
"""where the head and some room around it lie in the example portrait, px"""


def face(size: int = 256) -> np.ndarray:
    """The head of the example portrait, size x size RGB."""
    return np.asarray(PILImage.open(PORTRAIT).convert("RGB").resize((size, size), PILImage.Resampling.LANCZOS, HEAD))


def disc() -> np.ndarray:
    """Two dots and a bow on a disc: to the landmarker a face, presence 1.0."""
    picture = PILImage.new("RGB", (256, 256), "white")
    draw = ImageDraw.Draw(picture)
    draw.ellipse((20, 20, 236, 236), fill=(225, 180, 150))
    for x in (90, 166):
        draw.ellipse((x - 14, 90, x + 14, 118), fill=(30, 20, 20))
    draw.arc((70, 90, 186, 200), 20, 160, fill=(120, 30, 30), width=9)
    return np.array(picture.filter(ImageFilter.GaussianBlur(3)))


def tight_photo(method: Method) -> np.ndarray:
    """The example portrait so closely cut that the edge goes through the head."""
    photo = np.asarray(PILImage.open(PORTRAIT).convert("RGB"))
    place = method.encode_source(photo).placement
    top, half = max(0, int(place.centre_y - 0.3 * place.side)), int(0.45 * place.side)
    left = int(place.centre_x) - half
    return photo[top : top + 2 * half, left : left + 2 * half]


def scenery(height: int = 192, width: int = 256) -> np.ndarray:
    """A picture without a face: a smooth ramp."""
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x % 256, y % 256, (x + y) % 256], -1).astype(np.uint8)


def moving_face(count: int, size: int = 256) -> list[np.ndarray]:
    """The portrait, shifted by two pixels and brighter by 8 (four steps, then again) from frame to frame."""
    picture = face(size)
    return [np.roll(picture, 2 * i, 1) // 8 * 7 + np.uint8(i % 4 * 8) for i in range(count)]


def write_clip(
    path: Path,
    images: Iterable[np.ndarray],
    rate: Fraction = Fraction(25),
    *,
    audio: bool = False,
    times_ms: list[int] | None = None,
    movflags: str = "",
) -> Path:
    """An H.264 mp4; with a sine tone as long as the pictures; at `times_ms` instead of a constant rate."""
    with av.open(str(path), "w", options={"movflags": movflags} if movflags else {}) as container:
        images = list(images)
        if images:
            stream = container.add_stream("libx264", rate=rate, options={"preset": "ultrafast", "crf": "18"})
            stream.height, stream.width = images[0].shape[:2]
            stream.pix_fmt = "yuv420p"
        sound = _tone(container, Fraction(len(images) or 25) / rate) if audio else []
        if times_ms is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for i, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24").reformat(format="yuv420p")
            frame.pts = i if times_ms is None else times_ms[i]
            frame.time_base = 1 / rate if times_ms is None else Fraction(1, 1000)
            container.mux(stream.encode(frame))
        if images:
            container.mux(stream.encode())
        for packet in sound:
            container.mux(packet)
    return path


def _tone(container, seconds: Fraction) -> list:
    stream = container.add_stream("aac", rate=48000, layout="mono")
    wave = 0.2 * np.sin(np.arange(round(seconds * 48000)) * 2 * np.pi * 220 / 48000).astype(np.float32)
    packets = []
    for at in range(0, len(wave), 1024):
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(wave[None, at : at + 1024]), format="fltp", layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, at, Fraction(1, 48000)
        packets += stream.encode(frame)
    return packets + stream.encode()


def play_again(clip: Path, path: Path, times: int) -> Path:
    """A longer mp4 in `path` at the cost of a short one: the packets of `clip` (mp4), pictures and sound, `times` times."""
    with av.open(str(clip)) as given, av.open(str(path), "w") as out:
        streams = {stream.index: out.add_stream_from_template(stream) for stream in given.streams}
        packets = [packet for packet in given.demux() if packet.dts is not None]
        length = {
            index: max(p.pts + p.duration for p in packets if p.stream_index == index)
            - min(p.pts for p in packets if p.stream_index == index)
            for index in streams
        }
        for turn in range(times):
            for held in packets:
                packet = av.Packet(bytes(held))
                packet.stream, packet.time_base, packet.is_keyframe = streams[held.stream_index], held.time_base, held.is_keyframe
                packet.pts, packet.dts = (at + turn * length[held.stream_index] for at in (held.pts, held.dts))
                packet.duration = held.duration
                out.mux(packet)
    return path


def turn_by_header(path: Path) -> Path:
    """Make the mp4 ask for a quarter turn clockwise, as a phone held upright does."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40  # version 0: the matrix follows 40 bytes after the box's type
    data[at : at + 36] = TURNED
    path.write_bytes(data)
    return path


def read_clip(path: Path) -> tuple[int, Fraction, tuple[int, int]]:
    """Frames, rate, (height, width)."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        return sum(1 for _ in container.decode(stream)), stream.average_rate, (stream.height, stream.width)
