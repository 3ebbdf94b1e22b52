"""Rate and distortion of ordinary video codecs on the same clips, frames and figures as `reenact.evaluate.codec`.

python -m experiments.peers CLIPS --out results/codec_peers.json [--every 30] [--codec x264 x265 svt-av1]

Each codec runs at the coarsest qualities that it has, at the clip's size and at half of it (scaled up again: at the lowest
rates that is the better picture). One key frame at the beginning, B-frames and look-ahead allowed: kinder than a call would
be. `kbps` leaves the first frame's packet out, as our rate leaves out the portrait; `kbps_whole` counts it.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.provenance import provenance
from reenact.core.types import Image
from reenact.evaluate.codec import RATE, Reader
from reenact.evaluate.protocols import find_clips
from reenact.evaluate.results import write_json
from reenact.faces.landmarker import Landmarker
from reenact.media.video import VideoReader

MEANING = {
    "kbps": "kbit/s at 25 frames/s without the first frame's packet",
    "kbps_whole": "kbit/s at 25 frames/s, all packets, over clips of 2 to 12 s",
    "lpips_alex": "decoded against the original frame; lower is better",
    "akd_mesh": "px at 256, decoded against the original frame; lower is better",
    "aed_exp": "52 blendshapes, decoded against the original frame; lower is better",
    "found": "share of the frames with a face where the decoded frame has one",
}


@dataclass(frozen=True)
class Peer:
    """A codec, its decoder, and the qualities (CRF) from its coarsest on that are worth a look."""

    encoder: str
    decoder: str
    qualities: tuple[int, ...]
    options: dict[str, str]


PEERS = {
    "x264": Peer("libx264", "h264", (51, 46, 41, 36), {"preset": "slow", "x264-params": "keyint=9999:scenecut=0:log-level=-1"}),
    "x265": Peer("libx265", "hevc", (51, 46, 41, 36), {"preset": "slow", "x265-params": "keyint=9999:scenecut=0:log-level=-1"}),
    "svt-av1": Peer("libsvtav1", "libdav1d", (63, 57, 51, 45), {"preset": "4", "svtav1-params": "keyint=9999:scd=0"}),
}
SHARES = (1.0, 0.5)
"""ours: sides of the coded picture, in sides of the clip"""


@dataclass(frozen=True)
class CodedClip:
    """What a codec made of a clip."""

    bits: int
    first_bits: int
    """of the packet with the first picture"""
    pictures: list[Image]


def code_clip(frames: list[Image], peer: Peer, quality: int, share: float = 1.0) -> CodedClip:
    """Encode and decode in memory. Raises ReenactError where the installed PyAV has no such codec or a frame is lost."""
    side = max(16, round(frames[0].shape[0] * share / 2) * 2)
    with _usual_priority():
        packets = list(_encode(frames, peer, quality, side))
    pictures = [_scaled(picture, frames[0].shape[0]) for picture in _decode(packets, peer.decoder)]
    if len(pictures) != len(frames):
        raise ReenactError(f"{peer.encoder}: {len(frames)} frames went in and {len(pictures)} came out")
    return CodedClip(8 * sum(map(len, packets)), 8 * len(packets[0]), pictures)


@contextmanager
def _usual_priority() -> Iterator[None]:
    """SVT-AV1, run by root, makes its caller's threads real-time ones (SCHED_FIFO, 99), and all that these begin; spinning ones
    among them then leave the machine to nobody else. Afterwards they are as before."""
    try:
        yield
    finally:
        if hasattr(os, "sched_setscheduler"):
            for thread in os.listdir("/proc/self/task"):
                with suppress(OSError):
                    if os.sched_getscheduler(int(thread)) == os.SCHED_FIFO:
                        os.sched_setscheduler(int(thread), os.SCHED_OTHER, os.sched_param(0))


def _encode(frames: list[Image], peer: Peer, quality: int, side: int) -> Iterator[bytes]:
    try:
        context = av.CodecContext.create(peer.encoder, "w")
    except (av.error.FFmpegError, av.codec.codec.UnknownCodecError):
        raise ReenactError(f"this PyAV has no {peer.encoder}: install the wheels of PyPI (pip install av)") from None
    context.width = context.height = side
    context.pix_fmt, context.time_base, context.framerate = "yuv420p", 1 / RATE, RATE
    context.thread_count = 1
    context.options = {**peer.options, "crf": str(quality)}
    for number, image in enumerate(frames):
        frame = av.VideoFrame.from_ndarray(_scaled(image, side), format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 25)
        yield from (bytes(packet) for packet in context.encode(frame) if packet.size)
    yield from (bytes(packet) for packet in context.encode(None) if packet.size)


def _decode(packets: list[bytes], decoder: str) -> Iterator[Image]:
    context = av.CodecContext.create(decoder, "r")
    context.thread_count = 1
    for data in packets:
        yield from (frame.to_ndarray(format="rgb24") for frame in context.decode(av.Packet(data)))
    yield from (frame.to_ndarray(format="rgb24") for frame in context.decode(None))


def _scaled(image: Image, side: int) -> Image:
    if image.shape[0] == side:
        return image
    return np.asarray(PILImage.fromarray(image).resize((side, side), PILImage.Resampling.BICUBIC))


def score_clip(frames: list[Image], reader: Reader, names: list[str], every: int) -> dict[str, dict[str, list[float]]]:
    """Point -> figure -> one number a scored frame; bits and frames as lists of one."""
    out: dict[str, dict[str, list[float]]] = {}
    coded: dict[str, CodedClip] = {}
    for name in names:
        for share in SHARES:
            for quality in PEERS[name].qualities:
                point = f"{name} crf {quality} at {round(frames[0].shape[0] * share)}"
                coded[point] = code_clip(frames, PEERS[name], quality, share)
                bits = {"bits": [float(coded[point].bits)], "first_bits": [float(coded[point].first_bits)]}
                out[point] = {"frames": [float(len(frames))], **bits}
    for at in range(every, len(frames), every):
        drawn = [clip.pictures[at] for clip in coded.values()]
        for figures, found in zip(out.values(), reader.against(drawn, frames[at]), strict=True):
            figures.setdefault("lpips_alex", []).append(found["lpips"])
            figures.setdefault("found", []).append(float("akd" in found))
            for key, short in (("akd_mesh", "akd"), ("aed_exp", "aed")):
                figures.setdefault(key, []).extend([found[short]] if short in found else [])
    return out


def means(clips: list[dict[str, dict[str, list[float]]]]) -> dict[str, dict[str, Any]]:
    """Over all frames of all clips."""
    out: dict[str, dict[str, Any]] = {}
    for point in clips[0]:
        total = {key: [value for clip in clips for value in clip[point].get(key, [])] for key in ("bits", "first_bits", "frames")}
        frames, bits, first = (sum(total[key]) for key in ("frames", "bits", "first_bits"))
        row: dict[str, Any] = {"frames": int(frames), "scored": sum(len(clip[point].get("lpips_alex", [])) for clip in clips)}
        row["kbps"] = round((bits - first) / (frames - len(clips)) * float(RATE) / 1000, 3)
        row["kbps_whole"] = round(bits / frames * float(RATE) / 1000, 3)
        for key in ("lpips_alex", "akd_mesh", "aed_exp", "found"):
            values = [value for clip in clips for value in clip[point].get(key, [])]
            row[key] = round(float(np.mean(values)), 5) if values else None
        out[point] = row
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--codec", nargs="+", choices=list(PEERS), default=list(PEERS))
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--only", help="patterns of clip names, with commas")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    reader = Reader(Landmarker(given.threads), given.threads)
    clips = []
    for path in find_clips(given.clips, given.only):
        with VideoReader(path, pixels="stored") as video:
            frames = [frame.image for frame in video]
        if len(frames) > given.every:
            clips.append(score_clip(frames, reader, given.codec, given.every))
            sys.stderr.write(f"{path.name}\n")
    if not clips:
        raise ReenactError(f"{given.clips}: no clip has more than {given.every} frames; lower --every")
    command = f"python -m experiments.peers clips/val --every {given.every} --codec {' '.join(given.codec)}"
    about = provenance([command], {}, ["face_landmarker.task", "lpips_alexnet.ckpt"])
    settings = {name: {"encoder": PEERS[name].encoder, **PEERS[name].options} for name in given.codec}
    figures = means(clips)
    write_json(given.out, {**about, "settings": settings, "meaning": MEANING, "figures": figures})
    sys.stdout.write("".join(f"{name}: {row}\n" for name, row in figures.items()))


if __name__ == "__main__":
    main()
