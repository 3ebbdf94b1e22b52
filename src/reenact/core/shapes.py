"""jaxtyping's array types, for annotations: `Float32[np.ndarray, "height width 3"]`.

Importing jaxtyping imports unittest.mock and with it asyncio, a quarter of what a command takes to be imported; and annotations
are but texts while a program runs. So there the names stand for the array alone. Where jaxtyping is imported already, as by tests
that hold functions to their shapes, and for type checkers they are its own.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING or "jaxtyping" in sys.modules:
    from jaxtyping import Bool, Float, Float32, Float64, Int, Int64, Shaped, UInt8
else:

    class _Unshaped:
        def __class_getitem__(cls, item: tuple[Any, str]) -> Any:
            return item[0]

    Bool = Float = Float32 = Float64 = Int = Int64 = Shaped = UInt8 = _Unshaped

__all__ = ["Bool", "Float", "Float32", "Float64", "Int", "Int64", "Shaped", "UInt8"]
