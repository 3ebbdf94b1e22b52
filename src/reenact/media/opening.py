"""How media files are opened for reading: only as what holds its own pictures and sound.

FFmpeg guesses a format by content, and some of its formats are texts that name other files or addresses (ffconcat, HLS,
DASH, SDP, image sequences): a text named x.mp4 would play whatever file it names. So the formats are a list, and so are
the protocols.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import av

from reenact.core.errors import ReenactError

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


def open_media(path: Path) -> Any:
    """An open input container. Raises ReenactError for what is none of the formats above, or too damaged to be opened."""
    try:
        # "file:" keeps odd names from being read as addresses.
        return av.open(f"file:{path}", options=dict(OPTIONS), metadata_errors="replace")
    except (av.FFmpegError, ValueError, MemoryError, OverflowError):
        raise ReenactError(f"{path}: {_instead(path)}") from None


def _instead(path: Path) -> str:
    if path.suffix.lower() == ".rnct":
        return f"a call, not a video; play it with: reenact decode PORTRAIT {path} -o OUT.mp4"
    return "not a video, or cut off; copy it again or convert it to an H.264 mp4"
