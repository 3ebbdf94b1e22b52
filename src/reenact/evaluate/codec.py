"""Rate and distortion of the codec on clips: what coding the motion costs, beside the uncoded animation.

python -m reenact.evaluate.codec CLIPS --weights FOLDER --out results/codec.json [--kbps 0.5 1 2 3] [--every 30]

Self-reenactment as in `reenact.evaluate`: the source is frame 0, motion is absolute. Every frame is coded, every n-th is
scored. Rates are bits a frame times 25, all bytes after the header counted. `stream_kbps` is the same motion at the same
quality as one packet a frame with a key packet each second.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from reenact.codec.call import profile_of
from reenact.codec.clip import encode_to_target, play
from reenact.codec.container import Header, read_frames, write_call
from reenact.codec.packet import read_head
from reenact.codec.profile import Profile
from reenact.codec.stream import Sender
from reenact.core.provenance import provenance, weights_digest
from reenact.core.types import Image, Motion
from reenact.evaluate import metrics
from reenact.evaluate.codec_curve import UNCODED
from reenact.evaluate.networks import Perceptual
from reenact.evaluate.protocols import find_clips
from reenact.evaluate.results import write_json
from reenact.faces.landmarker import Face, Landmarker
from reenact.media.video import VideoReader
from reenact.motion.expression_gain import reaching
from reenact.runtime.onnx_method import OnnxMethod

RATE = Fraction(25)
MEANING = {
    "kbps": "kbit/s of a file at 25 frames/s, header left out",
    "bits_a_frame": "of the file",
    "stream_kbps": "kbit/s as one packet a frame, key packets each second",
    "akd_mesh": "px at 256, generated against the driving frame; lower is better",
    "aed_exp": "52 blendshapes, generated against the driving frame; lower is better",
    "lpips_alex": "generated against the driving frame; lower is better",
    "shift": "px at 256: mean landmark distance from the uncoded animation",
    "lpips_shift": "LPIPS-Alex from the uncoded animation",
}


class Coded:
    """One clip at one rate: what the receiver sees, and what it costs."""

    def __init__(self, profile: Profile, motions: list[Motion], kbps: float) -> None:
        header = Header.of(profile, RATE)
        packets = encode_to_target(profile, header.tag, motions, kbps, float(RATE))
        data = write_call(header, packets)
        read, at = Header.read(data)
        self.motions = list(play(read_frames(profile, read, data, at), len(motions)))
        self.bits = 8 * (len(data) - at)
        self.quality = read_head(packets[0]).quality
        sender = Sender(profile, header.tag, quality=self.quality)
        self.stream_bits = 8 * sum(len(sender.send(motion) or b"") for motion in motions)


class Reader:
    """The figures of one picture."""

    def __init__(self, landmarker: Landmarker, threads: int) -> None:
        self._landmarker, self._lpips = landmarker, Perceptual("alex", threads)

    def face(self, image: Image) -> Face | None:
        """The largest face, its landmarks found twice as `FaceReader` does."""
        found = self._landmarker.detect(image)
        return (self._landmarker.track(image, found[0]) or found[0]) if found else None

    def against(self, pictures: list[Image], target: Image) -> list[dict[str, float]]:
        """Of each picture: distances from the target; landmarks are left out where either has no face."""
        true = self.face(target)
        out = [{"lpips": value} for value in self._lpips.distances(pictures, target)]
        for figures, picture in zip(out, pictures, strict=True):
            face = self.face(picture)
            if face is not None and true is not None:
                shapes = [self._landmarker.blendshapes(one).reshape(-1) for one in (face, true)]
                figures["akd"] = metrics.akd_mesh(face.landmarks[:, :2], true.landmarks[:, :2], target.shape[0])
                figures["aed"] = metrics.aed_exp(*shapes)
        return out


def score_clip(method: OnnxMethod, reader: Reader, clip: Path, rates: Iterable[float], every: int) -> dict[str, dict[str, list]]:
    """System -> figure -> one number a scored frame; bits and frames as lists of one."""
    with VideoReader(clip, pixels="stored") as video:
        frames = [frame.image for frame in video]
    motions = [method.encode_motion(frame) for frame in frames]
    profile = profile_of(method, motions[0].expression.size)
    systems = {f"{kbps:g} kbit/s": Coded(profile, motions, kbps) for kbps in rates}
    portrait, reached = method.encode_crop(frames[0]), reaching(method)
    out: dict[str, dict[str, list]] = {UNCODED: {"frames": [len(frames)]}}
    for name, coded in systems.items():
        spent = {"bits": [coded.bits], "stream_bits": [coded.stream_bits], "quality": [coded.quality]}
        out[name] = {"frames": [len(frames)], **spent}
    for at in range(every, len(frames), every):
        asked = [motions[at], *(coded.motions[at] for coded in systems.values())]
        drawn = [method.render(portrait, reached(portrait.motion, motion)) for motion in asked]
        for figures, found, moved in zip(
            out.values(), reader.against(drawn, frames[at]), reader.against(drawn, drawn[0]), strict=True
        ):
            named = {"lpips_alex": found.get("lpips"), "akd_mesh": found.get("akd"), "aed_exp": found.get("aed")}
            named |= {"shift": moved.get("akd"), "lpips_shift": moved.get("lpips")}
            for key, value in named.items():
                figures.setdefault(key, []).extend([] if value is None else [float(value)])
    return out


def means(clips: Iterator[Mapping[str, Mapping[str, list]]]) -> dict[str, dict[str, Any]]:
    """Over all frames of all clips."""
    total: dict[str, dict[str, list]] = {}
    for clip in clips:
        for name, figures in clip.items():
            for key, values in figures.items():
                total.setdefault(name, {}).setdefault(key, []).extend(values)
    return {name: _mean(figures) for name, figures in total.items()}


def _mean(figures: Mapping[str, list]) -> dict[str, Any]:
    frames = sum(figures["frames"])
    keys = [key for key in figures if key in MEANING]
    out: dict[str, Any] = {"frames": frames, "scored": len(figures["lpips_alex"])}
    if "bits" in figures:
        bits = sum(figures["bits"]) / frames
        stream = sum(figures["stream_bits"]) / frames * float(RATE) / 1000
        out |= {"kbps": round(bits * float(RATE) / 1000, 3), "bits_a_frame": round(bits, 2), "stream_kbps": round(stream, 3)}
        out["qualities"] = [min(figures["quality"]), max(figures["quality"])]
    return out | {key: round(float(np.mean(figures[key])), 5) for key in keys}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--kbps", type=float, nargs="+", default=[0.5, 1.0, 2.0, 3.0])
    parser.add_argument("--every", type=int, default=30)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    method = OnnxMethod(given.weights, "cpu", given.threads)
    reader = Reader(method.landmarker, given.threads)
    figures = means(score_clip(method, reader, clip, given.kbps, given.every) for clip in find_clips(given.clips))
    rates = " ".join(f"{kbps:g}" for kbps in given.kbps)
    command = f"python -m reenact.evaluate.codec clips/val --weights weights/{method.name} --kbps {rates} --every {given.every}"
    about = provenance([command], {method.name: weights_digest(given.weights)}, ["face_landmarker.task", "lpips_alexnet.ckpt"])
    write_json(given.out, {**about, "method": method.name, "meaning": MEANING, "figures": figures})
    sys.stdout.write("".join(f"{name}: {row}\n" for name, row in figures.items()))


if __name__ == "__main__":
    main()
