"""Sums over frames: what a clip's figures are while they are counted, merged and kept between runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

RATIOS = {
    "jitter_ratio": ("jitter", "jitter_driver"),
    **{f"slope_{kind}": (f"slope_{kind}_cov", f"slope_{kind}_var") for kind in ("mouth", "brows", "lids")},
}
"""figure -> the two sums whose quotient it is"""


@dataclass
class Tally:
    """Sums over frames. A figure that a frame cannot have (no face) is not summed, but the frame is counted."""

    frames: int = 0
    target_faces: int = 0
    """frames whose truth (or driver) has a face: only these can have face figures"""
    found_faces: int = 0
    """of these, the ones where the generated frame has one too"""
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, figures: Mapping[str, float | None]) -> None:
        """One frame's figures (or some of them); None is none."""
        for name, value in figures.items():
            if value is not None:
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
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
        """Means over the frames that have the figure, the detection rate, the jitter ratio, and the counts behind them."""
        rate = self.found_faces / self.target_faces if self.target_faces else None
        means = {name: round(total / self.counts[name], 5) for name, total in self.sums.items() if not name.startswith("slope_")}
        for name, (upper, lower) in RATIOS.items():
            if upper in self.sums and self.sums.get(lower):
                means[name] = round(self.sums[upper] / self.sums[lower], 5)
        counts = {"frames": self.frames, "target_faces": self.target_faces, "found_faces": self.found_faces}
        return {**means, "detection_rate": None if rate is None else round(rate, 5), **counts}

    def as_dict(self) -> dict[str, Any]:
        """Everything, for a JSON file."""
        return asdict(self)

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> Tally:
        """The inverse of `as_dict`."""
        return Tally(**values)
