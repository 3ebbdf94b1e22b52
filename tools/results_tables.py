"""Writes the tables of results/self_val.json where a page has them (the model cards, README), and results/codec_curve.json's.

python tools/results_tables.py [--check]

Tables are known by their first cell: independent networks (no loss, no teacher), measures that were losses or whose network was
a teacher, and README's few columns of the first. Rows that name no system of the JSON (the first weights) stay, with the cells
that they have. Bold: the best method, and all that these clips cannot tell from it, where the JSON says so. The table beside
video codecs (docs/bitstream.md) has its rates in RATES.
"""

import argparse
import json
import sys
from pathlib import Path

from reenact.methods import METHODS, about

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "docs/bitstream.md", *(f"src/reenact/weights/{name}/README.md" for name in METHODS))
NAMES = {
    "truth": "the true video",
    "still": "still portrait",
    "mesh_warp": "mesh warp by the true landmarks",
    **{name: about(name).title for name in reversed(METHODS)},
}
INDEPENDENT, TAUGHT, BRIEF = "by independent networks", "by losses and teachers", "people never trained on"
COLUMNS = {
    INDEPENDENT: (
        ("PSNR", "psnr", 2),
        ("SSIM", "ssim", 3),
        ("LPIPS (VGG)", "lpips_vgg", 3),
        ("DISTS", "dists", 3),
        ("FID", "fid", 1),
        ("AKD-106, px", "akd_106", 2),
        ("ARD-106, degrees", "ard_106", 2),
        ("mouth slope", "slope_mouth", 2),
        ("brows slope", "slope_brows", 2),
        ("lids slope", "slope_lids", 2),
        ("emotion", "emotion", 3),
        ("CSIM (ArcFace)", "csim_arcface", 3),
    ),
    TAUGHT: (
        ("L1", "l1", 3),
        ("LPIPS (AlexNet)", "lpips_alex", 3),
        ("AKD-mesh, px", "akd_mesh", 2),
        ("ARD, degrees", "ard", 2),
        ("AED-exp", "aed_exp", 4),
        ("blink r", "blink_correlation", 2),
        ("mouth r", "mouth_correlation", 2),
    ),
    BRIEF: (
        ("LPIPS (VGG)", "lpips_vgg", 3),
        ("106 landmarks, px", "akd_106", 2),
        ("head pose, degrees", "ard_106", 2),
        ("CSIM (ArcFace)", "csim_arcface", 3),
    ),
}
"""of each table, by its first cell: title, key in the JSON, digits"""

CODED = ("method", "kbit/s")
"""the first cells of the table beside video codecs"""
RATES = {"mmfa": ("0.5", "1", "2"), "sfd": ("1", "3"), "prior": ("1", "3"), "facevid2vid": ("1", "3")}


def codec_table(curve: dict) -> list[str]:
    """Each method at its RATES beside what video codecs need for the same LPIPS, the same AKD."""
    peers = ("x264", "x265", "svt-av1")
    titles = [*CODED, "AKD more than uncoded", "x264, x265, SVT-AV1 at equal LPIPS, kbit/s", "at equal AKD"]
    lines = [_line(titles), "|---" * len(titles) + "|"]
    for method, rates in RATES.items():
        for rate in rates:
            one = curve["methods"][method][f"{rate} kbit/s"]
            needed = [", ".join(_rate(one[key][peer]) for peer in peers) for key in ("equal_lpips_alex", "equal_akd_mesh")]
            lines.append(_line([method, f"{one['kbps']:.2g}", f"{one['akd_loss_percent']:.1f} %", *needed]))
    return lines


def _rate(one: dict) -> str:
    return f"{'' if one['exact'] else '≤ '}{one['kbps']:.1f}"


def table(report: dict, head: str, kept: dict[str, dict[str, str]]) -> list[str]:
    """Head, rule, one line a system, then the rows that are kept."""
    mean, ties = report["mean"], report.get("ties", {})
    columns = [column for column in COLUMNS[head] if any(figures.get(column[1]) is not None for figures in mean.values())]
    lines = [_line([head, *(title for title, _, _ in columns)]), "|---" * (len(columns) + 1) + "|"]
    for name, title in NAMES.items():
        if name in mean:
            cells = [_figure(mean[name].get(key), digits, name in ties.get(key, ())) for _, key, digits in columns]
            lines.append(_line([title, *cells]))
    rows = [[name, *(cells.get(title, "-") for title, _, _ in columns)] for name, cells in kept.items()]
    return lines + [_line(row) for row in rows if set(row[1:]) != {"-"}]


def renewed(text: str, report: dict, curve: dict) -> str:
    """The page with its tables made anew; one without them as it is. report, curve: results/self_val.json, codec_curve.json."""
    lines = text.split("\n")
    if (coded := next((i for i, line in enumerate(lines) if tuple(_cells(line)[:2]) == CODED), None)) is not None:
        lines[coded : _end(lines, coded)] = codec_table(curve)
    spans = {i: _end(lines, i) for i, line in enumerate(lines) if _head(line) in COLUMNS}
    kept: dict[str, dict[str, str]] = {}
    for first, last in spans.items():
        titles = _cells(lines[first])[1:]
        for row in map(_cells, lines[first + 2 : last]):
            if row[0] not in NAMES.values():
                kept.setdefault(row[0], {}).update(zip(titles, row[1:], strict=False))
    for first, last in reversed(spans.items()):
        lines[first:last] = table(report, _head(lines[first]), kept)
    return "\n".join(lines)


def _head(line: str) -> str:
    return (_cells(line) or [""])[0]


def _figure(value: float | None, digits: int, best: bool) -> str:
    text = "-" if value is None else f"{value:.{digits}f}"
    return f"**{text}**" if best else text


def _line(cells: list[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else []


def _end(lines: list[str], first: int) -> int:
    return next(i for i in range(first, len(lines) + 1) if i == len(lines) or not lines[i].startswith("|"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    given = parser.parse_args()
    report, curve = (json.loads((ROOT / "results" / f"{name}.json").read_text()) for name in ("self_val", "codec_curve"))
    for page in (ROOT / name for name in PAGES):
        if not page.exists():
            continue
        before = page.read_text(encoding="utf-8")
        after = renewed(before, report, curve)
        if before != after:
            if given.check:
                sys.exit(f"{page.relative_to(ROOT)}: its tables are not those of results/: python tools/results_tables.py")
            page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
