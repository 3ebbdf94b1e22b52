"""How sure a mean is: bootstrap over driving clips. Frames of one clip are near copies of each other, and so are pairs that one
clip drives; driving clips are the random sample (rendered ones of one motion count as one).

They are drawn with replacement (Efron 1979), each with all the pairs that it drives, every figure's mean over frames is made
anew, `RESAMPLES` times with one seed; an interval lies between the 2.5th and the 97.5th percentile. All systems are resampled
alike, so their differences are paired: two methods differ where the interval of their difference leaves 0 out. FID and KID are
no sums over frames and have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float

from reenact.evaluate.figures import METRICS
from reenact.evaluate.tally import RATIOS, Tally

RESAMPLES = 2000
SEED = 0
PERCENTILES = (2.5, 97.5)
CLIPS_MIN = 3
"""ours: fewer drivers say nothing about others"""

Draws = dict[str, dict[str, Float[np.ndarray, " resamples"]]]
"""system -> figure -> its mean in each resample; NaN where no drawn driver has it"""


def by_driver(clips: Sequence[Mapping[str, Tally]], drivers: Sequence[str]) -> list[dict[str, Tally]]:
    """For each driver system -> tally of all that it drives. clips: the same of each pair; drivers: whose motion each has."""
    out: dict[str, dict[str, Tally]] = {}
    for clip, driver in zip(clips, drivers, strict=True):
        for name, tally in clip.items():
            out.setdefault(driver, {}).setdefault(name, Tally()).merge(tally)
    return list(out.values())


def resampled(clips: Sequence[Mapping[str, Tally]], resamples: int = RESAMPLES, seed: int = SEED) -> Draws:
    """clips: system -> tally, a driver each (`by_driver`). Empty below `CLIPS_MIN` clips."""
    if len(clips) < CLIPS_MIN:
        return {}
    drawn = np.random.default_rng(seed).multinomial(len(clips), np.full(len(clips), 1 / len(clips)), resamples).astype(float)
    names = list(dict.fromkeys(name for clip in clips for name in clip))
    return {name: _means([clip.get(name, Tally()) for clip in clips], drawn) for name in names}


def _means(tallies: Sequence[Tally], drawn: Float[np.ndarray, "resamples clips"]) -> dict[str, np.ndarray]:
    def total(of: str, key: str) -> np.ndarray:
        return drawn @ np.array([getattr(tally, of).get(key, 0.0) for tally in tallies], float)

    keys = {key for tally in tallies for key in tally.sums}
    out = {}
    with np.errstate(invalid="ignore", divide="ignore"):
        for key in METRICS:
            if key in RATIOS and RATIOS[key][0] in keys:
                out[key] = total("sums", RATIOS[key][0]) / total("sums", RATIOS[key][1])
            elif key in keys:
                out[key] = total("sums", key) / total("counts", key)
    return out


def intervals(draws: Draws) -> dict[str, dict[str, list[float]]]:
    """system -> figure -> [low, high], rounded as the means are."""
    return {
        name: {key: _bounds(values) for key, values in figures.items() if np.isfinite(values).any()}
        for name, figures in draws.items()
    }


def tied(draws: Draws, means: Mapping[str, Mapping[str, float | None]], names: Sequence[str]) -> dict[str, list[str]]:
    """figure -> of these systems the best (by `means`) and all that do not differ significantly from it, the best first."""
    out = {}
    for key, one in METRICS.items():
        had = [name for name in names if key in draws.get(name, {}) and means[name].get(key) is not None]
        if not had:
            continue
        cost = {name: _cost(draws[name][key], one.better) for name in had}
        order = sorted(had, key=lambda name: float(_cost(np.array(means[name][key], float), one.better)))
        best = order[0]
        same = [name for name in order[1:] if np.nanpercentile(cost[name] - cost[best], PERCENTILES[0]) <= 0]
        out[key] = [best, *same]
    return out


def _cost(values: np.ndarray, better: str) -> np.ndarray:
    """Less is better."""
    if better == "one":
        return np.abs(np.log(np.maximum(values, 1e-6)))
    return values if better == "lower" else -values


def _bounds(values: np.ndarray) -> list[float]:
    low, high = np.nanpercentile(values, PERCENTILES)
    return [round(float(low), 5), round(float(high), 5)]
