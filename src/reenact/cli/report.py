"""reenact report"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import app, one_line_errors, say


@app.command()
@one_line_errors
def report(
    results: Annotated[list[Path], typer.Argument(help="files of reenact evaluate, and of the codec's figures")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML page to write")] = Path("report.html"),
    baseline: Annotated[str, typer.Option(help="the method that gains are counted against")] = "facevid2vid",
    pictures: Annotated[
        list[Path] | None, typer.Option(help="a contact sheet to embed; several. They may show real people: keep that page")
    ] = None,
) -> None:
    """Make one HTML page of evaluation results."""
    from reenact.evaluate.report.page import write_report

    once = list({path.resolve(): path for path in results}.values())
    passed = write_report(once, out, baseline, pictures or [])
    other = f"; passed over, as they hold no such results: {', '.join(path.name for path in passed)}" if passed else ""
    say(f"{out}: {len(once) - len(passed)} results files{other}")
