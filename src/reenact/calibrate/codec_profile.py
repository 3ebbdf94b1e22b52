"""Makes a method's codec.json: a basis, step sizes and starting probabilities for its motion (docs/bitstream.md).

python -m reenact.calibrate.codec_profile CLIPS WEIGHTS [--people 110] [--seconds 5]

CLIPS: a folder of videos, one person each or with CLIPS.jsonl beside it that names them. Run it again for new weights:
the file is tied to the motion graph. Rate-distortion: where coding is fine, the least distortion at a given rate has
every coefficient's error cost the same. So each coefficient is measured in units of what its change does to the picture
(landmarks of the free landmarker and pixels), the expression code is turned until its changes are uncorrelated in these
units, and then one step size fits all. No PyTorch; some 20 minutes on one core.
"""

from __future__ import annotations

import argparse
import hashlib
import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float64

from reenact.codec.clip import encode_clip
from reenact.codec.frame import context_count
from reenact.codec.profile import CLASSES, POSE, QUALITIES, Profile, plain_profile
from reenact.codec.range_coder import BitWriter
from reenact.core.files import replaced
from reenact.core.types import Image, Motion
from reenact.faces.points import MESH_POINTS
from reenact.media.video import VideoReader
from reenact.pipeline.heads import crops
from reenact.runtime.onnx_method import OnnxMethod

DIRECTIONS = 12
"""ours: directions of the expression code that are measured; on mmfa the rest hold 1 % of what changes from frame to frame"""
FINEST_STEP = 0.01
"""ours: px of landmark shift (root mean square) that one step of a pose number is at quality 0"""
EXPRESSION_STEP = 0.5
"""ours: the same of an expression coefficient, of FINEST_STEP: a lid half open is seen, a head off by as many pixels is not"""
FEATURES = list(MESH_POINTS[:26])
"""lips, lids, irises, brows: the landmarks whose shift counts"""
FLOOR = 0.01
"""ours: what an unmeasured direction costs, of the mean of the measured ones"""
PRIOR = 0.4
"""ours: what each outcome of a context counts for before it is seen"""
KEY_INTERVAL = 25
FIELD = 32
"""side of the picture whose pixels are compared"""


def clip_names(folder: Path, people: int) -> list[Path]:
    """One clip a person, at most `people`."""
    listing = folder.with_suffix(".jsonl")
    if not listing.is_file():
        return sorted(path for path in folder.iterdir() if path.suffix in (".mp4", ".mov", ".mkv", ".webm"))[:people]
    lines = [json.loads(line) for line in listing.read_text(encoding="utf-8").splitlines()]
    np.random.default_rng(0).shuffle(lines)
    first = {line["identity"]: folder / line["clip"] for line in reversed(lines)}
    return sorted(first.values())[:people]


def read_motions(method: OnnxMethod, clip: Path, seconds: float) -> tuple[list[np.ndarray], Image | None]:
    """Every frame's motion vector, estimated as `reenact encode` does, and the first crop."""
    with VideoReader(clip, pixels="stored") as reader:
        frames = itertools.islice(reader, round(seconds * float(reader.rate)))
        read = crops(((frame.time, frame.image) for frame in frames), method.landmarker, method.size)
        seen = (crop for _, crop in read if crop is not None)
        first = next(seen, None)
        rows = [] if first is None else [method.encode_motion(crop).vector() for crop in itertools.chain([first], seen)]
    return rows, first


def changes(clips: Sequence[np.ndarray]) -> Float64[np.ndarray, "frames n"]:
    """From frame to frame."""
    return np.concatenate([np.diff(clip.astype(np.float64), axis=0) for clip in clips])


def directions(moved: Float64[np.ndarray, "frames n"], length: int) -> Float64[np.ndarray, "k n"]:
    """What is measured: each pose number, and the expression's main directions of change; each one standard deviation long."""
    pose = np.eye(length)[:POSE] * moved.std(0)[:POSE, None]
    values, vectors = np.linalg.eigh(np.cov(moved[:, POSE:].T))
    main = np.argsort(values)[::-1][: min(DIRECTIONS, length - POSE)]
    code = (vectors[:, main] * np.sqrt(values[main])).T
    return np.concatenate([pose, np.pad(code, ((0, 0), (POSE, 0)))])


def responses(method: OnnxMethod, crop: Image, base: np.ndarray, along: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """For each direction: by how much landmarks [52] in px and pixels [FIELD^2 3] move, per length of the direction."""
    portrait = method.encode_crop(crop)

    def look(vector: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        picture = method.render(portrait, Motion.from_vector(vector))
        small = picture.reshape(FIELD, method.size // FIELD, FIELD, method.size // FIELD, 3).mean((1, 3))
        face = method.landmarker.track(picture, found[0])
        return (face or found[0]).landmarks[FEATURES, :2].ravel().astype(np.float64), small.ravel()

    found = method.landmarker.detect(method.render(portrait, Motion.from_vector(base)))
    for step in along if found else []:
        (ahead, ahead_picture), (behind, behind_picture) = look(base + 2 * step), look(base - 2 * step)
        yield (ahead - behind) / 4, (ahead_picture - behind_picture) / 4


def cost(method: OnnxMethod, crops_and_motions: Sequence[tuple[Image, np.ndarray]], along: np.ndarray) -> np.ndarray:
    """[k k] what changes along the directions cost: mean squared landmark shift in px^2, half of it measured by pixels."""
    shift, light = np.zeros((len(along), len(along))), np.zeros((len(along), len(along)))
    for crop, base in crops_and_motions:
        found = list(responses(method, crop, base, along))
        if found:
            points, pixels = (np.stack(column) for column in zip(*found, strict=True))
            shift += points @ points.T / (points.shape[1] / 2)
            light += pixels @ pixels.T
    light *= np.trace(shift) / max(np.trace(light), 1e-12)
    return (shift + light) / 2 / len(crops_and_motions)


def fit(name: str, clips: Sequence[np.ndarray], along: np.ndarray, price: np.ndarray) -> Profile:
    """Basis and steps. The basis makes the expression's changes uncorrelated and its errors cost alike."""
    length = clips[0].shape[1]
    moved = changes(clips)
    code = along[POSE:, POSE:]
    back = np.linalg.pinv(code)  # code numbers -> lengths of the measured directions
    metric = back @ price[POSE:, POSE:] @ back.T
    metric += np.eye(length - POSE) * FLOOR * np.trace(metric) / len(code)
    lower = np.linalg.cholesky(metric)
    values, vectors = np.linalg.eigh(lower.T @ np.cov(moved[:, POSE:].T) @ lower)
    turn = vectors[:, np.argsort(values)[::-1]]
    basis = np.eye(length)
    basis[POSE:, POSE:] = np.linalg.inv(lower.T) @ turn
    priced = np.sqrt(price.diagonal()[:POSE])
    # What never moves, or moves nothing (the baseline has no scale), costs nothing at any step.
    pose_steps = np.divide(FINEST_STEP * along[:POSE, :POSE].diagonal(), priced, out=np.ones(POSE), where=priced > 0)
    steps = np.concatenate([pose_steps, np.full(length - POSE, EXPRESSION_STEP * FINEST_STEP)])
    mean = np.mean([clip.mean(0) for clip in clips], 0)
    return replace(plain_profile(name, length - POSE), mean=mean.astype(np.float64), steps=steps, basis=basis)


def with_start(profile: Profile, clips: Sequence[np.ndarray]) -> Profile:
    """The same with starting probabilities: how often each context gave 0 when the clips were coded, at each class's middle."""
    tables = []
    for part in range(CLASSES):
        quality = (2 * part + 1) * QUALITIES // (2 * CLASSES)
        tables.append(_table(profile, clips, quality))
    return replace(profile, start=tuple(tables))


class CountingWriter(BitWriter):
    """Writes as usual, and counts what each context gave."""

    def __init__(self, counts: Float64[np.ndarray, "context 2"]) -> None:
        super().__init__()
        self._counts = counts

    def bit(self, states: list[int], at: int, bit: int) -> int:
        self._counts[at, bit] += 1
        return super().bit(states, at, bit)


def _table(profile: Profile, clips: Sequence[np.ndarray], quality: int) -> bytes:
    """Files and streams in equal parts: with frames left out and with every frame."""
    counts = np.full((context_count(profile.length), 2), PRIOR)
    for clip, longest_gap in itertools.product(clips, (4, 1)):
        motions = [Motion.from_vector(row) for row in clip]
        encode_clip(
            profile,
            0,
            motions,
            quality=quality,
            key_interval=KEY_INTERVAL,
            longest_gap=longest_gap,
            coder=lambda: CountingWriter(counts),
        )
    share = counts[:, 0] / counts.sum(1)
    return bytes(int(value) for value in np.clip(np.floor(256 * share), 1, 254))


def gather(method: OnnxMethod, paths: Sequence[Path], seconds: float) -> Iterator[tuple[np.ndarray, Image]]:
    """Motions [frames n] and first crop of each clip with a face in 20 frames or more."""
    for path in paths:
        rows, crop = read_motions(method, path, seconds)
        if crop is not None and len(rows) >= 20:
            yield np.array(rows, np.float32), crop


def make(method: OnnxMethod, found: Sequence[tuple[np.ndarray, Image]], looked_at: int) -> Profile:
    """The profile from clips' motions and first crops. looked_at: on how many people the cost of changes is measured."""
    clips = [rows for rows, _ in found]
    along = directions(changes(clips), clips[0].shape[1])
    some = [(crop, rows[len(rows) // 2]) for rows, crop in found[:: max(1, len(found) // looked_at)]]
    return with_start(fit(method.name, clips, along, cost(method, some, along)), clips)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("clips", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--people", type=int, default=110)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--looked-at", type=int, default=16, help="people on whom the cost of changes is measured")
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    method = OnnxMethod(given.weights, "cpu", given.threads)
    found = list(gather(method, clip_names(given.clips, given.people), given.seconds))
    profile = make(method, found, given.looked_at)
    command = (
        f"python -m reenact.calibrate.codec_profile clips/train weights/{method.name} --people {len(found)}"
        f" --seconds {given.seconds:g}"
    )
    digest = hashlib.sha256((given.weights / "motion.onnx").read_bytes()).hexdigest()
    data = {**profile.as_json(), "motion_sha256": digest, "command": command}
    text = json.dumps(data, separators=(",", ":")).replace("],[", "],\n[") + "\n"
    with replaced(given.weights / "codec.json") as part:
        part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
