"""How media files are opened and read: only as what holds its own pictures and sound, and past what is damaged in them.

FFmpeg guesses a format by content, and some of its formats are texts that name other files or addresses (ffconcat, HLS,
DASH, SDP, image sequences): a text named x.mp4 would play whatever file it names. So the formats are a list, and so are
the protocols.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import av
import av.error
import av.stream

from reenact.core.errors import InputError
from reenact.media import webp

FORMATS = (
    "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm", "avi", "mpegts", "mpegtsraw", "mpeg", "mpegvideo", "ogg", "gif", "apng",
    "flv", "live_flv", "kux", "asf", "asf_o", "rm", "mxf", "gxf", "nut", "ivf", "dv", "wtv", "nsv", "y4m", "yuv4mpegpipe",
    "h261", "h263", "h264", "hevc", "vvc", "av1", "obu", "m4v", "vc1", "cavsvideo", "dirac", "mjpeg", "mjpeg_2000", "mpjpeg",
    "jpegxl_anim", "webp", "avs", "avs2", "avs3", "amv", "dnxhd", "pva", "ty", "roq", "swf", "smk", "bink", "flic", "mlv",
    "jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe", "tiff_pipe", "gif_pipe", "j2k_pipe", "jpegls_pipe", "jpegxl_pipe",
    "aac", "ac3", "eac3", "ac4", "adts", "aiff", "alac", "amr", "amrnb", "amrwb", "ape", "au", "caf", "dts", "dtshd", "flac",
    "latm", "loas", "mlp", "mp2", "mp3", "mpc", "mpc8", "oma", "opus", "qcp", "qoa", "rso", "shn", "sox", "tak", "truehd",
    "tta", "voc", "w64", "wav", "wv", "xwma", "gsm",
)  # fmt: skip
"""FFmpeg's demuxers of files that stand for themselves; playlists, manifests, image sequences and texts are not among them"""

OPTIONS = {"protocol_whitelist": "file", "format_whitelist": ",".join(FORMATS)}

DAMAGE = (
    av.error.FFmpegError, ValueError, ArithmeticError, LookupError, AttributeError, TypeError, RuntimeError, MemoryError,
    NotImplementedError, EOFError,
)  # fmt: skip
"""what PyAV raises for files that are damaged, besides its own: it meets headers that contradict themselves"""
STUCK = 32
"""ours: errors without a packet between them, after which the rest of a file is given up"""


def open_media(path: Path) -> Any:
    """An open input container. Raises ReenactError for what is none of the formats above, or too damaged to be opened."""
    try:
        if webp.moves(path):
            return webp.open_moving(path)
        # "file:" keeps odd names from being read as addresses.
        return av.open(f"file:{path}", options=dict(OPTIONS), metadata_errors="replace")
    except (*DAMAGE, OSError, SyntaxError):  # Pillow's, too
        raise InputError(f"{path}: {_instead(path)}") from None


def film_of(container: Any) -> Any:
    """The stream that plays: the first of pictures, save where that is a cover, or one still beside a film (animated AVIF).

    Raises ValueError where there is none."""
    first, *others = sorted(container.streams.video, key=is_cover)
    if first.frames != 1:
        return first
    return next((other for other in others if other.frames > 1), first)


def is_cover(stream: Any) -> bool:
    """Whether it is a picture that goes with the sound, as songs have one."""
    return av.stream.Disposition.attached_pic in stream.disposition


def _instead(path: Path) -> str:
    if path.suffix.lower() == ".rnct":
        return f"a call, not a video; play it with: reenact decode PORTRAIT {path} -o OUT.mp4"
    return "not a video, or cut off; copy it again or convert it to an H.264 mp4"


def reason(error: BaseException) -> str:
    """An error in a few words."""
    return (getattr(error, "strerror", None) or str(error) or type(error).__name__).splitlines()[0][:120]


class Packets:
    """The packets of one stream, in the file's order, past whatever of it cannot be read."""

    def __init__(self, container: Any, stream: Any) -> None:
        self._container, self._stream = container, stream
        self.lost = 0
        """packets that could not be read or decoded"""
        self.read = self.hidden = 0
        """packets, and those of them that the file's edit list leaves out"""
        self.last_error = ""

    def __iter__(self) -> Iterator[Any]:
        """All but empty ones, which say that the picture before them stays (Theora)."""
        failures = 0
        while failures < STUCK:
            try:
                for packet in self._container.demux(self._stream):
                    failures = 0
                    if packet.size:
                        self.read += 1
                        self.hidden += packet.is_discard
                        yield packet
                return
            except DAMAGE as error:
                if isinstance(error, EOFError):
                    return
                failures += 1
                self._lose(error, failures == 1)

    def frames(self) -> Iterator[Any]:
        """What the packets decode to."""
        for packet in self:
            yield from self._decoded(packet)
        yield from self._decoded(None)

    def _decoded(self, packet: Any) -> list[Any]:
        try:
            return self._stream.codec_context.decode(packet)
        except DAMAGE as error:
            if not isinstance(error, EOFError):
                self._lose(error)
            return []

    def _lose(self, error: BaseException, counts: bool = True) -> None:
        self.lost += counts
        self.last_error = reason(error)
