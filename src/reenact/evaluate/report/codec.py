"""The report's section on the bitstream: every method's and codec's rate and distortion, and who needs how much for the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from reenact.evaluate.codec_curve import AIM_KBPS, AIM_LOSS, AIM_SHARE, FIGURES, chart, compare, lines

COLUMNS = {"kbps": ".2f", "stream_kbps": ".2f", "kbps_whole": ".1f", "lpips_alex": ".4f", "akd_mesh": ".2f", "aed_exp": ".4f"}


def codec_section(reports: Sequence[Mapping[str, Any]]) -> str:
    """Files of `reenact.evaluate.codec` and `.peers` -> a section; empty without any."""
    if not reports:
        return ""
    rows = "".join(_row(report.get("method", ""), name, row) for report in reports for name, row in report["figures"].items())
    head = "".join(f"<th>{escape(key)}</th>" for key in COLUMNS)
    table = f"<table><tr><th>coded</th>{head}</tr>{rows}</table>"
    charts = "".join(chart(reports, key) for key in FIGURES if lines(reports, key))
    note = (
        '<p class="note">kbps: kbit/s at 25 frames/s, without the portrait (codecs: without the first picture). Distortion is '
        "against the original frames: a codec's falls with its rate to 0, an animation's ends at what the method can do.</p>"
    )
    return f'<h2>Bitstream</h2>{note}<div class="scroll">{table}</div>{charts}{_equal(compare(reports))}'


def _row(method: str, name: str, row: Mapping[str, Any]) -> str:
    cells = "".join(f"<td>{'-' if row.get(key) is None else format(row[key], form)}</td>" for key, form in COLUMNS.items())
    return f"<tr><td>{escape(f'{method} {name}'.strip())}</td>{cells}</tr>"


def text_row(cells: Sequence[str]) -> str:
    """A table's row of plain text."""
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _equal(methods: Mapping[str, Mapping[str, Any]]) -> str:
    rows = []
    for method, points in methods.items():
        for name, point in points.items():
            loss = point.get("akd_loss_percent")
            cells = [f"{method} {name}", "-" if loss is None else f"{loss:+.1f} %"]
            cells += ["; ".join(_share(codec, row) for codec, row in point[f"equal_{key}"].items()) or "-" for key in FIGURES]
            rows.append(text_row(cells))
    head = "".join(f"<th>codecs' rate at equal {escape(label)}</th>" for label in FIGURES.values())
    aim = f"at most {AIM_KBPS:g} kbit/s at no more than {AIM_LOSS:g} % of AKD; {AIM_SHARE:g} of x264's rate at equal LPIPS"
    table = f'<table class="text"><tr><th>ours</th><th>AKD lost</th>{head}</tr>{"".join(rows)}</table>'
    return f'<h3>At equal quality</h3><p class="note">Aim: {escape(aim)}.</p>{table}' if rows else ""


def _share(codec: str, row: Mapping[str, Any]) -> str:
    if row["kbps"] is None:
        return f"{codec}: not reached"
    least = "" if row["exact"] else "at most "
    return f"{codec}: {least}{row['kbps']:.1f} kbit/s, ours is {row['our_share'] * 100:.0f} % of it"
