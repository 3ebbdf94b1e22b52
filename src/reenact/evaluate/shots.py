"""Pictures and clips as a protocol names them: a video, a folder of numbered frames, or one picture.

Everything comes out as size x size RGB. Clips must be square head crops already; a photo of another size than
size x size is cut around its largest head.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import NoFaceError, ReenactError
from reenact.core.types import Image
from reenact.faces.crop import cut, head_crop
from reenact.faces.landmarker import Landmarker
from reenact.media.image import read_image
from reenact.media.video import VideoReader

VIDEOS = (".mp4", ".mov", ".mkv", ".webm")
PHOTOS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class Shot:
    """One frame of a clip, or a photo."""

    path: Path
    """a video, a folder of numbered frames, or a photo"""
    frame: int = 0
    """which frame, from 0; of a photo always 0"""

    def read(self, size: int, landmarker: Landmarker) -> Image:
        """The picture as size x size. Raises ReenactError where there is no such frame, or no face in a photo."""
        if self.path.suffix.lower() in PHOTOS:
            return crop_photo(self.path, size, landmarker)
        for index, image in enumerate(frames(self.path, size)):
            if index == self.frame:
                return image
        raise ReenactError(f"{self.path}: has no frame {self.frame}; mend the list")


def is_clip(path: Path) -> bool:
    """A video, or a folder of frames."""
    return path.is_dir() or path.suffix.lower() in VIDEOS


def find(folder: Path, suffixes: tuple[str, ...], what: str) -> list[Path]:
    """The files of a folder with one of the suffixes, by name. Raises ReenactError where there are none."""
    found = sorted(path for path in Path(folder).glob("*") if path.suffix.lower() in suffixes and path.is_file())
    if not found:
        raise ReenactError(f"{folder}: no {what} in this folder; give one with {', '.join(suffixes)} files")
    return found


def frames(path: Path, size: int) -> Iterator[Image]:
    """The frames of a video, of a folder, or the one of a photo that is a crop already; one at a time."""
    if path.is_dir():
        yield from (_square(read_image(photo), photo, size) for photo in find(path, PHOTOS, "frame"))
    elif path.suffix.lower() in PHOTOS:
        yield _square(read_image(path), path, size)
    else:
        with VideoReader(path, pixels="stored") as video:
            for frame in video:
                yield _square(frame.image, path, size)


def check_clip(path: Path) -> None:
    """Raises ReenactError for a video that cannot be opened or is no square head crop: before any other is measured."""
    if path.suffix.lower() in VIDEOS and not path.is_dir():
        with VideoReader(path, pixels="stored") as video:
            _check_square(video.width, video.height, path)


def crop_photo(path: Path, size: int, landmarker: Landmarker) -> Image:
    """A photo's largest head as size x size; a photo of just that size is taken as a crop already."""
    image = read_image(path)
    if image.shape[:2] == (size, size):
        return image
    faces = landmarker.detect(image)
    if not faces:
        raise NoFaceError(f"{path}: no face found; take the photo out of the folder or the list")
    return cut(image, head_crop(faces[0]), size)


def _square(image: Image, path: Path, size: int) -> Image:
    height, width = image.shape[:2]
    _check_square(width, height, path)
    if height == size:
        return image
    return np.asarray(PILImage.fromarray(image).resize((size, size), PILImage.Resampling.BICUBIC, reducing_gap=3.0))


def _check_square(width: int, height: int, path: Path) -> None:
    if height != width:
        raise ReenactError(f"{path}: a square head crop is wanted, not {width} x {height}; crop it first")
