"""How far two sets of pictures are apart, from features of one network: FID and KID. Pure NumPy."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

FID_MIN = 2


def fid(features: Float[np.ndarray, "n d"], target: Float[np.ndarray, "m d"]) -> float:
    """Frechet distance of two Gaussians fitted to the features, 0 for equal sets (Heusel et al. 2017).

    |mean difference|^2 + trace(S1 + S2 - 2 (S1 S2)^(1/2)). With A, B the centred features over the root of their count less
    one, S1 = A^T A and S2 = B^T B, so trace (S1 S2)^(1/2) is the sum of the singular values of A B^T: exact also with fewer
    pictures than dimensions, where the usual matrix root is not stable. Biased upwards with few pictures: state the count.
    Raises ValueError below two pictures a set.
    """
    a, b = _checked(features, target)
    apart = a.mean(0) - b.mean(0)
    a, b = (_reduced((x - x.mean(0)) / np.sqrt(len(x) - 1)) for x in (a, b))
    shared = float(np.linalg.svd(a @ b.T, compute_uv=False).sum())
    return max(0.0, float(apart @ apart + np.square(a).sum() + np.square(b).sum() - 2 * shared))


def kid(features: Float[np.ndarray, "n d"], target: Float[np.ndarray, "m d"]) -> float:
    """Unbiased squared maximum mean discrepancy with the kernel (x y / d + 1)^3 (Binkowski et al. 2018), over the whole sets.

    About 0 for sets of one distribution, also with few pictures; may be slightly negative. Raises ValueError as `fid`.
    """
    a, b = _checked(features, target)

    def kernel(x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return (x @ y.T / x.shape[1] + 1) ** 3

    within_a, within_b, across = kernel(a, a), kernel(b, b), kernel(a, b)
    n, m = len(a), len(b)
    own_a = (within_a.sum() - np.trace(within_a)) / (n * (n - 1))
    own_b = (within_b.sum() - np.trace(within_b)) / (m * (m - 1))
    return float(own_a + own_b - 2 * across.mean())


def _reduced(x: Float[np.ndarray, "n d"]) -> Float[np.ndarray, "k d"]:
    """At most d rows with the same x^T x."""
    return np.linalg.qr(x, mode="r") if len(x) > x.shape[1] else x


def _checked(features: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if features.ndim != 2 or target.ndim != 2 or features.shape[1] != target.shape[1]:
        raise ValueError(f"features of one width are wanted, not {features.shape} and {target.shape}")
    if min(len(features), len(target)) < FID_MIN:
        raise ValueError(f"{FID_MIN} pictures a set or more are wanted")
    return np.asarray(features, np.float64), np.asarray(target, np.float64)
