"""`reenact data report`: what is in a data set. The figures here, the pictures in data/pictures.py."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32

from reenact.data.reader import Shards
from reenact.data.shards import ClipInfo
from reenact.faces.blendshapes import BLENDSHAPE_NAMES

TURNED = 30.0
"""ours: degrees of yaw from which a pose counts as large: a third of a profile"""


@dataclass(frozen=True)
class Contents:
    """The whole set, read from the indexes and the truth; no picture is decoded."""

    folder: Path
    clips: list[ClipInfo]
    pose: Float32[np.ndarray, "n 3"]
    """yaw, pitch, roll of every frame, degrees"""
    blendshapes: Float32[np.ndarray, "n 52"]
    gib: float
    """of all shards"""

    @property
    def minutes_of(self) -> dict[str, float]:
        """Person -> minutes, most first; a photo counts nothing."""
        return total(self.clips, lambda clip: clip.identity)


def read_contents(folder: Path) -> Contents:
    """Raises ReenactError where there are no shards."""
    shards = Shards(folder)
    pose, blendshapes = [], []
    for key in shards.keys:
        truth = shards.truth(key)
        pose.append(np.degrees(truth["head_pose"]))
        blendshapes.append(truth["blendshapes"])
    size = sum(path.stat().st_size for path in shards.files) / (1 << 30)
    clips = [shards.info(key) for key in shards.keys]
    return Contents(folder, clips, np.concatenate(pose), np.concatenate(blendshapes), size)


def total(clips: Iterable[ClipInfo], group: Callable[[ClipInfo], str]) -> dict[str, float]:
    """Minutes of each group, most first."""
    sums: dict[str, float] = defaultdict(float)
    for clip in clips:
        sums[group(clip)] += clip.seconds / 60
    return dict(sorted(sums.items(), key=lambda item: -item[1]))


def table(contents: Contents) -> str:
    """The set as text: a line for each split and tier, then what it shows."""
    clips = contents.clips
    lines = [f"{'':15} {'clips':>7} {'people':>7} {'minutes':>8} {'frames':>8}"]
    lines += _group(clips, "split", lambda clip: clip.split)
    lines += _group(clips, "tier", lambda clip: clip.tier)
    lines.append(_line("all", clips))
    yaw, pitch, _ = np.abs(contents.pose).T
    most = list(contents.minutes_of.items())[:3]
    minutes = max(sum(contents.minutes_of.values()), 1e-9)
    shares = ", ".join(f"{name} {100 * value / minutes:.0f} %" for name, value in most)
    active = (contents.blendshapes > 0.3).mean(0)
    rare = [BLENDSHAPE_NAMES[i] for i in np.argsort(active) if i][:5]
    lines += [
        "",
        f"{'on disk':18} {contents.gib:.2f} GiB, {_sizes(clips)}",
        f"{'most of it':18} {shares}",
        f"{'head pose':18} yaw beyond {TURNED:g} degrees in {100 * (yaw > TURNED).mean():.1f} % of frames, "
        f"pitch beyond {TURNED / 2:g} in {100 * (pitch > TURNED / 2).mean():.1f} %",
        f"{'mouth open':18} jawOpen above 0.3 in {100 * active[BLENDSHAPE_NAMES.index('jawOpen')]:.1f} % of frames",
        f"{'eyes shut':18} eyeBlinkLeft above 0.5 in {100 * _share(contents, 'eyeBlinkLeft', 0.5):.1f} %",
        f"{'hardly ever':18} {', '.join(rare)}",
    ]
    for name, unit in (("sharpness", ""), ("face_px", " px"), ("turn_speed", " degrees/s")):
        values = [clip.figures[name] for clip in clips if name in clip.figures and clip.frames > 1]
        if values:
            low, middle, high = np.percentile(values, [10, 50, 90])
            lines.append(f"{name:18} {middle:.1f}{unit} (one clip in ten below {low:.1f}, one above {high:.1f})")
    return "\n".join(lines)


def figures(contents: Contents) -> dict[str, Any]:
    """The same for a program, and for a repository: it names nobody."""
    clips, minutes = contents.clips, np.array(list(contents.minutes_of.values()))
    moving = minutes[minutes > 0]
    ranks = (1, 5, 25, 50, 75, 95, 99)
    angles = {name: np.percentile(column, ranks) for name, column in zip(("yaw", "pitch", "roll"), contents.pose.T, strict=True)}
    strongest = np.percentile(contents.blendshapes, 99, axis=0)
    return {
        **{f"by_{name}": _counts(clips, name) for name in ("split", "tier")},
        "sources": len({clip.source for clip in clips}),
        "gib": round(contents.gib, 3),
        "people_moving": len(moving),
        "share_of_the_three_most_seen": round(float(moving[:3].sum() / max(moving.sum(), 1e-9)), 3),
        "pose_degrees": {"percentiles": ranks, **{name: values.round(1).tolist() for name, values in angles.items()}},
        "yaw_beyond_30": round(float((np.abs(contents.pose[:, 0]) > TURNED).mean()), 4),
        "blendshapes_mean": dict(zip(BLENDSHAPE_NAMES, contents.blendshapes.mean(0).round(3).tolist(), strict=True)),
        "blendshapes_99th": dict(zip(BLENDSHAPE_NAMES, strongest.round(3).tolist(), strict=True)),
    }


def _counts(clips: list[ClipInfo], name: str) -> dict[str, dict[str, float]]:
    """Clips, people, minutes and frames of each split or tier."""
    groups: dict[str, list[ClipInfo]] = defaultdict(list)
    for clip in clips:
        groups[getattr(clip, name) or "-"].append(clip)
    return {
        group: {
            "clips": len(some),
            "people": len({clip.identity for clip in some}),
            "minutes": round(sum(clip.seconds for clip in some) / 60, 2),
            "frames": sum(clip.frames for clip in some),
        }
        for group, some in sorted(groups.items())
    }


def _share(contents: Contents, name: str, level: float) -> float:
    return float((contents.blendshapes[:, BLENDSHAPE_NAMES.index(name)] > level).mean())


def _group(clips: list[ClipInfo], title: str, of: Callable[[ClipInfo], str]) -> list[str]:
    return [
        _line(f"{title} {name}", [clip for clip in clips if of(clip) == name]) for name in sorted({of(clip) for clip in clips})
    ]


def _line(name: str, clips: list[ClipInfo]) -> str:
    people, minutes = len({clip.identity for clip in clips}), sum(clip.seconds for clip in clips) / 60
    return f"{name:15} {len(clips):>7} {people:>7} {minutes:>8.1f} {sum(clip.frames for clip in clips):>8}"


def _sizes(clips: list[ClipInfo]) -> str:
    return ", ".join(f"{count} clips at {size}x{size}" for size, count in sorted(Counter(clip.size for clip in clips).items()))
