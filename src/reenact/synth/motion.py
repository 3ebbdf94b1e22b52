"""How a head moves: invented (speech, blinks, gaze, turns), or another face's coefficients over time.

Motion number k of the world `seed` is the same on every identity. All figures without a source are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64
from scipy.ndimage import gaussian_filter1d

from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.synth.posing import Pose

RATE = 25
"""steps a second in which motion is invented"""
LARGEST_TURN = np.radians([35.0, 25.0, 20.0])
"""yaw, pitch, roll"""
USUAL_TURN = np.radians([17.0, 8.0, 6.0])
"""standard deviation within a clip"""
LARGEST_GAZE = (0.6, 0.45)
"""radians at a coefficient of 1: yaw (In, Out), pitch (Up, Down)"""
VISEMES: dict[str, dict[str, float]] = {
    "P": {"mouthPress": 0.5, "mouthRollLower": 0.3, "mouthRollUpper": 0.3},
    "F": {"mouthRollLower": 0.5, "mouthUpperUp": 0.25, "jawOpen": 0.06},
    "D": {"jawOpen": 0.14, "mouthStretch": 0.15, "mouthLowerDown": 0.25},
    "K": {"jawOpen": 0.2, "mouthShrugUpper": 0.1},
    "S": {"jawOpen": 0.05, "mouthStretch": 0.35, "mouthUpperUp": 0.2, "mouthLowerDown": 0.35},
    "CH": {"mouthFunnel": 0.5, "jawOpen": 0.1},
    "R": {"mouthFunnel": 0.3, "mouthPucker": 0.25, "jawOpen": 0.12},
    "a": {"jawOpen": 0.55, "mouthLowerDown": 0.15},
    "e": {"jawOpen": 0.28, "mouthStretch": 0.35, "mouthUpperUp": 0.15},
    "i": {"jawOpen": 0.18, "mouthSmile": 0.25, "mouthLowerDown": 0.2},
    "o": {"jawOpen": 0.38, "mouthFunnel": 0.45},
    "u": {"jawOpen": 0.15, "mouthPucker": 0.75, "mouthFunnel": 0.25},
}
"""mouth shapes of speech; a name without a side stands for both"""
VOWELS = tuple(name for name in VISEMES if name.islower())
CONSONANTS = tuple(name for name in VISEMES if not name.islower())
MOODS: dict[str, dict[str, float]] = {
    "calm": {},
    "happy": {"mouthSmile": 0.65, "cheekSquint": 0.5, "eyeSquint": 0.3},
    "sad": {"browInnerUp": 0.8, "mouthFrown": 0.6, "mouthShrugLower": 0.3},
    "angry": {"browDown": 0.9, "noseSneer": 0.4, "eyeSquint": 0.4},
    "surprised": {"browInnerUp": 0.8, "browOuterUp": 0.8, "eyeWide": 0.7},
    "disgusted": {"noseSneer": 0.8, "mouthUpperUp": 0.4, "browDown": 0.4},
}
RESTLESS = ("brow", "cheek", "noseSneer", "mouthDimple", "mouthLeft", "mouthRight", "jawLeft", "jawRight", "jawForward")
BLINK = (0.3, 0.9, 1.0, 0.85, 0.45, 0.15)
"""closure of the lids in steps of 1/25 s"""


@dataclass(frozen=True)
class Motion:
    """A clip's poses at a constant rate."""

    blendshapes: Float32[np.ndarray, "frames 52"]
    head_pose: Float32[np.ndarray, "frames 3"]
    gaze: Float32[np.ndarray, "frames 2"]
    offset: Float32[np.ndarray, "frames 3"]

    def __len__(self) -> int:
        return len(self.blendshapes)

    def pose(self, frame: int) -> Pose:
        return Pose(self.blendshapes[frame], self.head_pose[frame], self.gaze[frame], self.offset[frame])


def draw_motion(seed: int, number: int, frames: int, rate: Fraction, takes: Sequence[Path] = ()) -> Motion:
    """Motion `number`: every second one follows a take (a file of `read_take`), if there are any; the others are invented.

    Raises ReenactError when a take cannot be read.
    """
    random = np.random.default_rng([seed, number, 1])
    steps = int(np.ceil(frames * RATE / rate)) + 1
    head_pose = _turns(random, steps)
    if takes and number % 2 == 1:
        values, own_pose = read_take(takes[number // 2 % len(takes)], steps, random)
        head_pose = head_pose if own_pose is None else own_pose
    else:
        values = _speech(random, steps) + _mood(random, steps)
        values = np.clip(values + _restless(random, steps), 0, 1)
        values[:, _index("eyeBlink")] = _blinks(random, steps)[:, None]
        _set_gaze(values, _looks(random, steps, head_pose))
    times = np.arange(frames) * float(RATE / rate)
    offset = np.stack([_wander(random, steps, sd, 30, 4) for sd in (0.12, 0.09, 0.25)], 1)
    values, head_pose, offset = (_at(times, table) for table in (values, head_pose, offset))
    return Motion(values, head_pose, _gaze_of(values), offset)


def one_at_a_time(values: Sequence[float]) -> Motion:
    """A head at rest, then each of BLENDSHAPE_NAMES after the first at each of `values` (0..1), all others 0."""
    count = len(BLENDSHAPE_NAMES) - 1
    shapes = np.zeros((1 + count * len(values), 52), np.float32)
    shapes[np.arange(1, len(shapes)), np.repeat(np.arange(1, 1 + count), len(values))] = np.tile(values, count)
    none = np.zeros((len(shapes), 3), np.float32)
    return Motion(shapes, none, _gaze_of(shapes), none)


def read_take(path: Path, steps: int, random: np.random.Generator) -> tuple[Float64[np.ndarray, "steps 52"], np.ndarray | None]:
    """A stretch of an .npz of coefficients over time: `blendshapes` [T, 52] in 0..1 in the order of faces.blendshapes,
    `fps` (25 if absent) and perhaps `head_pose` [T, 3] (yaw, pitch, roll, radians). Takes that are too short go to and fro.

    Raises ReenactError when the file is something else.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            values, fps = np.asarray(file["blendshapes"], float), float(file["fps"]) if "fps" in file else 25.0
            pose = np.asarray(file["head_pose"], float) if "head_pose" in file else None
    except (OSError, ValueError, KeyError, TypeError, EOFError):
        raise ReenactError(f"{path}: not a file of coefficients; it must be an .npz with blendshapes [frames, 52]") from None
    good = values.ndim == 2 and values.shape[1] == 52 and len(values) > 1 and np.isfinite(values).all() and fps > 0
    if not good or (pose is not None and (pose.shape != (len(values), 3) or not np.isfinite(pose).all())):
        raise ReenactError(f"{path}: blendshapes must be [frames, 52] and head_pose [frames, 3], finite, two frames or more")
    length = (len(values) - 1) * RATE / fps
    start = random.uniform(0, max(0.0, length - steps))
    times = (start + np.arange(steps)) * fps / RATE
    span = len(values) - 1
    times = span - np.abs(times % (2 * span) - span)
    values = np.clip(_at(times, values), 0, 1).astype(float)
    values[:, BLENDSHAPE_NAMES.index("_neutral")] = 0
    return values, None if pose is None else _at(times, np.clip(pose, -LARGEST_TURN, LARGEST_TURN)).astype(float)


def _at(times: np.ndarray, table: np.ndarray) -> Float32[np.ndarray, "times columns"]:
    """The table's rows at fractional times."""
    times = np.clip(times, 0, len(table) - 1)
    low = np.minimum(times.astype(int), len(table) - 2)
    share = (times - low)[:, None]
    return (table[low] * (1 - share) + table[low + 1] * share).astype(np.float32)


def _index(name: str) -> list[int]:
    """The coefficients of a name; without a side, those of both."""
    names = [name] if name in BLENDSHAPE_NAMES else [f"{name}Left", f"{name}Right"]
    return [BLENDSHAPE_NAMES.index(each) for each in names]


def _wander(random: np.random.Generator, steps: int, spread: float, memory: float, smooth: float) -> np.ndarray:
    """A smooth random walk that returns (Ornstein-Uhlenbeck): standard deviation `spread`, memory in steps."""
    keep, value, out = np.exp(-1 / memory), random.normal(), np.empty(steps)
    for step in range(steps):
        value = keep * value + np.sqrt(1 - keep**2) * random.normal()
        out[step] = value
    return gaussian_filter1d(out, smooth) * spread


def _turns(random: np.random.Generator, steps: int) -> np.ndarray:
    """yaw, pitch, roll around the clip's own mean, bent so that they never exceed LARGEST_TURN."""
    lively = random.uniform(0.4, 1.3)
    mean = random.normal(0, [0.15, 0.05, 0.04])
    turns = np.stack([_wander(random, steps, sd * lively, 26, 3) for sd in USUAL_TURN], 1) + mean
    return LARGEST_TURN * np.tanh(turns / LARGEST_TURN)


def _speech(random: np.random.Generator, steps: int) -> np.ndarray:
    """Syllables of a consonant and a vowel with pauses; one clip in seven is silent."""
    out, at, loud = np.zeros((steps, 52)), random.uniform(0, 8), random.uniform(0.6, 1.3)
    silent = random.random() < 0.15
    while at < steps and not silent:
        if random.random() < 0.08:
            at += random.uniform(6, 18)
            continue
        for shape, length in (
            (random.choice(CONSONANTS), random.uniform(1.5, 3)),
            (random.choice(VOWELS), random.uniform(2.5, 5)),
        ):
            for name, weight in VISEMES[str(shape)].items():
                rows, value = slice(int(at), int(at + length + 1)), weight * loud * random.uniform(0.8, 1.2)
                for column in _index(name):
                    out[rows, column] = np.maximum(out[rows, column], value)
            at += length
    return gaussian_filter1d(out, 1.1, axis=0)


def _mood(random: np.random.Generator, steps: int) -> np.ndarray:
    """One expression that gives way to another."""
    out = np.zeros((steps, 52))
    late = gaussian_filter1d((np.arange(steps) > random.uniform(0.2, 0.8) * steps).astype(float), 6)
    for mood, share in zip(random.choice(list(MOODS), 2), (1 - late, late), strict=True):
        strength = random.uniform(0.1, 1.0)
        for name, weight in MOODS[str(mood)].items():
            out[:, _index(name)] += (share * strength * weight)[:, None]
    return out


def _restless(random: np.random.Generator, steps: int) -> np.ndarray:
    out = np.zeros((steps, 52))
    for column, name in enumerate(BLENDSHAPE_NAMES):
        if name.startswith(RESTLESS) and random.random() < 0.6:
            out[:, column] = np.abs(_wander(random, steps, 0.10, 12, 2))
    return out


def _blinks(random: np.random.Generator, steps: int) -> np.ndarray:
    out, at = np.zeros(steps + 2 * len(BLINK)), random.uniform(0, 60)
    while at < steps:
        rows = slice(int(at), int(at) + len(BLINK))
        out[rows] = np.maximum(out[rows], BLINK)
        at += random.exponential(70) + 12
    return out[:steps]


def _looks(random: np.random.Generator, steps: int, head_pose: np.ndarray) -> np.ndarray:
    """Gaze yaw, pitch in the head: jumps to new places, and half of the head's turn taken back."""
    out, at, place = np.zeros((steps, 2)), 0, np.zeros(2)
    while at < steps:
        length = int(random.exponential(25) + 5)
        out[at : at + length] = place
        at += length
        place = random.normal(0, [0.2, 0.12]) if random.random() < 0.6 else np.zeros(2)
    return np.clip(gaussian_filter1d(out, 0.6, axis=0) - head_pose[:, :2] * 0.5, -np.array(LARGEST_GAZE), LARGEST_GAZE)


def _set_gaze(values: np.ndarray, gaze: np.ndarray) -> None:
    """Writes the eight eyeLook coefficients that go with a gaze."""
    right, up = (gaze / LARGEST_GAZE).T
    for part, value in (("Up", up), ("Down", -up)):
        values[:, _index(f"eyeLook{part}")] = np.maximum(value, 0)[:, None]
    for name, value in (("OutLeft", right), ("InRight", right), ("InLeft", -right), ("OutRight", -right)):
        values[:, BLENDSHAPE_NAMES.index(f"eyeLook{name}")] = np.maximum(value, 0)


def _gaze_of(values: Float32[np.ndarray, "frames 52"]) -> Float32[np.ndarray, "frames 2"]:
    """The gaze that the eyeLook coefficients stand for, both eyes' mean: the person's left is the picture's right."""
    at = {name: values[:, BLENDSHAPE_NAMES.index(f"eyeLook{name}")] for name in ("OutLeft", "InRight", "InLeft", "OutRight")}
    yaw = (at["OutLeft"] + at["InRight"] - at["InLeft"] - at["OutRight"]) / 2
    up, down = (values[:, _index(f"eyeLook{part}")].mean(1) for part in ("Up", "Down"))
    return np.stack([yaw * LARGEST_GAZE[0], (up - down) * LARGEST_GAZE[1]], 1).astype(np.float32)
