"""An OpenGL context without a window: EGL on a GPU, or Mesa's software renderer on the CPU; the same code draws on both."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from reenact.core.errors import ReenactError

if TYPE_CHECKING:
    import moderngl

ADVICE = "on Debian or Ubuntu: apt install libegl1 libgl1 libgl1-mesa-dri"
LIBRARIES = ({}, {"libgl": "libGL.so.1", "libegl": "libEGL.so.1"})
"""glcontext asks for the names without a number, which only development packages bring"""


def open_context(threads: int = 0) -> moderngl.Context:
    """A context of OpenGL 3.3 or newer. threads: of Mesa's software renderer, 0 leaves it to Mesa.

    Raises ReenactError, in one line that says what to install, where there is none.
    """
    try:
        import moderngl
    except ImportError:
        raise ReenactError("rendering heads needs moderngl: pip install 'reenact[synth]'") from None
    if threads:
        os.environ.setdefault("LP_NUM_THREADS", str(threads))
    reasons = []
    for names in LIBRARIES:
        try:
            return moderngl.create_context(standalone=True, backend="egl", require=330, **names)
        except Exception as error:  # glcontext and moderngl raise bare Exception
            reasons.append(" ".join(str(error).split()))
    raise ReenactError(f"no OpenGL without a window here ({reasons[-1]}): {ADVICE}")
