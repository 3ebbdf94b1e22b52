"""Self-reenactment: frame 0 of a clip is the source, every n-th frame after it drives and is the truth.

    clip --PyAV--> frame --starters--> pictures --metrics, reader--> figures of the frame --> mean of the clip, of the set

Streams: one frame is held at a time. Frame 0 itself is not scored, since every contender has it for nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.evaluate import metrics
from reenact.evaluate.floors import Driver, Starter
from reenact.evaluate.lpips import Net, Perceptual
from reenact.evaluate.readings import FaceReader, Reading, compare
from reenact.media.video import VideoReader

SUFFIXES = (".mp4", ".mov", ".mkv", ".webm")


@dataclass
class Tally:
    """Sums over frames. A figure that a frame cannot have (no face) is not summed, but the frame is counted."""

    frames: int = 0
    target_faces: int = 0
    """frames whose truth has a face: only these can have face figures"""
    found_faces: int = 0
    """of these, the ones where the generated frame has one too"""
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, figures: Mapping[str, float]) -> None:
        """One frame's figures (or some of them)."""
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def merge(self, other: Tally) -> None:
        """All of another clip's frames."""
        self.frames += other.frames
        self.target_faces += other.target_faces
        self.found_faces += other.found_faces
        for name, value in other.sums.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + other.counts[name]

    def report(self) -> dict[str, float | int | None]:
        """Means over the frames that have the figure, the detection rate, and the counts behind them."""
        rate = self.found_faces / self.target_faces if self.target_faces else None
        means = {name: round(total / self.counts[name], 5) for name, total in self.sums.items()}
        counts = {"frames": self.frames, "target_faces": self.target_faces, "found_faces": self.found_faces}
        return {**means, "detection_rate": None if rate is None else round(rate, 5), **counts}


@dataclass(frozen=True)
class SelfResult:
    """What `run_self` found."""

    clips: dict[str, dict[str, Tally]]
    """clip's file name -> contender's name -> its figures"""
    frames_per_second: float
    """scored frames (of every contender) a second of the whole run, the source's reading among it"""

    def mean(self) -> dict[str, Tally]:
        """Over all frames of all clips, contender by contender."""
        out: dict[str, Tally] = {}
        for contenders in self.clips.values():
            for name, tally in contenders.items():
                out.setdefault(name, Tally()).merge(tally)
        return out


class Scorer:
    """The networks of the figures, loaded once."""

    def __init__(self, nets: tuple[Net, ...] = ("alex",), threads: int = 0) -> None:
        """nets: of LPIPS; threads: 0 is automatic. Raises ReenactError when a network is not to be had."""
        self.reader = FaceReader(threads)
        self._lpips = {f"lpips_{net}": Perceptual(net, threads) for net in nets}

    def score(
        self,
        pictures: Mapping[str, Image],
        target: Image,
        reading: Reading | None,
        source: Reading | None,
        tallies: dict[str, Tally],
    ) -> None:
        """Adds one frame's figures of each contender to its tally. reading, source: of the target and of frame 0."""
        truth = target.astype(np.float32) / 255.0
        distances = {name: net.distances(list(pictures.values()), target) for name, net in self._lpips.items()}
        for i, (name, image) in enumerate(pictures.items()):
            tally, picture = tallies[name], image.astype(np.float32) / 255.0
            tally.frames += 1
            tally.add({metric.__name__: metric(picture, truth) for metric in (metrics.l1, metrics.psnr, metrics.ssim)})
            tally.add({net: values[i] for net, values in distances.items()})
            if reading is None:
                continue
            tally.target_faces += 1
            found = self.reader.read(image)
            if found is not None:
                tally.found_faces += 1
                tally.add(compare(found, reading, source, target.shape[0]))


def find_clips(folder: Path) -> list[Path]:
    """The videos of a folder, by name. Raises ReenactError where there are none."""
    clips = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in SUFFIXES)
    if not clips:
        raise ReenactError(f"{folder}: no video in this folder; give one with {', '.join(SUFFIXES)} files")
    return clips


def run_self(
    clips: list[Path],
    starters: Mapping[str, Starter],
    scorer: Scorer,
    every: int,
    progress: Callable[[str], None] = lambda line: None,
) -> SelfResult:
    """Self-reenactment of each clip by each contender. progress: is told a line after each clip.

    Raises ReenactError for a clip that cannot be read, has another size than square, or has no frame to score.
    """
    if every < 1:
        raise ReenactError(f"--every {every}: must be 1 or more")
    out: dict[str, dict[str, Tally]] = {}
    began, scored = time.perf_counter(), 0
    for clip in clips:
        out[clip.name] = run_clip(clip, starters, scorer, every)
        scored += sum(tally.frames for tally in out[clip.name].values())
        progress(f"{clip.name}: {len(out)} of {len(clips)} clips, {scored / (time.perf_counter() - began):.1f} frames/s")
    return SelfResult(out, scored / (time.perf_counter() - began))


def run_clip(clip: Path, starters: Mapping[str, Starter], scorer: Scorer, every: int) -> dict[str, Tally]:
    """One clip: contender's name -> its figures. Raises ReenactError as `run_self`."""
    tallies = {name: Tally() for name in starters}
    drivers: dict[str, Driver] = {}
    source: Reading | None = None

    def score(frame: Image) -> None:
        reading = scorer.reader.read(frame)
        pictures = {name: drive(frame, reading) for name, drive in drivers.items()}
        scorer.score(pictures, frame, reading, source, tallies)

    index, frame = -1, None
    for index, frame in enumerate(_frames(clip)):
        if index == 0:
            source = scorer.reader.read(frame)
            drivers = {name: start(frame, source) for name, start in starters.items()}
        elif index % every == 0:
            score(frame)
    if frame is None or index == 0:
        raise ReenactError(f"{clip}: no frame to score beside the source: give clips of two frames or more")
    if index < every:
        score(frame)  # a clip shorter than the interval is scored at its end
    return tallies


def _frames(clip: Path) -> Iterator[Image]:
    with VideoReader(clip) as video:
        if video.width != video.height:
            raise ReenactError(f"{clip}: a square head crop is wanted, not {video.width} x {video.height}; crop it first")
        for frame in video:
            yield frame.image
