"""What was measured of weights lies beside them as JSON, and says of which weights: one reader for all such files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from reenact.core.errors import WeightsError

Found = TypeVar("Found")


def read_measured(
    path: Path,
    weights: str,
    make: Callable[[Mapping[str, Any]], Found],
    what: str,
    remedy: str,
    unnamed: bool = False,
) -> Found:
    """What `make` makes of the file, which must have been measured on the weights of this fingerprint. unnamed: where either
    side's fingerprint is '', the file is taken.

    make: may raise ValueError, KeyError or TypeError for a file that says something else. Raises ReenactError, which names
    `what` is wanted and the `remedy`, for a file that is damaged or another one's.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
        found = make(held)
    except (OSError, ValueError, KeyError, TypeError):
        raise WeightsError(f"{path} holds no {what} of these weights; {remedy}") from None
    said = held.get("weights")
    if said != weights and not (unnamed and "" in (said, weights)):
        raise WeightsError(f"{path} was measured on other weights; {remedy}")
    return found


def require(good: bool) -> None:
    """Raises ValueError, for `make`."""
    if not good:
        raise ValueError
