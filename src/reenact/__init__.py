"""One portrait photo and a driving video: that person, moving.

method = reenact.load("mmfa")
portrait = method.encode_source(reenact.read_image("portrait.jpg"))
for frame in reenact.animate(portrait, "driving.mp4", method=method):
    ...  # 256 x 256 RGB

What a user can mend raises ReenactError (InputError, NoFaceError and WeightsError are kinds of it) with one line that says
what to do; what was done otherwise than asked for is a ReenactWarning.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from reenact.core.errors import InputError, NoFaceError, ReenactError, ReenactWarning, WeightsError
    from reenact.core.types import Image, Method, Motion, Placement, Portrait
    from reenact.media.image import read_image
    from reenact.motion.compose import Parts, parse_parts
    from reenact.motion.edit import edit, interpolate
    from reenact.motion.takes import Take
    from reenact.motion.transfer import transfer
    from reenact.pipeline.animate import Report, animate, animate_file
    from reenact.pipeline.calls import CallOptions, CallReport, decode_file, encode_file
    from reenact.pipeline.control import Control
    from reenact.pipeline.options import Clip
    from reenact.pipeline.portrait import Output
    from reenact.pipeline.record import record_file
    from reenact.runtime.engine import Engine
    from reenact.runtime.onnx_method import load

__version__ = "0.1.0"

__all__ = [
    "CallOptions",
    "CallReport",
    "Clip",
    "Control",
    "Engine",
    "Image",
    "InputError",
    "Method",
    "Motion",
    "NoFaceError",
    "Output",
    "Parts",
    "Placement",
    "Portrait",
    "ReenactError",
    "ReenactWarning",
    "Report",
    "Take",
    "WeightsError",
    "animate",
    "animate_file",
    "decode_file",
    "edit",
    "encode_file",
    "interpolate",
    "load",
    "parse_parts",
    "read_image",
    "record_file",
    "transfer",
]

_ROOMS = {
    "CallOptions": "pipeline.calls",
    "CallReport": "pipeline.calls",
    "Clip": "pipeline.options",
    "Control": "pipeline.control",
    "Engine": "runtime.engine",
    "Image": "core.types",
    "InputError": "core.errors",
    "Method": "core.types",
    "Motion": "core.types",
    "NoFaceError": "core.errors",
    "Output": "pipeline.portrait",
    "Parts": "motion.compose",
    "Placement": "core.types",
    "Portrait": "core.types",
    "ReenactError": "core.errors",
    "ReenactWarning": "core.errors",
    "Report": "pipeline.animate",
    "Take": "motion.takes",
    "WeightsError": "core.errors",
    "animate": "pipeline.animate",
    "animate_file": "pipeline.animate",
    "decode_file": "pipeline.calls",
    "edit": "motion.edit",
    "encode_file": "pipeline.calls",
    "interpolate": "motion.edit",
    "load": "runtime.onnx_method",
    "parse_parts": "motion.compose",
    "read_image": "media.image",
    "record_file": "pipeline.record",
    "transfer": "motion.transfer",
}
"""where each name lies; loaded when it is first asked for, so that the command line can say that it was stopped meanwhile"""


def __getattr__(name: str) -> Any:
    if name not in _ROOMS:
        raise AttributeError(f"module 'reenact' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"reenact.{_ROOMS[name]}"), name)
    return value


def __dir__() -> list[str]:
    return sorted([*__all__, "__doc__", "__file__", "__name__", "__path__", "__version__"])
