"""One portrait photo and a driving video: that person, moving.

method = reenact.load("mmfa")
portrait = method.encode_source(reenact.read_image("portrait.jpg"))
for frame in reenact.animate(portrait, "driving.mp4", method=method):
    ...  # 256 x 256 RGB
"""

# `animate` the function hides `animate` the folder here on purpose; `from reenact.animate.x import y` works all the same.
from reenact.animate.edit import edit, interpolate
from reenact.animate.parts import Parts
from reenact.animate.pipeline import Report, animate, animate_file
from reenact.animate.takes import Take
from reenact.animate.transfer import transfer
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Method, Motion, Placement, Portrait
from reenact.media.image import read_image
from reenact.runtime.onnx_method import load

__all__ = [
    "Image",
    "Method",
    "Motion",
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
