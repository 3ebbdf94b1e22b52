"""Contact sheets and curves of a run: pictures for the eye. They may show real people, so they stay out of the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw

from reenact.core.types import Image
from reenact.provenance.output import MarkedOutput

WORST = 10
TILE = 192
LABEL = 18


@dataclass(frozen=True)
class WorstFrame:
    """The worst frame of an item: how bad, which, whose, and its picture."""

    badness: float
    """LPIPS-Alex where there is a truth, else AED-exp; 2 where no face was found"""
    index: int
    system: str
    picture: Image
    """source, driver, truth where it is another picture, and every system, side by side"""


def strip(pictures: Sequence[Image]) -> Image:
    """Pictures of one size side by side, each 192 px wide."""
    return np.concatenate(
        [np.asarray(PILImage.fromarray(p).resize((TILE, TILE), PILImage.Resampling.BICUBIC)) for p in pictures], 1
    )


def sheet(rows: Sequence[tuple[str, Image]]) -> Image:
    """Rows of pictures, each under its label; narrower ones are filled with white. Raises ValueError without rows."""
    if not rows:
        raise ValueError("a sheet wants a row or more")
    width = max(image.shape[1] for _, image in rows)
    canvas = PILImage.new("RGB", (width, sum(image.shape[0] + LABEL for _, image in rows)), "white")
    pen, top = ImageDraw.Draw(canvas), 0
    for label, image in rows:
        pen.text((4, top + 3), label, fill="black")
        canvas.paste(PILImage.fromarray(image), (0, top + LABEL))
        top += LABEL + image.shape[0]
    return np.array(canvas)


def write_pictures(folder: Path, worst: Mapping[str, WorstFrame], order: Sequence[str]) -> None:
    """worst.png: the ten worst items; sheet_N.png: the worst frame of every item, ten rows a sheet. order: of the columns."""
    folder.mkdir(parents=True, exist_ok=True)
    columns = ", ".join(order)
    ranked = sorted(worst.items(), key=lambda entry: -entry[1].badness)

    def rows(entries: Sequence[tuple[str, WorstFrame]]) -> list[tuple[str, Image]]:
        return [(f"{name}, frame {w.index}: {w.badness:.3f} ({w.system}); {columns}", w.picture) for name, w in entries]

    MarkedOutput(folder / "worst.png").picture(sheet(rows(ranked[:WORST])))
    for number, start in enumerate(range(0, len(worst), WORST), 1):
        shown = sheet(rows(list(worst.items())[start : start + WORST]))
        MarkedOutput(folder / f"sheet_{number:02d}.png").picture(shown)
