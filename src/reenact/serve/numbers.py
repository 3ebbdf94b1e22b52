"""Numbers as JSON brings them."""

from __future__ import annotations

import math
from typing import Any

from reenact.core.errors import ReenactError


def number(name: str, value: Any) -> float:
    """Raises ReenactError for what is none, is not finite or has more digits than a float can have."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass
    raise ReenactError(f"{name} must be a number, not {str(value)[:30]!r}")
