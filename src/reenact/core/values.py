"""What dataclasses that hold arrays need to be values: compared by their content, and said in one line."""

from __future__ import annotations

from dataclasses import fields
from numbers import Integral, Real
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError

SHOWN = 4
"""ours: numbers of a row that a line of `repr` shows"""


def same(one: Any, other: Any) -> bool:
    """Whether two objects of one dataclass hold the same, arrays by their numbers (NaN is NaN)."""
    return all(_same(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        numbers = all(isinstance(value, np.ndarray) and value.dtype.kind == "f" for value in (one, other))
        return (one is None) == (other is None) and np.array_equal(one, other, equal_nan=numbers)
    return bool(one == other)


def short(value: object) -> str:
    """A row of numbers as people read it; of a long one its length and how far from 0 it is."""
    if not isinstance(value, np.ndarray) or not np.issubdtype(value.dtype, np.number):
        return written(value)
    if value.size > SHOWN:
        return f"<{value.size} numbers, norm {np.linalg.norm(value):.3g}>"
    return str([round(float(number), 4) for number in value.ravel()])


def check_kind(name: str, value: object, *kinds: type) -> None:
    """Raises ReenactError where it is none of these classes. name: the parameter's."""
    if not isinstance(value, kinds):
        wanted = " or ".join(f"a reenact.{kind.__name__}" for kind in kinds)
        raise ReenactError(f"`{name}` must be {wanted}, not {written(value)}")


def check_number(name: str, value: Any) -> None:
    """Raises ReenactError for what is no finite number. name: the parameter's."""
    if not is_number(value) or not np.isfinite(float(value)):
        raise ReenactError(f"`{name}` must be a finite number, not {written(value)}")


def as_row(value: Any) -> np.ndarray | None:
    """A row of numbers in float32; None for what is none."""
    try:
        row = np.asarray(value, np.float32)
    except (TypeError, ValueError):
        return None
    return row if row.ndim == 1 else None


def is_number(value: object) -> bool:
    """Whether it is a real number of any type, NumPy's too: no text, no array, no bool."""
    return isinstance(value, Real) and not isinstance(value, bool)


def is_whole(value: object) -> bool:
    """The same of an integer."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def is_within(value: Any, least: float, most: float) -> bool:
    """Whether it is a real number from least to most."""
    return is_number(value) and bool(least <= value <= most)


def written(value: object) -> str:
    """A value that is refused, as a line names it: short, whatever it is."""
    text = f"{float(value):g}" if is_number(value) else " ".join(repr(value).split())  # type: ignore[arg-type]
    return text if len(text) <= 60 else f"{text[:57]}..."
