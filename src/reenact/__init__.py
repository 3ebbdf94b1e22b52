"""One portrait photo and a driving video: that person, moving.

method = reenact.load("mmfa")
portrait = method.encode_source(reenact.read_image("portrait.jpg"))
for frame in reenact.animate(portrait, "driving.mp4", method=method):
    ...  # 256 x 256 RGB
"""

from reenact.core.errors import ReenactError
from reenact.core.types import Image, Method, Motion, Placement, Portrait
from reenact.media.image import read_image
from reenact.motion.compose import Parts
from reenact.motion.edit import edit, interpolate
from reenact.motion.takes import Take
from reenact.motion.transfer import transfer
from reenact.pipeline.animate import Report, animate, animate_file
from reenact.pipeline.animator import Control
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
