"""One self-contained HTML page a run: curves of everything in the log, and the grids. No script, no network."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reenact.core.files import replaced

WIDTH, HEIGHT, LEFT, BOTTOM = 360, 170, 52, 22
GRIDS = 6
"""ours: grids on the page, evenly over the run, the newest first; the files of all of them stay"""
STYLE = (
    "body{font:14px system-ui,sans-serif;margin:24px;max-width:1500px;color:#222}"
    "figure{display:inline-block;margin:0 16px 16px 0}figcaption{font-weight:600}"
    "svg text{font-size:11px;fill:#666}img{max-width:100%}"
)


def write_page(folder: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """index.html of the run in `folder`, from the lines of its log and its grid_*.png."""
    names = list(dict.fromkeys(name for line in lines for name in line if name != "images"))
    curves = []
    for name in names:
        points = [(line["images"], line[name]) for line in lines if isinstance(line.get(name), int | float)]
        points = [(x, y) for x, y in points if math.isfinite(y)]
        if points:
            curves.append(_curve(name, points))
    title = html.escape(folder.name)
    seen = f"{lines[-1]['images']:,} images" if lines else "nothing yet"
    body = f"<h1>{title}</h1><p>{seen}. Curves over images seen.</p>{''.join(curves)}{_grids(folder)}"
    text = f"<!doctype html><html lang=en><meta charset=utf-8><title>{title}</title><style>{STYLE}</style>{body}</html>\n"
    with replaced(folder / "index.html") as part:
        part.write_text(text, encoding="utf-8")


def _curve(name: str, points: list[tuple[float, float]]) -> str:
    """A small diagram; logarithmic where everything is above zero and spans a factor of ten."""
    values = [y for _, y in points]
    log = min(values) > 0 and max(values) > 10 * min(values)
    scaled = [math.log(y) if log else y for y in values]
    low, high, end = min(scaled), max(scaled), max(x for x, _ in points)
    span = (high - low) or 1.0
    inner, height = WIDTH - LEFT - 8, HEIGHT - BOTTOM - 8
    places = [
        (LEFT + inner * x / (end or 1), 8 + height * (1 - (y - low) / span)) for (x, _), y in zip(points, scaled, strict=True)
    ]
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    x, y = places[-1]
    kind = ", log" if log else ""
    return (
        f"<figure><figcaption>{html.escape(name)}: {values[-1]:.4g}{kind}</figcaption>"
        f'<svg width="{WIDTH}" height="{HEIGHT}"><path d="M{LEFT} 8V{8 + height}H{WIDTH - 8}" fill="none" stroke="#bbb"/>'
        f'<polyline points="{path}" fill="none" stroke="#2463b4" stroke-width="1.5"/><circle cx="{x:.1f}" cy="{y:.1f}" r="2.5" '
        f'fill="#2463b4"/><text x="{LEFT - 4}" y="16" text-anchor="end">{max(values):.3g}</text>'
        f'<text x="{LEFT - 4}" y="{8 + height}" text-anchor="end">{min(values):.3g}</text>'
        f'<text x="{LEFT}" y="{HEIGHT - 6}">0</text>'
        f'<text x="{WIDTH - 8}" y="{HEIGHT - 6}" text-anchor="end">{end:,}</text></svg></figure>'
    )


def _grids(folder: Path) -> str:
    paths = sorted(folder.glob("grid_*.png"))
    if len(paths) > GRIDS:
        paths = [paths[round(i * (len(paths) - 1) / (GRIDS - 1))] for i in range(GRIDS)]
    return "".join(_grid(path) for path in reversed(paths))


def _grid(path: Path) -> str:
    kind, data = _small(path)
    coded = base64.b64encode(data).decode()
    images = int(path.stem.split("_")[1])
    return f'<h2>{images:,} images</h2><img alt="validation grid" src="data:image/{kind};base64,{coded}">'


def _small(path: Path) -> tuple[str, bytes]:
    """The sheet as JPEG; as it is where there is no Pillow."""
    try:
        from PIL import Image
    except ImportError:
        return "png", path.read_bytes()
    data = io.BytesIO()
    with Image.open(path) as sheet:
        sheet.save(data, "JPEG", quality=88)
    return "jpeg", data.getvalue()
