"""Sizes of a method's network with which a training step takes a second."""

from __future__ import annotations

THIN: dict[str, object] = {
    "first_widths": (8, 8, 8, 8),
    "motion_widths": (8, 8, 8, 8, 8),
    "source_widths": (8, 8, 8),
    "flow_widths": (8, 8, 8),
    "source_blocks": (1, 1, 1),
    "generator_blocks": (1, 1, 1),
    "backdrop": "drawn",
}
