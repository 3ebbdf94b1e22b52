"""Means over the rows of each group, as over each person's frames."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from reenact.core.shapes import Float, Float64, Shaped


def group_means(
    rows: Float[np.ndarray, " n *shape"], group: Shaped[np.ndarray, " n"] | Sequence[str]
) -> Float64[np.ndarray, " g *shape"]:
    """Each group's mean, in the order of np.unique(group). Groups may have any names."""
    _, number = np.unique(group, return_inverse=True)
    order = np.argsort(number, kind="stable")
    starts = np.searchsorted(number[order], np.arange(number.max() + 1))
    sums = np.add.reduceat(np.asarray(rows, np.float64)[order], starts, 0)
    return sums / np.bincount(number).reshape(-1, *[1] * (np.ndim(rows) - 1))


def off_the_mean(
    rows: Float[np.ndarray, " n *shape"], group: Shaped[np.ndarray, " n"] | Sequence[str]
) -> Float64[np.ndarray, " n *shape"]:
    """Each row less its group's mean."""
    _, number = np.unique(group, return_inverse=True)
    return rows - group_means(rows, group)[number]
