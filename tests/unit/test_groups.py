"""Means over groups, whatever their names and the shape of their rows."""

import numpy as np
import pytest

from reenact.core.groups import group_means, off_the_mean


@pytest.mark.parametrize("shape", [(), (3,), (2, 3)])
def test_means_are_of_the_group(shape: tuple[int, ...]):
    rows = np.random.default_rng(0).random((7, *shape)).astype(np.float32)
    names = np.array(["b", "a", "b", "c", "a", "b", "c"])
    means = group_means(rows, names)
    assert np.allclose(means, [rows[names == name].mean(0) for name in "abc"]) and means.dtype == np.float64
    assert np.allclose(off_the_mean(rows, names), rows - means[[1, 0, 1, 2, 0, 1, 2]])
    assert np.abs(group_means(off_the_mean(rows, names), names)).max() < 1e-7
