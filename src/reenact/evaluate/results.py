"""Results that say where they come from: command, commit, weights, networks and hardware beside every figure."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reenact.core.files import explained, replaced
from reenact.evaluate.figures import METRICS
from reenact.evaluate.registry import headlines

HEADLINES = "By networks that took no part in training"
TAUGHT = "By measures that were losses, or whose network was a teacher"
COUNTS = ("frames", "target_faces", "found_faces", "fid_frames")


def write_json(path: Path, results: Mapping[str, Any]) -> None:
    """Whole or not at all; lists of plain values take one line. Raises ReenactError where it cannot be written."""
    advice = "choose another `out`"
    with explained(path, advice):
        path.parent.mkdir(parents=True, exist_ok=True)
    with replaced(path, advice) as part:
        part.write_text(_text(results) + "\n", encoding="utf-8")


def _text(value: Any, indent: int = 0) -> str:
    """JSON with an indent of 1, but a list without lists or maps in it on one line."""
    inner = " " * (indent + 1)
    if isinstance(value, Mapping) and value:
        lines = [f"{inner}{json.dumps(str(key))}: {_text(entry, indent + 1)}" for key, entry in value.items()]
        return "{\n" + ",\n".join(lines) + "\n" + " " * indent + "}"
    if isinstance(value, list) and any(isinstance(entry, (list, Mapping)) for entry in value):
        return "[\n" + ",\n".join(inner + _text(entry, indent + 1) for entry in value) + "\n" + " " * indent + "]"
    return json.dumps(value)


def rows(clips: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> dict[str, list]:
    """clip -> system -> figures, as columns and one row a clip and system."""
    every = [figures for systems in clips.values() for figures in systems.values()]
    keys = [key for key in (*METRICS, *COUNTS) if any(key in figures for figures in every)]
    return {
        "columns": ["clip", "contender", *keys],
        "rows": [
            [clip, name, *(figures.get(key) for key in keys)]
            for clip, systems in clips.items()
            for name, figures in systems.items()
        ],
    }


def table(rows: Mapping[str, Mapping[str, Any]], spans: Mapping[str, Mapping[str, Sequence[float]]] | None = None) -> str:
    """System -> figures, as Markdown tables, metrics that trained nothing here first; a missing figure is a dash.

    spans: system -> figure -> the interval that is written beside a method's headline.
    """
    keys = [key for key in METRICS if any(key in figures for figures in rows.values())]
    first, second = headlines(keys)
    if not (first and second):
        return _table(rows, keys, spans or {})
    return f"{HEADLINES}:\n\n{_table(rows, first, spans or {})}\n\n{TAUGHT}:\n\n{_table(rows, second, {})}"


def _table(rows: Mapping[str, Mapping[str, Any]], keys: Sequence[str], spans: Mapping[str, Mapping[str, Sequence[float]]]) -> str:
    lines = [["", *(METRICS[key].label for key in keys), "frames"]]
    for name, figures in rows.items():
        cells = [_cell(key, figures.get(key), spans.get(name, {}).get(key)) for key in keys]
        lines.append([name, *cells, str(figures["frames"])])
    return markdown(lines)


def _cell(key: str, value: float | None, span: Sequence[float] | None) -> str:
    if value is None:
        return "-"
    form = METRICS[key].form
    return format(value, form) + (f" [{format(span[0], form)}, {format(span[1], form)}]" if span and span[0] < span[1] else "")


def markdown(lines: Sequence[Sequence[str]]) -> str:
    """Rows of cells, the first the header, as an aligned Markdown table."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    text = ["| " + " | ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    return "\n".join([text[0], rule, *text[1:]])
