"""Line charts as SVG text, without a plotting library: for a clip's frames and for the report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

COLOURS = ("#9a9a9a", "#c98a1b", "#1b6ac9", "#b3263a", "#2f8f4e", "#7a4bb0", "#008b8b", "#555555")
WIDTH, HEIGHT = 640, 240
LEFT, RIGHT, TOP, BOTTOM = 56, 150, 28, 36

Line = Sequence[tuple[float, float | None]]


def line_chart(title: str, lines: Mapping[str, Line], x_label: str = "", y_label: str = "") -> str:
    """Lines of (x, y) by name, with a legend; a None breaks the line. Raises ValueError where there is no point at all."""
    points = [(x, y) for line in lines.values() for x, y in line if y is not None]
    if not points:
        raise ValueError("a chart wants a point or more")
    x_low, x_high = min(x for x, _ in points), max(x for x, _ in points)
    x_high += x_low == x_high  # one point: any width will do
    y_low, y_high = _range([y for _, y in points])

    def place(x: float, y: float) -> tuple[float, float]:
        return (
            LEFT + (x - x_low) / (x_high - x_low) * (WIDTH - LEFT - RIGHT),
            HEIGHT - BOTTOM - (y - y_low) / (y_high - y_low) * (HEIGHT - TOP - BOTTOM),
        )

    parts = [_frame(title, x_label, y_label), *_ticks(place, (x_low, x_high), (y_low, y_high))]
    for number, (name, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        parts += [_path([place(x, y) for x, y in run], colour) for run in _runs(line)]
        top = TOP + 6 + 18 * number
        parts.append(f'<rect x="{WIDTH - RIGHT + 12}" y="{top - 4}" width="14" height="4" fill="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 32}" y="{top + 2}">{escape(name)}</text>')
    return "\n".join([*parts, "</svg>"])


def write_curves(folder: Path, series: Mapping[str, Mapping[str, Mapping[str, Sequence[float | None]]]]) -> None:
    """item -> system -> figure -> values: one SVG an item and figure."""
    folder.mkdir(parents=True, exist_ok=True)
    for item, systems in series.items():
        keys = sorted({key for figures in systems.values() for key in figures})
        for key in keys:
            lines = {name: list(enumerate(figures.get(key, []))) for name, figures in systems.items()}
            if any(value is not None for line in lines.values() for _, value in line):
                chart = line_chart(f"{item}: {key}", lines, "scored frame", key)
                (folder / f"{_file(item)}_{key}.svg").write_text(chart, encoding="utf-8")


def _file(name: str) -> str:
    return "".join(letter if letter.isalnum() or letter in "-_+" else "_" for letter in name)


def _range(values: Sequence[float]) -> tuple[float, float]:
    low, high = min(values), max(values)
    margin = (high - low) * 0.05 or abs(high) * 0.1 or 1.0
    return low - margin, high + margin


def _runs(line: Line) -> list[list[tuple[float, float]]]:
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in line:
        if y is None:
            runs.append([])
        else:
            runs[-1].append((x, y))
    return [run for run in runs if run]


def _path(points: Sequence[tuple[float, float]], colour: str) -> str:
    if len(points) == 1:
        return f'<circle cx="{points[0][0]:.1f}" cy="{points[0][1]:.1f}" r="2.5" fill="{colour}"/>'
    text = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{text}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _frame(title: str, x_label: str, y_label: str) -> str:
    right, low = WIDTH - RIGHT, HEIGHT - BOTTOM
    middle = (TOP + low) / 2
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" '
        f'font-family="sans-serif" font-size="11" fill="#333" role="img"><title>{escape(title)}</title>'
        f'<text x="{LEFT}" y="16" font-weight="bold">{escape(title)}</text>'
        f'<path d="M{LEFT} {TOP}V{low}H{right}" fill="none" stroke="#777"/>'
        f'<text x="{(LEFT + right) / 2}" y="{HEIGHT - 6}" text-anchor="middle">{escape(x_label)}</text>'
        f'<text x="12" y="{middle}" text-anchor="middle" transform="rotate(-90 12 {middle})">{escape(y_label)}</text>'
    )


def _ticks(place, x_range: tuple[float, float], y_range: tuple[float, float]) -> list[str]:
    parts = []
    for step in range(5):
        share = step / 4
        x = x_range[0] + share * (x_range[1] - x_range[0])
        y = y_range[0] + share * (y_range[1] - y_range[0])
        left, _ = place(x, y_range[0])
        _, top = place(x_range[0], y)
        parts.append(f'<text x="{left:.1f}" y="{HEIGHT - BOTTOM + 14}" text-anchor="middle">{x:.3g}</text>')
        parts.append(f'<text x="{LEFT - 6}" y="{top + 4:.1f}" text-anchor="end">{y:.3g}</text>')
        parts.append(f'<path d="M{LEFT} {top:.1f}H{WIDTH - RIGHT}" stroke="#e4e4e4"/>')
    return parts
