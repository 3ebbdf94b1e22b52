"""The tables of one results file: metrics that trained nothing here, then those that were losses or teachers."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any, get_args

from reenact.evaluate.figures import METRICS
from reenact.evaluate.registry import TRUTH, Table, headlines
from reenact.evaluate.results import HEADLINES, TAUGHT

BASELINES = ("still", "mesh_warp")


def tables(report: Mapping[str, Any]) -> str:
    """Each half in tables that fit a page: the picture and who it is; motion and expression."""
    mean = report["mean"]
    keys = [key for key in METRICS if any(figures.get(key) is not None for figures in mean.values())]
    parts = []
    for title, half in zip((HEADLINES, TAUGHT), headlines(keys), strict=True):
        groups = [[key for key in half if METRICS[key].table == table] for table in get_args(Table)]
        if any(groups):
            parts.append(f"<h3>{title}</h3>")
            parts += [_group(report, group, number == 0) for number, group in enumerate(groups) if group]
    meaning = "".join(f"<li><b>{escape(METRICS[key].label)}</b>: {escape(_meaning(key))}</li>" for key in keys)
    note = '<p class="note">Small: 95 % intervals, bootstrap over driving clips.</p>' if report.get("intervals") else ""
    return "\n".join([*parts, f"{note}<details><summary>what the columns mean</summary><ul>{meaning}</ul></details>"])


def best(figures: Mapping[str, float], key: str) -> str | None:
    """Whose figure of this key is best; None without figures."""
    if not figures:
        return None
    better = METRICS[key].better
    if better == "one":
        return min(figures, key=lambda name: abs(math.log(max(figures[name], 1e-6))))
    return (min if better == "lower" else max)(figures, key=figures.__getitem__)


def is_baseline(name: str) -> bool:
    """Whether a row is no method: a trivial baseline, or the true video."""
    return name in BASELINES or name == TRUTH


def _meaning(key: str) -> str:
    one = METRICS[key]
    return f"{one.text} ({one.taught})" if one.taught else one.text


def _group(report: Mapping[str, Any], keys: Sequence[str], counted: bool) -> str:
    """One table. counted: with the numbers of frames."""
    mean, ties = report["mean"], report.get("ties", {})
    header = "".join(f'<th title="{escape(_meaning(key))}">{escape(METRICS[key].label)}</th>' for key in keys)
    lines = [f"<tr><th></th>{header}{'<th>frames</th><th>FID frames</th>' if counted else ''}</tr>"]
    methods = {name: figures for name, figures in mean.items() if not is_baseline(name)}
    winners = {}
    for key in keys:
        winner = best({name: f[key] for name, f in methods.items() if f.get(key) is not None}, key)
        winners[key] = {winner, *(ties.get(key, []) if len(methods) > 1 else [])}
    for name, figures in mean.items():
        spans = report.get("intervals", {}).get(name, {})
        cells = "".join(_cell(name, key, mean, winners[key], spans.get(key)) for key in keys)
        style = ' class="baseline"' if is_baseline(name) else ""
        counts = f"<td>{figures.get('frames', '-')}</td><td>{figures.get('fid_frames', '-')}</td>" if counted else ""
        shown = "the true video" if name == TRUTH else name
        lines.append(f"<tr{style}><td>{escape(shown)}</td>{cells}{counts}</tr>")
    return '<div class="scroll"><table>' + "\n".join(lines) + "</table></div>"


def _cell(
    name: str, key: str, mean: Mapping[str, Mapping[str, Any]], winners: set[str | None], span: Sequence[float] | None
) -> str:
    value = mean[name].get(key)
    if value is None:
        return "<td>-</td>"
    classes = ["best"] if name in winners else []
    trivial = {one: mean[one][key] for one in BASELINES if one in mean and mean[one].get(key) is not None}
    if not is_baseline(name) and trivial and not METRICS[key].baselines_win and best({**trivial, name: value}, key) != name:
        classes.append("under")
    style = f' class="{" ".join(classes)}"' if classes else ""
    form = METRICS[key].form
    small = f"<br><small>{format(span[0], form)} to {format(span[1], form)}</small>" if span and not is_baseline(name) else ""
    return f"<td{style}>{format(value, form)}{small}</td>"
