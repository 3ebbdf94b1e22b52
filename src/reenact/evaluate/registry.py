"""How figures are registered and measured; which there are stands in figures.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import Bool

from reenact.evaluate import metrics, steadiness
from reenact.evaluate.metrics import Picture

if TYPE_CHECKING:
    from reenact.evaluate.readings import Reading

Better = Literal["lower", "higher", "one"]
"""one: best where it is nearest to 1"""
Table = Literal["picture", "motion"]
TRUTH = "truth"
"""the true video as a row of its own; the runner gives it the truth's frames"""
SUMMED = ("clip", "set")
"""needs of figures that frames alone do not have: a whole clip (runner.py, tally.py), the frames of all clips (command.py)"""


@dataclass(frozen=True)
class Metric:
    """One figure."""

    key: str
    """in the JSON"""
    label: str
    """of its column"""
    form: str
    """how a value is written"""
    means: str
    better: Better
    needs: tuple[str, ...]
    of: Callable[..., float | None] | None
    """None of what `SUMMED` names"""
    unit: str = ""
    table: Table = "picture"
    """of the page: the picture and who it is, or motion and expression"""
    taught: str = ""
    """what it has been to our own training: a loss, or a teacher's network. Empty for one that trained nothing: a headline"""
    baselines_win: bool = False
    """the still portrait wins by construction: no method is marked for losing to a trivial baseline in it"""

    @property
    def text(self) -> str:
        """What it means, for people."""
        return self.means if self.better == "one" else f"{self.means}; {self.better} is better"


@dataclass
class Frame:
    """What one system drew of one frame, and everything that it is compared with. None is what there is not."""

    side: int
    """of all pictures, px"""
    picture: Picture | None = None
    truth: Picture | None = None
    source: Picture | None = None
    found: Reading | None = None
    """the output's face, where there is one to be compared with"""
    wanted: Reading | None = None
    """the truth's, or the driver's"""
    person: Reading | None = None
    """`wanted`, where it is the same person"""
    portrait: Reading | None = None
    """the source's"""
    lpips: Mapping[str, float] = field(default_factory=dict)
    """net -> distance to the truth, measured for all systems at once"""
    dists: float | None = None
    """likewise"""
    meshes: tuple[np.ndarray, ...] = ()
    """[n,2+] px: heads that are no background"""

    @cached_property
    def ssims(self) -> tuple[float, float] | None:
        """SSIM and MS-SSIM, which share their windows."""
        if self.picture is None or self.truth is None:
            return None
        return metrics.ssim_and_ms_ssim(self.picture, self.truth)

    @cached_property
    def background(self) -> Bool[np.ndarray, "side side"] | None:
        """Where neither heads nor shoulders are."""
        return None if self.picture is None else steadiness.background_mask(self.side, *self.meshes)


METRICS: dict[str, Metric] = {}
"""by key, in the order of the columns"""


def headlines(keys: Iterable[str]) -> tuple[list[str], list[str]]:
    """Of these keys, in their order, those that trained nothing, and the others."""
    keys = list(keys)
    return [key for key in keys if not METRICS[key].taught], [key for key in keys if METRICS[key].taught]


def metric(
    key: str, label: str, form: str, means: str, *, better: Better, needs: str, **more: Any
) -> Callable[[Callable[..., float | None] | None], Callable[..., float | None] | None]:
    """Registers a function as a figure. needs: names of `Frame`, as in "found.landmarks person.landmarks side"; more: further
    fields of Metric. Raises ValueError for a key that is taken."""

    def register(of: Callable[..., float | None] | None) -> Callable[..., float | None] | None:
        if key in METRICS:
            raise ValueError(f"there is a metric {key!r} already")
        METRICS[key] = Metric(key, label, form, means, better, tuple(needs.split()), of, **more)
        return of

    return register


def measured(frame: Frame) -> dict[str, float]:
    """Every figure that this frame can have."""
    out = {}
    for key, one in METRICS.items():
        if one.of is None:
            continue
        given = [_named(frame, name) for name in one.needs]
        value = None if any(part is None for part in given) else one.of(*given)
        if value is not None:
            out[key] = float(value)
    return out


def _named(frame: Frame, name: str) -> Any:
    """An attribute of an attribute of the frame, or an entry of a mapping; None where anything on the way is not there."""
    value: Any = frame
    for part in name.split("."):
        if value is None:
            return None
        value = value.get(part) if isinstance(value, Mapping) else getattr(value, part)
    return value
