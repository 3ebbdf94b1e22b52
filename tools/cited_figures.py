"""Writes figures into pages that cite them as links: [0.872](../../results/cross_val.json "mean.mmfa.csim_arcface").

python tools/cited_figures.py [--check]

The link's title is the way to the figure in the file, names joined by dots; two ways with " / " between them give the change from
the second to the first in percent, one way with " %" behind the number a share in percent. The number of digits stays as it is
written.
"""

import argparse
import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PAGES = (
    "README.md",
    "docs/editing.md",
    "docs/evaluation.md",
    "docs/live.md",
    "docs/methods/claims.md",
    "docs/prior.md",
    "docs/provenance.md",
    "docs/queue.md",
    "docs/serve.md",
    "docs/sfd.md",
    "docs/weights.md",
    *(f"src/reenact/weights/{name}/README.md" for name in ("mmfa", "prior", "sfd")),
)
CITED = re.compile(r'\[([-+]?[\d.]+)( %)?\]\(([^)\s]+\.json) "([^"]+)"\)')


def found(held: Any, way: str) -> float:
    """The figure at the end of a way. Raises KeyError or IndexError where it ends before."""
    for name in way.split("."):
        held = held[int(name)] if isinstance(held, list) else held[name]
    return float(held)


def written(held: Any, way: str, before: str, percent: bool) -> str:
    """The figure in as many digits as `before` has."""
    digits = len(before.partition(".")[2])
    one, *other = (found(held, part) for part in way.split(" / "))
    if other:
        return f"{100 * (one / other[0] - 1):+.{digits}f}"
    return f"{100 * one if percent else one:.{digits}f}"


def renewed(page: Path) -> str:
    """The page with every cited figure as its file has it."""

    def figure(match: re.Match[str]) -> str:
        before, percent, file, way = match.groups()
        held = json.loads((page.parent / file).resolve().read_text(encoding="utf-8"))
        return f'[{written(held, way, before, bool(percent))}{percent or ""}]({file} "{way}")'

    return CITED.sub(figure, page.read_text(encoding="utf-8"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail where a page differs")
    given = parser.parse_args()
    for page in (ROOT / name for name in PAGES):
        after = renewed(page)
        if after == page.read_text(encoding="utf-8"):
            continue
        if given.check:
            sys.exit(f"{page.relative_to(ROOT)}: a cited figure is not its file's: python tools/cited_figures.py")
        page.write_text(after, encoding="utf-8")


if __name__ == "__main__":
    main()
