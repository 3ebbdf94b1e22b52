"""The report's sections on what commands of their own have measured: two methods at one bitrate, descriptors of faces."""

from __future__ import annotations

import json
from collections.abc import Mapping
from html import escape
from pathlib import Path
from typing import Any

from reenact.evaluate.report.codec import text_row

DESCRIPTORS = {
    "verified": "same or another person told right",
    "agreement": "one motion on two people: agreement of the code",
    "matched": "the same moment found on the other person",
}
"""of experiments/descriptor_figures.py"""


def is_claim(report: Any) -> bool:
    """A file of `experiments.claim`."""
    return isinstance(report, dict) and {"ours", "yardstick", "protocols"} <= report.keys()


def is_descriptors(report: Any) -> bool:
    """A file of `experiments.descriptor_figures`: a row a method, beside the command."""
    rows = _methods(report) if isinstance(report, dict) else {}
    return bool(rows) and all(DESCRIPTORS.keys() <= row.keys() for row in rows.values())


def claim_section(report: Mapping[str, Any]) -> str:
    """By which share ours lies below the baseline, uncoded and at each rate."""
    points = [
        (f"{protocol}, {found['clips']} of {found['of']} clips", rate, shares)
        for protocol, found in report["protocols"].items()
        for rate, shares in found["against_the_yardstick"].items()
    ]
    figures = list(dict.fromkeys(key for _, _, shares in points for key in shares))
    rows = [text_row([protocol, rate, *(_lower(shares.get(key)) for key in figures)]) for protocol, rate, shares in points]
    head = "".join(f"<th>{escape(key)} lower by</th>" for key in figures)
    meaning = "; ".join(f"{key}: {text}" for key, text in report.get("meaning", {}).items())
    return (
        f"<h2>{escape(report['ours'])} and {escape(report['yardstick'])} at equal bitrate</h2>"
        f'<table class="text"><tr><th>protocol</th><th>rate</th>{head}</tr>{"".join(rows)}</table>'
        f'<p class="note">{escape(meaning)}</p>'
    )


def descriptors_section(report: Mapping[str, Any]) -> str:
    """How well identity and motion are kept apart, a row a method."""
    rows = [text_row([name, *(f"{row[key]:.3f}" for key in DESCRIPTORS)]) for name, row in _methods(report).items()]
    head = "".join(f"<th>{escape(text)}</th>" for text in DESCRIPTORS.values())
    return f"<h2>Identity and motion apart</h2><table><tr><th></th>{head}</tr>{''.join(rows)}</table>"


SECTIONS = ((is_claim, claim_section), (is_descriptors, descriptors_section))
"""what knows a file, and what makes a section of it"""


def other_section(path: Path) -> str:
    """The section of a JSON file that one of SECTIONS knows; empty for any other."""
    report = json.loads(Path(path).read_text(encoding="utf-8"))
    return next((section(report) for known, section in SECTIONS if known(report)), "")


def _methods(report: Mapping[str, Any]) -> dict[str, Any]:
    return {name: row for name, row in report.items() if isinstance(row, dict)}


def _lower(share: Mapping[str, Any] | None) -> str:
    """A share as percent, with what the paper claims of it."""
    if share is None:
        return "-"
    claimed = (
        f" (claimed {share['claimed']:.0%}: {'reached' if share['reached'] else 'not reached'})" if "claimed" in share else ""
    )
    return f"{share['lower_by']:.1%}{claimed}"
