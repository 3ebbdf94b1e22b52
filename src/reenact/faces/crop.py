"""Where the head is: the square that the method sees, smoothed over time, and the way back into the photo."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image as PILImage

from reenact.core.shapes import Bool, Float32
from reenact.core.types import Image, Placement
from reenact.faces.fill import calmed, filled
from reenact.faces.landmarker import Face, Landmarker, extract

CROP_SCALE = 1.8
"""Side of the crop / longer side of the box of the 478 points. Measured: mean 1.81 on the 349 training clips, 1.76 on
the 13 validation clips, 1.91 on the training portraits; nine clips in ten lie between 1.48 and 2.20."""
CROP_RISE = 0.06
"""How far the crop's centre lies above the box's, in sides of the box. Measured on the same clips: 0.057 and 0.069;
sideways 0.00 and 0.02."""
FREE_SHIFT = 0.12
"""ours: the face may leave the crop's centre by this share of the side before the crop follows. Training crops stand
still; in them the face strays by 0.06 (median clip) to 0.19 (one clip in ten)."""
FREE_ZOOM = 0.15
"""ours: the same for the logarithm of the size; training clips have 0.09 (median) to 0.19"""
FARTHEST = 0.2
"""ours: farther off the crop's centre a face never is, in sides, however fast it goes: at .22 its box leaves the crop, and what
is read there is a head of half the size; of training clips one in ten has .19"""
FOLLOW = 0.1
"""ours: what of the excess over FREE_* is taken up in each frame; at 25 frames/s half of it in a quarter second"""
CORNER = 0.2
"""ours: radius of the mask's corners, in sides"""
FEATHER = 0.12
"""ours: width of the mask's fade, in sides: the box of the face ends 0.22 from the border, so the face is all ours"""
JUMP = 0.5
"""ours: beyond this shift (in sides) it is another place or shot, and the crop is set anew"""
JUMP_ZOOM = 0.4
"""ours: the same for the logarithm of the size, where the head itself has changed by so much (a factor of 1.5) since the frame
before: a cut to a close-up or a wide shot. Of training clips one in ten has .19, over all of it; a head that comes to the camera
and doubles in half a second has .14 a frame at 10 frames/s, and the crop follows"""

BESIDE = 0.5
"""ours: of the followed head's side; a smaller one is somebody in the background"""
SEARCH_EVERY = 12
"""ours: frames; while no face is seen, so often one is sought at every scale, which takes the time of several whole frames: about
half a second. So long, too, somebody in the background does not take the place of who is gone"""
TILE = 2.0
"""ours: of the head's side, to `head_crop`; in between, the detector looks into squares no smaller. From three times on it misses
heads that it finds at every scale (the example portrait at three sizes)"""
SCENE = 16
"""rows and columns of pixels by which two frames are compared"""
OTHER_SCENE = 25.0
"""ours: of 255; frames that differ by so much on the mean are of two shots"""


def head_crop(face: Face) -> Placement:
    """The upright square around a head, as methods are trained on it."""
    left, top, right, bottom = face.box
    longer = max(right - left, bottom - top)
    return Placement((left + right) / 2, (top + bottom) / 2 - CROP_RISE * longer, CROP_SCALE * longer)


class CropTracker:
    """Tracks one face from frame to frame and keeps the crop still, so that the head moves inside it.

    The detector runs until a face is found and again after it was lost; between, the landmarker runs on the region where
    the face was in the frame before. Where it stays away, the detector looks for heads as large as it was, and only now and
    then at every scale.
    """

    def __init__(self, landmarker: Landmarker, face_index: int = 0) -> None:
        """face_index: which face of the first frame that has so many, 0 the largest."""
        self._landmarker, self._index = landmarker, face_index
        self._face: Face | None = None
        self._crop: Placement | None = None
        self._head: Placement | None = None
        """where the head was last seen"""
        self._missed = 0
        """frames in a row without the face"""
        self._scene: Image | None = None
        self.detections = 0
        """how often the detector has run"""
        self.beside = 0
        """how many other heads, nearly as large, were there when the face was first found"""

    def update(self, image: Image, frames: int = 1) -> tuple[Placement, Face] | None:
        """The crop for this frame and the face in it, both in pixels of the frame; None when there is no face. frames: how many
        lie between the last one and this, which counts: the crop has followed in each of them."""
        before, self._scene = self._scene, _scene(image)
        face = self._landmarker.track(image, self._face) if self._face is not None else None
        self._face = face if face is not None else self._find(image, _another(before, self._scene), frames)
        if self._face is None:
            self._missed += frames
            return None
        self._missed = 0
        head = head_crop(self._face)
        crop = _follow(None if _zoomed(self._head, self._crop, head) else self._crop, head)
        for _ in range(frames - 1):
            crop = _follow(crop, head)
        self._crop, self._head = crop, head
        return crop, self._face

    def forget(self) -> None:
        """Begin anew with the next frame."""
        self._face = self._crop = self._head = self._scene = None
        self._missed = 0

    def _find(self, image: Image, another: bool, frames: int) -> Face | None:
        """another: whether this frame begins another shot, in which the head may well be smaller."""
        self.detections += 1
        last = self._crop
        everywhere = another or self._missed % SEARCH_EVERY < frames
        least = min(float("inf") if last is None else TILE * last.side, float(min(image.shape[:2])))
        faces = self._landmarker.detect(image) if everywhere else self._landmarker.detect(image, least)
        if last is None:
            if self._index >= len(faces):
                return None
            chosen = faces[self._index]
            self.beside = sum(face is not chosen and face.area >= BESIDE**2 * chosen.area for face in faces)
            return chosen
        if self._missed < SEARCH_EVERY and not another:
            faces = [face for face in faces if head_crop(face).side >= BESIDE * last.side]
        return min(faces, key=lambda face: _distance(head_crop(face), last), default=None)


def _distance(a: Placement, b: Placement) -> float:
    return float(np.hypot(a.centre_x - b.centre_x, a.centre_y - b.centre_y))


def _scene(image: Image) -> Image:
    """A few pixels of the picture, by which it is known again."""
    height, width = image.shape[:2]
    rows, columns = ((np.arange(SCENE) + 0.5) * length / SCENE for length in (height, width))
    return image[rows.astype(int)[:, None], columns.astype(int)]


def _another(before: Image | None, scene: Image) -> bool:
    """Whether this is another shot than the frame before."""
    return before is not None and float(np.abs(scene.astype(np.int16) - before).mean()) > OTHER_SCENE


def _zoomed(before: Placement | None, crop: Placement | None, head: Placement) -> bool:
    """Whether the head is at another size all at once, and the crop far from it: another shot, though at the same place."""
    if before is None or crop is None:
        return False
    return min(abs(float(np.log(head.side / place.side))) for place in (before, crop)) > JUMP_ZOOM


def _follow(crop: Placement | None, target: Placement) -> Placement:
    """The crop, moved towards the target by a share of what exceeds the free play."""
    if crop is None or _distance(crop, target) > JUMP * crop.side:
        return target
    free = FREE_SHIFT * crop.side
    x = crop.centre_x + FOLLOW * _excess(target.centre_x - crop.centre_x, free)
    y = crop.centre_y + FOLLOW * _excess(target.centre_y - crop.centre_y, free)
    zoom = FOLLOW * _excess(float(np.log(target.side / crop.side)), FREE_ZOOM)
    farthest = FARTHEST * crop.side
    x += _excess(target.centre_x - x, farthest)
    y += _excess(target.centre_y - y, farthest)
    return Placement(x, y, crop.side * float(np.exp(zoom)), target.angle)


def _excess(value: float, free: float) -> float:
    return float(np.sign(value)) * max(0.0, abs(value) - free)


def cut(image: Image, placement: Placement, size: int = 256, *, calm: bool = False) -> Image:
    """The square `placement` as size x size pixels, smoothed where it shrinks; beyond the picture its edge goes on and fades.
    calm: blurred, too, the more the further, for what people look at."""
    reach = placement.side / 2 * (abs(np.cos(placement.angle)) + abs(np.sin(placement.angle))) + 2
    left, top = int(np.floor(placement.centre_x - reach)), int(np.floor(placement.centre_y - reach))
    right, bottom = int(np.ceil(placement.centre_x + reach)), int(np.ceil(placement.centre_y + reach))
    part = PILImage.fromarray(_window(image, left, top, right, bottom))
    inner = Placement(placement.centre_x - left, placement.centre_y - top, placement.side, placement.angle)
    if placement.angle:
        crop = np.array(extract(part, inner, size))
    else:
        half = placement.side / 2
        box = (inner.centre_x - half, inner.centre_y - half, inner.centre_x + half, inner.centre_y + half)
        crop = np.array(part.resize((size, size), PILImage.Resampling.BICUBIC, box, reducing_gap=2.0))
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return crop
    beyond = _beyond(placement, size, width, height)
    return filled(calmed(crop, beyond) if calm else crop, beyond)


def covered(placement: Placement, size: int, image: Image) -> Bool[np.ndarray, "size size"]:
    """Which of the square's size x size pixels the picture has."""
    return _beyond(placement, size, image.shape[1], image.shape[0]) <= 0


def points_in(points: Float32[np.ndarray, "n 2"], placement: Placement, size: int) -> Float32[np.ndarray, "n 2"]:
    """Points in pixels of the picture -> in those of an upright square's size x size pixels."""
    corner = np.array([placement.centre_x, placement.centre_y], np.float32) - np.float32(placement.side / 2)
    return ((points - corner) * np.float32(size / placement.side)).astype(np.float32)


def _beyond(place: Placement, size: int, width: int, height: int) -> Float32[np.ndarray, "size size"]:
    """How far the middles of the square's size x size pixels lie outside a picture of this width and height, in sides."""
    steps = (((np.arange(size) + 0.5) / size - 0.5) * place.side).astype(np.float32)
    cos, sin = np.cos(place.angle), np.sin(place.angle)
    x = place.centre_x + cos * steps[None] - sin * steps[:, None]
    y = place.centre_y + sin * steps[None] + cos * steps[:, None]
    return np.hypot(x - x.clip(0, width), y - y.clip(0, height)).astype(np.float32) / np.float32(place.side)


def _window(image: Image, left: int, top: int, right: int, bottom: int) -> Image:
    """Rows top..bottom and columns left..right of the picture; those outside repeat its edge."""
    height, width = image.shape[:2]
    if left >= 0 and top >= 0 and right <= width and bottom <= height:
        return np.ascontiguousarray(image[top:bottom, left:right])
    rows, columns = np.arange(top, bottom).clip(0, height - 1), np.arange(left, right).clip(0, width - 1)
    return image[rows[:, None], columns]


def paste(photo: Image, crop: Image, placement: Placement, mask: Float32[np.ndarray, "size size"]) -> Image:
    """A copy of `photo` with `crop` laid over the square `placement`, as strongly as `mask` (0..1) says.

    `mask` has the size of `crop`. Pixels outside the square are untouched.
    """
    out = photo.copy()
    half = placement.side / 2 * (abs(np.cos(placement.angle)) + abs(np.sin(placement.angle)))
    left, top = max(0, int(np.ceil(placement.centre_x - half))), max(0, int(np.ceil(placement.centre_y - half)))
    right = min(photo.shape[1], int(np.floor(placement.centre_x + half)))
    bottom = min(photo.shape[0], int(np.floor(placement.centre_y + half)))
    if right <= left or bottom <= top:
        return out
    box = (left, top, right, bottom)
    weight = PILImage.fromarray(np.round(mask * 255).astype(np.uint8))
    under = PILImage.fromarray(np.ascontiguousarray(photo[top:bottom, left:right]))
    under.paste(_laid(PILImage.fromarray(crop), placement, box), (0, 0), _laid(weight, placement, box))
    out[top:bottom, left:right] = np.asarray(under)
    return out


def _laid(crop: PILImage.Image, place: Placement, box: tuple[int, int, int, int]) -> PILImage.Image:
    """What of the crop lies over the pixels `box` of the photo; 0 where it does not reach."""
    left, top, right, bottom = box
    unit = crop.width / place.side
    size, half = (right - left, bottom - top), crop.width / 2
    x, y = (left - place.centre_x) * unit, (top - place.centre_y) * unit
    if not place.angle:
        corners = (x + half, y + half, x + half + size[0] * unit, y + half + size[1] * unit)
        x0, y0, x1, y1 = (min(max(value, 0.0), float(crop.width)) for value in corners)
        return crop.resize(size, PILImage.Resampling.BICUBIC, (x0, y0, x1, y1))
    cos, sin = np.cos(place.angle), np.sin(place.angle)
    matrix = (cos * unit, sin * unit, cos * x + sin * y + half, -sin * unit, cos * unit, cos * y - sin * x + half)
    return crop.transform(size, PILImage.Transform.AFFINE, matrix, PILImage.Resampling.BILINEAR)


@lru_cache(maxsize=4)
def soft_mask(size: int) -> Float32[np.ndarray, "size size"]:
    """1 inside, 0 at the border: a rounded square whose edge fades over FEATHER of the side. Read-only."""
    centre = np.abs((np.arange(size, dtype=np.float32) + 0.5) / size - 0.5)
    beyond = np.maximum(centre - (0.5 - CORNER), 0)
    inwards = CORNER - np.hypot(beyond[:, None], beyond[None])
    inwards = np.where((beyond[:, None] == 0) & (beyond[None] == 0), CORNER, inwards)
    ramp = np.clip(inwards / FEATHER, 0, 1)
    mask = (ramp * ramp * (3 - 2 * ramp)).astype(np.float32)
    mask.setflags(write=False)
    return mask
