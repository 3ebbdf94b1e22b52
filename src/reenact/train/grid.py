"""The validation grid: fixed pictures, one row an example, one column a step of the method."""

from __future__ import annotations

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
    from PIL import Image, ImageDraw

    size = rows[0][1][0].shape[0]
    width = GAP + len(columns) * (size + GAP)
    sheet = Image.new("RGB", (width, HEAD + len(rows) * (HEAD + size + GAP)), "white")
    text = ImageDraw.Draw(sheet)
    for number, name in enumerate(columns):
        text.text((GAP + number * (size + GAP), 2), name, fill="black")
    for number, (caption, tiles) in enumerate(rows):
        top = HEAD + number * (HEAD + size + GAP)
        text.text((GAP, top + 2), caption, fill=(90, 90, 90))
        for column, tile in enumerate(tiles):
            sheet.paste(Image.fromarray(tile), (GAP + column * (size + GAP), top + HEAD))
    with replaced(path) as part:
        sheet.save(part, "PNG")


def picture(image: Float[Tensor, "3 size size"]) -> UInt8[np.ndarray, "size size 3"]:
    """[0, 1] -> a tile."""
    return (image.detach().float().clamp(0, 1) * 255).round().byte().permute(1, 2, 0).cpu().numpy()


def grey(values: Float[Tensor, "rows columns"], size: int) -> UInt8[np.ndarray, "size size 3"]:
    """[0, 1] -> black to white, enlarged to `size`."""
    flat = np.round(255 * values.detach().float().clamp(0, 1).cpu().numpy()).astype(np.uint8)
    return _enlarged(np.repeat(flat[..., None], 3, -1), size)


def flow_colour(offset: Float[Tensor, "rows columns 2"], size: int, full: float = 0.3) -> UInt8[np.ndarray, "size size 3"]:
    """A displacement in [-1, 1] units -> hue for its direction (red: to the right, green-blue side down), and colour as
    strong as it is long; white where nothing moves. full: the length drawn strongest (ours)."""
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
