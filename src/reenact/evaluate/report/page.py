"""The page: one section a results file, the claims, the published figures; nothing is fetched when it is opened."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image as PILImage

from reenact.core.errors import ReenactError
from reenact.core.files import check_output, explained, replaced
from reenact.evaluate.codec_curve import read_codec
from reenact.evaluate.control_table import CONTROL_COLUMNS
from reenact.evaluate.curves import line_chart
from reenact.evaluate.figures import METRICS
from reenact.evaluate.report.codec import codec_section
from reenact.evaluate.report.others import other_section
from reenact.evaluate.report.published import PUBLISHED
from reenact.evaluate.report.tables import tables
from reenact.media.image import read_image
from reenact.methods import METHODS, Claim, about

PICTURE_WIDTH = 1100
BASELINE = "facevid2vid"

STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;max-width:1180px;margin:2em auto;padding:0 1em}
h1{font-size:1.6em}h2{font-size:1.25em;margin-top:2.2em;border-bottom:2px solid #ddd;padding-bottom:.2em}h3{font-size:1.05em}
.scroll{overflow-x:auto}table{border-collapse:collapse;font-size:13px;font-variant-numeric:tabular-nums;margin:.6em 0}
th,td{padding:.3em .6em;border-bottom:1px solid #e3e3e3;text-align:right;white-space:nowrap}
th{background:#f4f4f2;vertical-align:bottom}th:first-child,td:first-child,.text td,.text th{text-align:left}
.text td{white-space:normal}
.baseline td{color:#777}.best{font-weight:700}
td small{font-weight:400;color:#777}.under{background:#fbe6e3}.note{color:#666;font-size:13px}
.foreign{background:#f6f3ea;border-left:4px solid #c9b26b;padding:.4em 1em}svg,img{max-width:100%;height:auto;margin:.3em 0}
details{margin:.5em 0}code{background:#f2f2f0;padding:0 .25em;overflow-wrap:anywhere}
"""
TITLES = {
    "self": "Self-reenactment",
    "path": "The path that people use, step by step",
    "cross": "Cross-identity",
    "synth": "Rendered pairs: cross-identity with the exact truth",
    "large-pose": "Large pose",
    "control": "Control and disentanglement",
}


def write_report(results: Sequence[Path], out: Path, baseline: str = BASELINE, pictures: Sequence[Path] = ()) -> list[Path]:
    """Results files -> one self-contained page. pictures: contact sheets to embed (they may show real people).

    Gives the files that were passed over: JSON of something else (a bench). Raises ReenactError for a file that is no JSON,
    for no results at all, a baseline that none of them has (but for the default), or a page that cannot be written, does not end
    in .html or is one of the files that are read.
    """
    if out.parent.is_dir():  # else it is made below
        check_output(out, [*results, *pictures])
    if out.suffix.lower() not in (".html", ".htm"):
        raise ReenactError(f"{out}: the report is an HTML page: give it a name that ends in .html")
    codec = {path: report for path in results if (report := read_codec(path)) is not None}
    found = {path: read_results(path) for path in results if path not in codec}
    loaded = [(path, report) for path, report in found.items() if report is not None]
    others = {path: section for path, report in found.items() if report is None and (section := other_section(path))}
    if not loaded and not codec and not others:
        raise ReenactError(f"{results[0]}: not a results file of this version; give files that reenact evaluate has written")
    named = {name: None for _, report in loaded for name in report["mean"]}
    if baseline not in (BASELINE, *named):
        raise ReenactError(
            f"no results of a method {baseline!r} as the `baseline`: these files have {', '.join(named) or 'none'}"
        )
    order = {protocol: number for number, protocol in enumerate(TITLES)}
    loaded.sort(key=lambda entry: (order.get(entry[1]["protocol"], len(order)), -len(entry[1]["mean"])))
    body = [_head(len(loaded) + len(codec) + len(others)), *(_section(path, report) for path, report in loaded)]
    body += [codec_section(list(codec.values())), *(_provenance(path, report) for path, report in codec.items())]
    body += [
        *others.values(),
        _claims([report for _, report in loaded], baseline),
        _published(),
        *(_picture(path) for path in pictures),
    ]
    page = f'<!doctype html><html lang="en"><meta charset="utf-8"><title>reenact: evaluation</title><style>{STYLE}</style>'
    with explained(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with replaced(out) as part:
        part.write_text(page + "\n".join(body) + "</html>\n", encoding="utf-8")
    return [path for path, report in found.items() if report is None and path not in others]


def read_results(path: Path) -> dict[str, Any] | None:
    """A file of `reenact evaluate`; None for other JSON. Raises ReenactError for what is no JSON."""
    try:
        report = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise ReenactError(f"{path}: cannot be read ({error.strerror}); give files of reenact evaluate") from None
    except ValueError as error:
        raise ReenactError(f"{path}: cannot be read as results ({error}); give files of reenact evaluate") from None
    if not isinstance(report, dict) or not isinstance(report.get("mean"), dict) or report.get("protocol") not in TITLES:
        return None
    return report


def gain(value: float, base: float) -> float:
    """Relative change in percent; negative is less than the base. Raises ValueError for a base of 0."""
    if base == 0:
        raise ValueError("a base of 0 has no relative change")
    return (value - base) / abs(base) * 100


def _head(count: int) -> str:
    return (
        f'<h1>reenact: evaluation</h1><p class="note">{count} results files. Bold: the best method, and every other that '
        "these clips cannot tell from it (trivial baselines and the true video aside). "
        "Shaded: a method that is worse than the better of the two trivial baselines, <i>still</i> (the source as it is) and "
        "<i>mesh_warp</i> (the source's face mesh laid on the driver's). What every column means, with its network, stands in "
        "docs/evaluation.md and under each table.</p>"
    )


def _section(path: Path, report: Mapping[str, Any]) -> str:
    control = report["protocol"] == "control"
    parts = [f"<h2>{TITLES[report['protocol']]} ({escape(path.name)})</h2>", f"<p>{escape(report.get('about', ''))}</p>"]
    parts.append(_control(report["mean"]) if control else tables(report) + _clip_chart(report))
    return "\n".join([*parts, _provenance(path, report)])


def _clip_chart(report: Mapping[str, Any]) -> str:
    """The main figure clip by clip, the clips in the order of the best method's: where does it fail?"""
    clips = report.get("clips", {})
    columns, rows = clips.get("columns", []), clips.get("rows", [])
    key = next((key for key in ("lpips_alex", "aed_exp") if key in columns), None)
    if key is None or not rows:
        return ""
    place = columns.index(key)
    table: dict[str, dict[str, float | None]] = {}
    for row in rows:
        table.setdefault(row[1], {})[row[0]] = row[place]
    last = table[list(table)[-1]]
    order = sorted(last, key=lambda clip: (last[clip] is None, last[clip] or 0.0))
    lines = {name: [(float(i), values.get(clip)) for i, clip in enumerate(order)] for name, values in table.items()}
    if all(y is None for line in lines.values() for _, y in line):
        return ""
    title = f"{METRICS[key].label} clip by clip, sorted by {list(table)[-1]}"
    return line_chart(title, lines, "clip", METRICS[key].label)


def _control(mean: Mapping[str, Mapping[str, Any]]) -> str:
    keys = [key for key in CONTROL_COLUMNS if any(figures.get(key) is not None for figures in mean.values())]
    lines = ["<tr><th>method</th><th>asked</th>" + "".join(f"<th>{escape(CONTROL_COLUMNS[k][0])}</th>" for k in keys) + "</tr>"]
    for name, figures in mean.items():
        cells = []
        for key in keys:
            value, (_, form, factor) = figures.get(key), CONTROL_COLUMNS[key]
            cells.append("<td>-</td>" if value is None else f"<td>{format(value * factor, form)}</td>")
        method, _, asked = name.partition("/")
        lines.append(f"<tr><td>{escape(method)}</td><td>{escape(asked)}</td>{''.join(cells)}</tr>")
    table = f'<div class="scroll"><table>{"".join(lines)}</table></div>'
    note = (
        '<p class="note">Arrived: share of the asked change that the output shows, by the landmarker (expression: '
        "projection of the blendshapes' change on the donor's). Error: degrees, halves of the side, or log scale. Leak: what "
        "else moved: mean of the other angles, percent of the crop's side, percent of the scale, mean blendshape change.</p>"
    )
    return table + note + _yaw_charts(mean)


def _yaw_charts(mean: Mapping[str, Mapping[str, Any]]) -> str:
    curves: dict[str, dict[str, list[tuple[float, float]]]] = {}
    for name, figures in mean.items():
        method, _, asked = name.partition("/")
        if asked == "base":
            point = {**figures, "arrived": 0.0, "asked": 0.0}
        elif asked.startswith("yaw") and figures.get("arrived") is not None:
            point = dict(figures)
        else:
            continue
        for key in ("arrived", "csim_sface", "csim_arcface"):
            if point.get(key) is not None:
                curves.setdefault(key, {}).setdefault(method, []).append((point["asked"], point[key]))
    titles = {
        "arrived": "Yaw: asked and arrived, degrees",
        "csim_sface": "CSIM (SFace) against yaw",
        "csim_arcface": "CSIM (ArcFace) against yaw",
    }
    charts = [
        line_chart(titles[key], {m: sorted(line) for m, line in lines.items()}, "asked yaw, degrees", key)
        for key, lines in curves.items()
    ]
    return "".join(charts)


def _claims(reports: Sequence[Mapping[str, Any]], baseline: str) -> str:
    rows = "".join(_claim_row(name, claim, reports, baseline) for name in METHODS for claim in about(name).claims)
    return (
        f"<h2>What the papers claim, and ours</h2><p>Relative change against <b>{escape(baseline)}</b> in the same table. "
        "The papers' networks and data are others than ours; equal bandwidth is not checked here.</p>"
        '<table class="text"><tr><th>method</th><th>paper</th><th>claim</th><th>claimed</th><th>ours</th></tr>'
        f"{rows}</table>"
    )


def _claim_row(method: str, claim: Claim, reports: Sequence[Mapping[str, Any]], baseline: str) -> str:
    found = []
    for report in reports:
        mean = report["mean"]
        if report["protocol"] != claim.protocol or method not in mean or baseline not in mean:
            continue
        for key in claim.figures:
            value, base = mean[method].get(key), mean[baseline].get(key)
            if value is not None and base:
                found.append(f"{METRICS[key].label} {gain(value, base):+.1f} %")
    claimed = "-" if claim.percent is None else f"{claim.percent:+g} %"
    ours = "; ".join(found) or f"not measured: no {claim.protocol} results with both {method} and {baseline}"
    cells = (method, about(method).paper, claim.text, claimed, ours)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _published() -> str:
    rows = "".join(
        f"<tr><td>{escape(p.test)}</td><td>{escape(p.figures)}</td><td>{escape(p.source)}</td></tr>" for p in PUBLISHED
    )
    return (
        '<h2>Published figures of peers</h2><div class="foreign"><p><b>Not measured here.</b> Other data, crops, networks and '
        "protocols: not comparable with the tables above.</p>"
        f'<table class="text"><tr><th>test</th><th>figures</th><th>source</th></tr>{rows}</table></div>'
    )


def _provenance(path: Path, report: Mapping[str, Any]) -> str:
    keys = (
        "command",
        "date",
        "commit",
        "items",
        "device",
        "scored_frames_per_second",
        "weights_sha256",
        "common_sha256",
        "networks_sha256",
        "hardware",
        "versions",
    )
    lines = "".join(f"<li>{key}: <code>{escape(_plain(report[key]))}</code></li>" for key in keys if report.get(key) is not None)
    return f"<details><summary>where this comes from: {escape(path.name)}</summary><ul>{lines}</ul></details>"


def _plain(value: Any) -> str:
    return ", ".join(f"{key} {_plain(entry)}" for key, entry in value.items()) if isinstance(value, Mapping) else str(value)


def _picture(path: Path) -> str:
    picture = PILImage.fromarray(read_image(path))
    if picture.width > PICTURE_WIDTH:
        picture = picture.resize(
            (PICTURE_WIDTH, round(picture.height * PICTURE_WIDTH / picture.width)), PILImage.Resampling.LANCZOS
        )
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=85)
    text = base64.b64encode(data.getvalue()).decode()
    return f'<h2>{escape(path.parent.name)}/{escape(path.name)}</h2><img alt="" src="data:image/jpeg;base64,{text}">'
