"""The validation grid: fixed pictures, one row an example, one column a step of the method."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float, UInt8
from torch import Tensor

from reenact.core.files import replaced
from reenact.train.config import Tiles

GAP, HEAD = 4, 16
"""px between tiles; height of a line of text"""


def write_grid(path: Path, columns: Sequence[str], rows: Sequence[tuple[str, Tiles]]) -> None:
    """A PNG: the columns' names above, each row's caption over it. Tiles of a grid have one size."""
    size = rows[0][1][0].shape[0]
    sheet = np.full((HEAD + len(rows) * (HEAD + size + GAP), GAP + len(columns) * (size + GAP), 3), 255, np.uint8)
    texts = [(GAP + number * (size + GAP), 2, name, 0) for number, name in enumerate(columns)]
    for number, (caption, tiles) in enumerate(rows):
        top = HEAD + number * (HEAD + size + GAP)
        texts.append((GAP, top + 2, caption, 90))
        for column, tile in enumerate(tiles):
            left = GAP + column * (size + GAP)
            sheet[top + HEAD : top + HEAD + size, left : left + size] = tile
    with replaced(path) as part:
        part.write_bytes(_png(sheet, texts))


def _png(sheet: UInt8[np.ndarray, "rows columns 3"], texts: Sequence[tuple[int, int, str, int]]) -> bytes:
    """With words at x, y in a grey level; by Pillow, or by OpenCV where a borrowed machine has that alone."""
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        import cv2

        for x, y, text, level in texts:
            cv2.putText(sheet, text, (x, y + 10), cv2.FONT_HERSHEY_SIMPLEX, 0.35, (level,) * 3)
        return cv2.imencode(".png", sheet[..., ::-1])[1].tobytes()
    image, held = Image.fromarray(sheet), io.BytesIO()
    draw = ImageDraw.Draw(image)
    for x, y, text, level in texts:
        draw.text((x, y), text, fill=(level,) * 3)
    image.save(held, "PNG")
    return held.getvalue()


def picture(image: Float[Tensor, "3 size size"]) -> UInt8[np.ndarray, "size size 3"]:
    """[0, 1] -> a tile."""
    return (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def grey(values: Float[Tensor, "rows columns"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """[0, 1] -> black to white, enlarged to `size`."""
    flat = np.round(255 * values.detach().float().clamp(0, 1).cpu().numpy()).astype(np.uint8)
    return _enlarged(np.repeat(flat[..., None], 3, -1), size)


def flow_colour(offset: Float[Tensor, "rows columns 2"], size: int, full: float = 0.3) -> UInt8[np.ndarray, "size size 3"]:
    """A displacement in [-1, 1] units -> hue for its direction (red: to the right, green-blue side down), and colour as
    strong as it is long; white where nothing moves. full: the length of full saturation (ours)."""
    x, y = offset.detach().float().cpu().numpy().transpose(2, 0, 1)
    hue = np.arctan2(y, x)[..., None] + np.float32([0, 2, 4]) * np.pi / 3
    strength = np.clip(np.hypot(x, y) / full, 0, 1)[..., None]
    colour = 1 - strength * (0.5 - 0.5 * np.cos(hue))
    return _enlarged(np.round(255 * colour).astype(np.uint8), size)


def dots(
    tile: UInt8[np.ndarray, "size size 3"], points: Float[Tensor, "count 2"], colour: tuple[int, int, int]
) -> UInt8[np.ndarray, "size size 3"]:
    """A copy with 2x2 px marks at points in [-1, 1]."""
    out, size = tile.copy(), tile.shape[0]
    place = ((points.detach().float().cpu().numpy() + 1) / 2 * size - 1).round().astype(int)
    for x, y in place[((place >= 0) & (place < size - 1)).all(1)]:
        out[y : y + 2, x : x + 2] = colour
    return out


def _enlarged(tile: UInt8[np.ndarray, "n n 3"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """Nearest pixels, so that what is seen is what was computed."""
    index = np.arange(size) * tile.shape[0] // size
    return tile[index][:, index]
