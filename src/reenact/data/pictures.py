"""The report's pictures, drawn with Matplotlib (extra `report`): people, poses, expressions, licences, quality, and a sheet of
faces."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.data.reader import Shards
from reenact.data.report import Contents, total
from reenact.data.shards import disk, write_whole
from reenact.faces.blendshapes import BLENDSHAPE_NAMES

BLUE, GRAY = "#2f6db5", "#9aa3ad"
FACES, TILE = 96, 96
"""ours: faces on the sheet, 12 a row, and their side in px"""


def draw(contents: Contents, out: Path) -> list[Path]:
    """Writes people.png, poses.png, expressions.png, licences.png, quality.png and faces.png into OUT; gives their paths.

    Raises ReenactError without Matplotlib. faces.png shows real people if the data do: it never goes into a repository.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ReenactError("pictures need Matplotlib: pip install 'reenact[report]', or do without: `pictures=False`") from None
    drawings = {"people": _people, "poses": _poses, "expressions": _expressions, "licences": _licences, "quality": _quality}
    written = []
    with disk(out / "people.png"):
        out.mkdir(parents=True, exist_ok=True)
        for name, drawing in drawings.items():
            figure = Figure(figsize=(10, 7 if name == "expressions" else 4), layout="constrained")
            FigureCanvasAgg(figure)
            drawing(figure, contents)
            for axes in figure.axes:
                axes.spines[["top", "right"]].set_visible(False)
            written.append(_write(out / f"{name}.png", lambda file, figure=figure: figure.savefig(file, dpi=110)))
        written.append(_write(out / "faces.png", lambda file: _faces(contents.folder).save(file, "PNG")))
    return written


def _write(path: Path, save: Callable[[io.BytesIO], None]) -> Path:
    held = io.BytesIO()
    save(held)
    write_whole(path, held.getvalue())
    return path


def _people(figure: Any, contents: Contents) -> None:
    minutes = np.array([value for value in contents.minutes_of.values() if value > 0])
    names = [name for name, value in contents.minutes_of.items() if value > 0]
    left, right = figure.subplots(1, 2, width_ratios=[2, 1])
    left.bar(range(len(minutes)), minutes, width=1.0, color=BLUE)
    title = f"{len(minutes)} people, {minutes.sum():.1f} min"
    left.set(xlabel="people with moving pictures, most first", ylabel="minutes", title=title)
    for i, name in enumerate(names[:3]):
        left.annotate(name, (i, minutes[i]), xytext=(i + 0.04 * len(minutes), minutes[i]), va="center", fontsize=8)
    share = np.cumsum(minutes) / max(minutes.sum(), 1e-9)
    right.plot(np.linspace(0, 1, len(share) + 1), [0, *share], color=BLUE)
    right.plot([0, 1], [0, 1], color=GRAY, lw=1, ls="--")
    right.set(xlabel="share of people", ylabel="share of minutes", title="how evenly")


def _poses(figure: Any, contents: Contents) -> None:
    for axes, values, name in zip(figure.subplots(1, 3), contents.pose.T, ("yaw", "pitch", "roll"), strict=True):
        axes.hist(values.clip(-90, 90), bins=np.arange(-90, 91, 5), color=BLUE)
        low, high = np.percentile(values, [5, 95])
        axes.set(xlabel="degrees", title=f"{name}: 90 % in {low:.0f} to {high:.0f}", yscale="log", xticks=range(-90, 91, 45))
    figure.axes[0].set_ylabel("frames (log)")


def _expressions(figure: Any, contents: Contents) -> None:
    order = np.argsort(contents.blendshapes.mean(0))
    order = order[order != BLENDSHAPE_NAMES.index("_neutral")]
    axes = figure.subplots()
    values = contents.blendshapes[:, order]
    rows = range(len(order))
    axes.barh(rows, np.percentile(values, 99, axis=0), color=GRAY, label="99th percentile")
    axes.barh(rows, values.mean(0), color=BLUE, label="mean")
    axes.set_yticks(rows, [BLENDSHAPE_NAMES[i] for i in order], fontsize=6)
    axes.set(xlim=(0, 1), ylim=(-1, len(order)), xlabel="0..1, over all frames", title="blendshapes, by the landmarker")
    axes.legend(loc="lower right")


def _licences(figure: Any, contents: Contents) -> None:
    left, right = figure.subplots(1, 2, width_ratios=[1, 2])
    tiers = total(contents.clips, lambda clip: clip.tier)
    bars = left.bar(list(tiers), list(tiers.values()), color=BLUE)
    left.bar_label(bars, fmt="%.1f")
    left.set(ylabel="minutes", title="licence tier")
    sources = dict(list(total(contents.clips, lambda clip: f"{clip.source or '-'} ({clip.tier})").items())[:15])
    right.barh(list(sources)[::-1], list(sources.values())[::-1], color=BLUE)
    right.tick_params(axis="y", labelsize=7)
    right.set(xlabel="minutes", title="largest sources")


def _quality(figure: Any, contents: Contents) -> None:
    names = {
        "sharpness": "levels",
        "face_px": "px in the source",
        "turn_speed": "degrees/s",
        "expression": "mean std, blendshapes",
    }
    for axes, (name, unit) in zip(figure.subplots(1, 4), names.items(), strict=True):
        values = [clip.figures[name] for clip in contents.clips if clip.frames > 1 and name in clip.figures]
        high = np.percentile(values, 99.5) if values else 1.0  # one misread clip would leave the others a single bar
        axes.hist(np.minimum(values, high), bins=30, color=BLUE)
        axes.set(xlabel=unit, title=name)
    figure.axes[0].set_ylabel("clips (the last bar holds all above)")


def _faces(folder: Path) -> PILImage.Image:
    """One frame each of people spread over the whole set."""
    shards = Shards(folder)
    one_each = {shards.info(key).identity: key for key in shards.keys[::-1]}
    keys = list(one_each.values())[::-1]
    keys = [keys[i] for i in np.unique(np.linspace(0, len(keys) - 1, min(FACES, len(keys))).astype(int))]
    sheet = PILImage.new("RGB", (12 * TILE, -(-len(keys) // 12) * TILE), "white")
    for number, key in enumerate(keys):
        picture = PILImage.fromarray(shards.frame(key, shards.info(key).frames // 2))
        sheet.paste(picture.resize((TILE, TILE)), (number % 12 * TILE, number // 12 * TILE))
    return sheet
