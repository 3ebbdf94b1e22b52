"""The nouns of the three verbs: `Motion` (small, typed, per frame), `Portrait` (once), `Method` (the verbs)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np

from reenact.core.errors import ReenactError
from reenact.core.shapes import Float, Float32, UInt8
from reenact.core.values import same, short, written

Image = UInt8[np.ndarray, "_height _width 3"]
"""RGB picture, 0..255, rows first."""
CODED = ("head_pose", "scale", "translation", "expression")
"""the fields of a `Motion` that a method's networks say and take"""


def check_picture(image: object) -> None:
    """Raises ReenactError for what is no `Image` of a pixel or more: a path, Pillow's picture, floats, gray, an alpha channel."""
    given = type(image).__name__
    if isinstance(image, np.ndarray):
        if image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3 and image.size:
            return
        given = f"{image.dtype} of shape {image.shape}"
    form = "a NumPy array of uint8, height x width x 3, RGB, 0..255"
    raise ReenactError(f"a picture must be {form}, not {given}: reenact.read_image(path) gives one")


@dataclass(frozen=True, eq=False, repr=False)
class Motion:
    """A face's motion in one frame: all that is ever sent after the portrait.

    The keypoints that a method renders from it are x = scale * R(head_pose) (x_c + d(expression)) + translation, in the
    coordinates of docs/conventions.md; a method with another equation says so in its README.
    """

    head_pose: Float32[np.ndarray, "3"]
    """yaw, pitch, roll in radians: yaw > 0 turns the nose to the picture's right, pitch > 0 up, roll > 0 clockwise."""
    scale: Float32[np.ndarray, "1"]
    """head size: 1 where the mean face is half as high as the crop."""
    translation: Float32[np.ndarray, "2"]
    """x, y of the head's origin in [-1, 1] of the crop, x right, y down."""
    expression: Float32[np.ndarray, " code"]
    """the method's expression code, no unit; all zeros is neutral."""
    gaze: Float32[np.ndarray, "2 2"] | None = None
    """where the eyes look, in the head (faces/eyes.py), no part of a method's own motion; None: not known, and the portrait's
    eyes look where the photo has them."""

    def __eq__(self, other: object) -> bool:
        return same(self, other) if isinstance(other, Motion) else NotImplemented

    __hash__ = None  # type: ignore[assignment]  # its arrays may be written to

    def __repr__(self) -> str:
        names = (*CODED, "gaze")
        return f"Motion({', '.join(f'{name}={short(getattr(self, name))}' for name in names)})"

    def vector(self) -> Float32[np.ndarray, " row"]:
        """The fields but the gaze, in their order, as one row."""
        return np.concatenate([getattr(self, name) for name in CODED]).astype(np.float32)

    @staticmethod
    def from_vector(row: Float[np.ndarray, " row"], gaze: Float32[np.ndarray, "2 2"] | None = None) -> Motion:
        """The inverse of `vector`."""
        row = np.asarray(row, np.float32)
        return Motion(head_pose=row[:3], scale=row[3:4], translation=row[4:6], expression=row[6:], gaze=gaze)

    def tensors(self, prefix: str) -> dict[str, np.ndarray]:
        """The fields as a render graph's inputs, each with a batch axis. prefix: source or driving."""
        return {f"{prefix}_{name}": getattr(self, name)[None] for name in CODED}

    def replace(self, **changes: np.ndarray | None) -> Motion:
        """A copy with some fields changed."""
        return replace(self, **changes)


LARGEST_NUMBER = 1000.0
"""ours: of a motion; codes lie within 10, and what lies beyond shows no head"""


def check_motion(motion: object, code: int | None = None) -> None:
    """Raises ReenactError for what is no `Motion` of finite numbers with a head that is larger than nothing. code: how many
    numbers its expression has; None: any."""
    if not isinstance(motion, Motion):
        own = ", as a portrait's own is: portrait.motion" if isinstance(motion, Portrait) else f", not {written(motion)}"
        raise ReenactError(f"a motion must be a reenact.Motion{own}")
    for name, wanted in (("head_pose", 3), ("scale", 1), ("translation", 2), ("expression", code)):
        value = getattr(motion, name)
        if (
            not isinstance(value, np.ndarray)
            or value.dtype.kind != "f"
            or value.ndim != 1
            or len(value) != (wanted or len(value))
        ):
            form = f"{value.dtype} of shape {value.shape}" if isinstance(value, np.ndarray) else written(value)
            raise ReenactError(f"the motion's {name} must be a NumPy array of {wanted or ''} float32 numbers, not {form}")
        if not np.abs(value).max(initial=0) <= LARGEST_NUMBER:
            raise ReenactError(f"the motion's {name} must be finite numbers, at most {LARGEST_NUMBER:g}, not {short(value)}")
    if not motion.scale[0] > 0:
        raise ReenactError(f"the motion's scale must be more than 0, not {motion.scale[0]:g}")


@dataclass(frozen=True)
class Placement:
    """Where a square crop lies in a picture: centre and side in pixels of the picture, angle in radians (clockwise)."""

    centre_x: float
    centre_y: float
    side: float
    angle: float = 0.0


@dataclass(frozen=True)
class Framing:
    """How a portrait's square lies to the square that motions are said in, the usual one of its face (faces/crop.py)."""

    side: float = 1.0
    """its side, in sides of that"""
    right: float = 0.0
    """how far its middle lies to the right, in halves of that side"""
    down: float = 0.0
    """the same downwards"""

    def seen(self, motion: Motion) -> Motion:
        """The same motion in the portrait's square, which renders it."""
        away = np.array([self.right, self.down], np.float32)
        side = np.float32(self.side)
        return motion.replace(scale=motion.scale / side, translation=(motion.translation - away) / side)

    def usual(self, square: Placement) -> Placement:
        """The usual square of the face, of the portrait's own in a picture."""
        side = square.side / self.side
        x, y = square.centre_x - self.right * side / 2, square.centre_y - self.down * side / 2
        return replace(square, centre_x=x, centre_y=y, side=side)


AS_USUAL = Framing()


@dataclass(frozen=True, eq=False, repr=False)
class Portrait:
    """A source face, encoded once. It is equal to itself alone, so it may be a key; pickle saves it whole, for the weights and
    the renderer that made it."""

    method: str
    """the name of the method that made it"""
    tensors: Mapping[str, np.ndarray]
    """what the method's `render` wants of the source: feature maps, canonical keypoints; its own affair"""
    motion: Motion
    """the source's own motion, in the usual square of its face, as a driver's is"""
    image: Image
    """the 256x256 crop that was encoded"""
    placement: Placement | None = None
    """where the crop lies in the photo; None if the caller gave a crop"""
    photo: Image | None = None
    """the whole photo; None if the caller gave a crop"""
    large: Image | None = None
    """the crop at the side that frames are rendered at, where that is more than the method's own"""
    around: Image | None = None
    """the crop and what of the photo lies around it (runtime/around.py), at the crop's scale; None if the caller gave a crop"""
    eyes: Float32[np.ndarray, "2 23 2"] | None = None
    """outlines of the eyes in the crop (faces/eyes.py), by which the gaze is moved; None: shut, or not known"""
    framing: Framing = AS_USUAL
    """how the crop lies to the usual square of its face; a wider one holds hair and hats whole (faces/framing.py)"""
    mirrored: Portrait | None = None
    """the crop's mirror image, encoded too: turns to the right are rendered of it (motion/mirror.py); None: of the crop itself"""
    renderer: str = ""
    """the renderer that it was encoded for, full or fast (runtime/renderer.py); "" where it does not matter"""

    def __repr__(self) -> str:
        pictures = {"image": self.image, "large": self.large, "photo": self.photo}
        sizes = [f"{name} {shown.shape[1]}x{shown.shape[0]}" for name, shown in pictures.items() if shown is not None]
        return f"<Portrait of {self.method}: {', '.join(sizes)}>"

    def _repr_png_(self) -> bytes:
        """What a notebook shows."""
        from PIL import Image as PILImage

        held = io.BytesIO()
        PILImage.fromarray(self.image if self.large is None else self.large).save(held, format="PNG")
        return held.getvalue()


def check_portrait(portrait: object, method: str, renderer: str = "") -> None:
    """Raises ReenactError for what is no portrait that this method encoded, for this renderer."""
    if not isinstance(portrait, Portrait):
        made = "method.encode_source(reenact.read_image(path)) gives one"
        raise ReenactError(f"a portrait must be a reenact.Portrait, not {written(portrait)}: {made}")
    if portrait.method != method:
        raise ReenactError(
            f"the portrait was encoded by {portrait.method}, not {method}: encode it with the one that animates it"
        )
    if renderer and portrait.renderer and portrait.renderer != renderer:
        raise ReenactError(
            f"the portrait was encoded for `renderer` {portrait.renderer}, not {renderer}: load that, or encode it anew"
        )


@runtime_checkable
class Method(Protocol):
    """The three verbs. Code above `methods/` never asks which method it has."""

    @property
    def name(self) -> str: ...

    @property
    def size(self) -> int:
        """Side of its input and output crops, in pixels."""
        ...

    @property
    def folder(self) -> Path | None:
        """Where its weights lie, and beside them what was measured on them (expression map, gains); None: nowhere."""
        ...

    @property
    def config(self) -> Mapping[str, Any]:
        """What its weights say of it: "alignment"; may be empty."""
        ...

    @property
    def code_size(self) -> int:
        """How many numbers its expression code has."""
        ...

    @property
    def fingerprint(self) -> str:
        """Weights with the same give codes that mean the same; "" where it is not known."""
        ...

    @property
    def threads(self) -> int:
        """CPU threads that it and what serves it may use; 0 is automatic."""
        ...

    def encode_crop(self, crop: Image) -> Portrait:
        """A size x size crop -> everything that `render` needs of the source."""
        ...

    def encode_motion(self, frame: Image) -> Motion:
        """A size x size crop -> its motion."""
        ...

    def render(self, portrait: Portrait, motion: Motion) -> Image:
        """The portrait's person, moved: a size x size picture."""
        ...
