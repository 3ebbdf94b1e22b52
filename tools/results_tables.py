"""Writes the table of results/self_val.json where a page has one: README.md, the model cards.

python tools/results_tables.py [--check]

A table is found by its first column head `| | L1 |`; lines that name no system of the JSON are kept (the first weights).
"""

import argparse
import json
import sys
from pathlib import Path

from reenact.methods import METHODS, about

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", *(f"src/reenact/weights/{name}/README.md" for name in METHODS))
NAMES = {
    "still": "still portrait",
    "mesh_warp": "mesh warp by the true landmarks",
    **{name: about(name).title for name in reversed(METHODS)},
}
COLUMNS = (
    ("L1", "l1", 3),
    ("PSNR", "psnr", 2),
    ("SSIM", "ssim", 3),
    ("LPIPS (AlexNet)", "lpips_alex", 3),
    ("AKD-mesh, px", "akd_mesh", 2),
    ("ARD, degrees", "ard", 2),
    ("AED-exp", "aed_exp", 4),
    ("blink r", "blink_correlation", 2),
    ("mouth r", "mouth_correlation", 2),
    ("FID", "fid", 1),
    ("CSIM (ArcFace)", "csim_arcface", 3),
)
HEAD = "| | " + " | ".join(title for title, _, _ in COLUMNS) + " |"


def table(mean: dict) -> list[str]:
    """Head, rule, one line a system."""
    lines = [HEAD, "|---" * (len(COLUMNS) + 1) + "|"]
    for name, title in NAMES.items():
        if name in mean:
            figures = (f"{mean[name][key]:.{digits}f}" for _, key, digits in COLUMNS)
            lines.append(f"| {title} | " + " | ".join(figures) + " |")
    return lines


def renewed(text: str, mean: dict) -> str:
    """The page with its table made anew."""
    lines = text.split("\n")
    if HEAD not in lines:
        return text
    first = lines.index(HEAD)
    last = next(i for i in range(first, len(lines) + 1) if i == len(lines) or not lines[i].startswith("|"))
    known = {f"| {title} " for title in NAMES.values()}
    kept = [line for line in lines[first + 2 : last] if not any(line.startswith(name) for name in known)]
    return "\n".join([*lines[:first], *table(mean), *kept, *lines[last:]])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    given = parser.parse_args()
    mean = json.loads((ROOT / "results" / "self_val.json").read_text())["mean"]
    for page in (ROOT / name for name in PAGES):
        if not page.exists():
            continue
        before = page.read_text(encoding="utf-8")
        after = renewed(before, mean)
        if before != after:
            if given.check:
                sys.exit(
                    f"{page.relative_to(ROOT)}: its table is not that of results/self_val.json: python tools/results_tables.py"
                )
            page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
