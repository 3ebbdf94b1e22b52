"""Photos in; PNG, JPEG and WebP out.

Whatever a camera or an editor saves becomes 8-bit sRGB as a viewer shows it: turned by its EXIF tag, alpha laid over
white, other colour profiles (Display P3) converted, gray and palette expanded, 16 bits reduced to 8. Photos beyond 40
megapixels are reduced while they are read.
"""

from __future__ import annotations

import io
import os
import warnings
from collections.abc import Callable
from pathlib import Path

from PIL import Image as PILImage
from PIL import UnidentifiedImageError

from reenact.core.errors import InputError, ReenactError, ReenactWarning
from reenact.core.files import check_readable, replaced
from reenact.core.types import Image
from reenact.media.heif import is_heif, read_heif
from reenact.media.pixels import to_rgb, turned

ORIENTATION = 0x0112
"""EXIF's tag"""
FORMATS: dict[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".jpeg": ("JPEG", {"quality": 95, "subsampling": 0}),
    ".webp": ("WEBP", {"quality": 95}),
}
"""ours: at quality 95 the loss is not seen"""
LONGEST = {"WEBP": 16_383, "JPEG": 65_500}
"""pixels of a side, that the format holds"""
LARGEST = 160_000_000
"""ours, pixels: 12,000 x 12,000 and a little; a file that claims more is refused before it is decoded"""
PIXELS_MAX = 40_000_000
"""ours: of a photo that was sent to us, 120 MB decoded; phones take 12 to 50 megapixels. Our own larger ones are reduced to it"""
PROGRAMS = {"EPS", "WMF", "MPEG", "GRIB", "BUFR", "HDF5"}
"""formats that Pillow knows and cannot decode itself: some start another program"""
MOVING = ("GIF", "PNG", "WEBP", "AVIF", "FLI")
"""formats whose further pictures are a film; elsewhere they are other views, pages or layers (MPO, TIFF, PSD)"""
UPLOADED = ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF")
"""formats that are opened when they come from somewhere else; Pillow knows forty, some of which start other programs"""


def read_image(path: str | os.PathLike[str]) -> Image:
    """The photo at `path`, upright RGB. Raises ReenactError for what is missing, empty, damaged or not a photo."""
    path = check_readable(path, "photo")
    return _decoded(path, str(path))


def decode_image(data: bytes, name: str = "the photo", pixels: int = PIXELS_MAX) -> Image:
    """The same for a photo in memory that somebody sent. pixels: more than that is refused before it is decoded.

    name: what the error calls it. Raises ReenactError for what is empty, too large, damaged or not a photo.
    """
    if not data:
        raise InputError(f"{name}: the file is empty; give another photo")
    PILImage.init()
    return _decoded(io.BytesIO(data), name, pixels, tuple(kind for kind in UPLOADED if kind in PILImage.OPEN))


def openable() -> tuple[str, ...]:
    """Pillow's names of the formats that it decodes itself."""
    PILImage.init()
    return tuple(kind for kind in PILImage.OPEN if kind not in PROGRAMS)


def is_still(path: str | os.PathLike[str]) -> bool:
    """Whether the file is one picture rather than a film. Raises ReenactError where it cannot be read."""
    path = check_readable(path, "video")
    return is_heif(path) or opened_by_pillow(path, still=True)


def opened_by_pillow(path: str | os.PathLike[str], still: bool = False) -> bool:
    """Whether Pillow reads the file as a picture; still: as a single one."""
    try:
        with PILImage.open(path, formats=openable()) as picture:
            return not still or picture.format not in MOVING or getattr(picture, "n_frames", 1) == 1
    except Exception:  # no picture, or none that Pillow can open
        return False


def _decoded(source: Path | io.BytesIO, name: str, pixels: int = LARGEST, formats: tuple[str, ...] | None = None) -> Image:
    try:
        with PILImage.open(source, formats=formats or openable()) as picture:
            _check_size(picture.width * picture.height, name, pixels)
            return _upright(picture, name)
    except UnidentifiedImageError:
        return _heif(source, name, pixels)
    except PILImage.DecompressionBombError:
        raise _too_large(name, pixels) from None
    except ReenactError:
        raise
    except Exception as error:  # decoders of thirty formats raise whatever they like on damaged files
        asks = "it asks for more memory than there is" if isinstance(error, MemoryError) else type(error).__name__
        reason = (str(error) or asks).splitlines()[0][:120]
        raise InputError(f"{name}: the photo is damaged ({reason}); save it again as JPEG or PNG") from None


def _heif(source: Path | io.BytesIO, name: str, pixels: int) -> Image:
    try:
        picture = read_heif(source, lambda count: _check_size(count, name, pixels))
    except ReenactError:
        raise
    except Exception:  # as above
        raise InputError(f"{name}: a HEIC photo that cannot be read here; save it as JPEG") from None
    if picture is None:
        raise InputError(f"{name}: not a photo that can be read; save it as JPEG or PNG")
    return _upright(picture, name)


def _upright(picture: PILImage.Image, name: str) -> Image:
    """Decoded, at a size that fits in memory."""
    total = picture.width * picture.height
    factor = next(n for n in range(1, 99) if total <= PIXELS_MAX * n * n)
    if factor > 1:
        told = f"{name}: {total / 1e6:.0f} megapixels; read at 1/{factor} of its width and height"
        warnings.warn(told, ReenactWarning, stacklevel=1)
        picture.draft("RGB", (picture.width // factor, picture.height // factor))  # JPEG: the decoder reduces
    picture.load()
    factor = next(n for n in range(1, 99) if picture.width * picture.height <= PIXELS_MAX * n * n)
    return turned(to_rgb(picture, factor), _orientation(picture))


def _orientation(picture: PILImage.Image) -> int:
    """EXIF's, 1 where it is missing or damaged."""
    try:
        return int(picture.getexif().get(ORIENTATION, 1))
    except Exception:  # as above
        return 1


def _check_size(count: int, name: str, pixels: int) -> None:
    if count > pixels:
        raise _too_large(name, pixels)


def _too_large(name: str, pixels: int) -> ReenactError:
    return ReenactError(f"{name}: the photo is too large; scale it to {pixels / 1e6:.0f} megapixels or fewer")


def write_image(path: str | os.PathLike[str], image: Image, *, finish: Callable[[Path], None] | None = None) -> None:
    """Write `image` as its name's ending says (.png, .jpg, .jpeg, .webp), whole or not at all.

    finish: called with the unfinished file when all is written and before it has its name. Raises ReenactError for another
    ending, more pixels a side than that format holds, or when the folder cannot be written.
    """
    path = Path(path)
    check_image_name(path)
    kind, options = FORMATS[path.suffix.lower()]
    if max(image.shape[:2]) > LONGEST.get(kind, max(image.shape[:2])):
        size = f"{image.shape[1]} x {image.shape[0]} pixels"
        raise ReenactError(f"{path}: {size} are more than {kind} holds ({LONGEST[kind]} a side): choose a name that ends in .png")
    with replaced(path) as part:
        PILImage.fromarray(image).save(part, format=kind, **options)
        if finish is not None:
            finish(part)


def check_image_name(path: Path) -> None:
    """Raises ReenactError unless the name ends in .png, .jpg, .jpeg or .webp."""
    if path.suffix.lower() not in FORMATS:
        raise ReenactError(f"{path}: the picture's name must end in {', '.join(FORMATS)}")
