"""One portrait photo and a driving video: that person, moving.

method = reenact.load("mmfa")
portrait = method.encode_source(reenact.read_image("portrait.jpg"))
for frame in reenact.animate(portrait, "driving.mp4", method=method):
    ...  # 256 x 256 RGB
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reenact.core.errors import ReenactError
    from reenact.core.types import Image, Method, Motion, Placement, Portrait
    from reenact.media.image import read_image
    from reenact.motion.compose import Parts
    from reenact.motion.edit import edit, interpolate
    from reenact.motion.takes import Take
    from reenact.motion.transfer import transfer
    from reenact.pipeline.animate import Report, animate, animate_file
    from reenact.pipeline.control import Control
    from reenact.pipeline.options import Clip
    from reenact.pipeline.portrait import Output
    from reenact.runtime.engine import Engine
    from reenact.runtime.onnx_method import load

__version__ = "0.1.0"

__all__ = [
    "Clip",
    "Control",
    "Engine",
    "Image",
    "Method",
    "Motion",
    "Output",
    "Parts",
    "Placement",
    "Portrait",
    "ReenactError",
    "Report",
    "Take",
    "animate",
    "animate_file",
    "edit",
    "interpolate",
    "load",
    "read_image",
    "transfer",
]

_ROOMS = {
    "Clip": "pipeline.options",
    "Control": "pipeline.control",
    "Engine": "runtime.engine",
    "Image": "core.types",
    "Method": "core.types",
    "Motion": "core.types",
    "Output": "pipeline.portrait",
    "Parts": "motion.compose",
    "Placement": "core.types",
    "Portrait": "core.types",
    "ReenactError": "core.errors",
    "Report": "pipeline.animate",
    "Take": "motion.takes",
    "animate": "pipeline.animate",
    "animate_file": "pipeline.animate",
    "edit": "motion.edit",
    "interpolate": "motion.edit",
    "load": "runtime.onnx_method",
    "read_image": "media.image",
    "transfer": "motion.transfer",
}
"""where each name lies; loaded when it is first asked for, so that the command line can say that it was stopped meanwhile"""


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'reenact' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"reenact.{_ROOMS[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_ROOMS})
