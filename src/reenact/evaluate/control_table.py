"""The columns of the control protocol, for the terminal and the page."""

from __future__ import annotations

from typing import Any

from reenact.evaluate import results

CONTROL_COLUMNS = {
    "arrival": ("arrived %", ".0f", 100.0),
    "error": ("error", ".3f", 1.0),
    "leak_degrees": ("leak deg", ".2f", 1.0),
    "leak_shift": ("leak shift %", ".2f", 1.0),
    "leak_scale": ("leak scale %", ".2f", 1.0),
    "leak_expression": ("leak exp", ".4f", 1.0),
    "csim_sface": ("CSIM (SFace)", ".3f", 1.0),
    "csim_arcface": ("CSIM (ArcFace)", ".3f", 1.0),
    "detection_rate": ("found", ".3f", 1.0),
}
"""key in the JSON -> column, format, factor"""


def control_table(mean: dict[str, dict[str, Any]]) -> str:
    """One row a system and request."""
    keys = [key for key in CONTROL_COLUMNS if any(key in figures for figures in mean.values())]
    lines = [["method", "asked", *(CONTROL_COLUMNS[key][0] for key in keys)]]
    for name, figures in mean.items():
        cells = []
        for key in keys:
            _, form, factor = CONTROL_COLUMNS[key]
            value = figures.get(key)
            cells.append("-" if value is None else format(value * factor, form))
        lines.append([*name.split("/", 1), *cells])
    return results.markdown(lines)
