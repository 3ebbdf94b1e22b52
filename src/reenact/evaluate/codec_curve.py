"""Our bitstream beside video codecs: their rates at equal quality; `python -m experiments.codec_curve` writes it down.

Takes the files of `reenact.evaluate.codec` (one a method) and `experiments.peers`. A codec's rate at equal LPIPS or AKD is
interpolated between its two nearest qualities, in the logarithm of the rate, at whichever picture size needs fewer bits.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reenact.evaluate.curves import line_chart

AIM_KBPS, AIM_LOSS, AIM_SHARE = 3.0, 3.0, 0.1
"""of issue 8: at most 3 kbit/s at no more than 3 % loss in AKD, and a tenth of H.264's rate at equal LPIPS"""
UNCODED = "uncoded"
"""the row of a result that says what the motion does before it is coded"""
FIGURES = {"lpips_alex": "LPIPS-Alex", "akd_mesh": "AKD-mesh, px at 256"}
Point = tuple[float, float]
"""kbit/s, figure"""


def read_codec(path: Path) -> dict[str, Any] | None:
    """A file of `reenact.evaluate.codec` or `.peers`; None for anything else."""
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    known = isinstance(report, dict) and isinstance(report.get("figures"), dict) and ("method" in report or "settings" in report)
    return report if known and any("kbps" in row for row in report["figures"].values()) else None


def lines(reports: Sequence[Mapping[str, Any]], key: str, rate: str = "kbps") -> dict[str, list[Point]]:
    """Method, or codec and side -> its points by rate. key: of `FIGURES`; rate: kbps, or kbps_whole where there is one."""
    out: dict[str, list[Point]] = {}
    for report in reports:
        for name, row in report["figures"].items():
            if name == UNCODED or row.get(key) is None:
                continue
            line = str(report["method"]) if "method" in report else _line(name)
            out.setdefault(line, []).append((float(row.get(rate, row["kbps"])), float(row[key])))
    return {name: sorted(points) for name, points in out.items()}


def _line(name: str) -> str:
    """x264 crf 51 at 128 -> x264 at 128."""
    codec, _, side = name.partition(" at ")
    return f"{codec.split()[0]} at {side}"


def rate_at(points: Sequence[Point], value: float) -> tuple[float | None, bool]:
    """The rate at which a line first comes down to a value, and whether that is exact.

    Not exact: the coarsest point is better already, so the true rate is at most that. None: no point is that good.
    """
    if not points:
        return None, False
    if points[0][1] <= value:
        return points[0][0], points[0][1] == value
    for (low, above), (high, below) in zip(points, points[1:], strict=False):
        if below <= value < above:
            share = (above - value) / (above - below)
            return math.exp(math.log(low) + share * (math.log(high) - math.log(low))), True
    return None, False


def compare(reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Method -> each of its rates: what coding costs, and every codec's rate at equal LPIPS and AKD with our share of it."""
    return {str(report["method"]): _method(report, reports) for report in reports if "method" in report}


def _method(report: Mapping[str, Any], reports: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    plain = report["figures"].get(UNCODED, {})
    rows = {}
    for name, row in report["figures"].items():
        if name == UNCODED:
            continue
        entry: dict[str, Any] = {"kbps": row["kbps"]}
        if plain.get("akd_mesh"):
            entry["akd_loss_percent"] = round((row["akd_mesh"] / plain["akd_mesh"] - 1) * 100, 2)
        for key in FIGURES:
            entry[f"equal_{key}"] = _peers(reports, key, row[key], row["kbps"])
        rows[name] = entry
    return rows


def _peers(reports: Sequence[Mapping[str, Any]], key: str, value: float, kbps: float) -> dict[str, Any]:
    """Codec -> its rate at this value, the better of its sides."""
    peers = [report for report in reports if "settings" in report]
    best: dict[str, dict[str, Any]] = {}
    for name, points in lines(peers, key).items():
        codec = name.split(" at ")[0]
        rate, exact = rate_at(points, value)
        best.setdefault(codec, {"kbps": None})
        if rate is not None and (best[codec]["kbps"] is None or rate < best[codec]["kbps"]):
            best[codec] = {"kbps": round(rate, 2), "exact": exact, "our_share": round(kbps / rate, 4)}
    return best


def chart(reports: Sequence[Mapping[str, Any]], key: str) -> str:
    """The curves of one figure as SVG; the rate's axis is logarithmic."""
    curves = {name: [(math.log10(rate), value) for rate, value in points] for name, points in lines(reports, key).items()}
    return line_chart(f"{FIGURES[key]} against the rate", curves, "log10 of kbit/s at 25 frames/s", FIGURES[key])


def two_charts(reports: Sequence[Mapping[str, Any]]) -> str:
    """Both figures, one above the other, as one SVG file."""
    inner = [chart(reports, key) for key in FIGURES]
    moved = [part.replace("<svg ", f'<svg y="{number * 260}" ', 1) for number, part in enumerate(inner)]
    return '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 500">\n' + "\n".join(moved) + "\n</svg>\n"
