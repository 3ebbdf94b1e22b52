"""reenact calibrate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import OPTION_NAMES, app, one_line_errors, say
from reenact.core.errors import as_options
from reenact.runtime.onnx_method import known_methods, weights_folder


@app.command()
@one_line_errors
def calibrate(
    weights: Annotated[str, typer.Argument(help="a weights folder, or the name of a method")],
    pool: Annotated[Path, typer.Argument(help="training pool made by reenact data prepare")],
    clips: Annotated[Path | None, typer.Option(help="folder of videos of people to train on, for the codec's profile")] = None,
    only: Annotated[list[str] | None, typer.Option(help="run this step alone; may be repeated")] = None,
    skip: Annotated[list[str] | None, typer.Option(help="leave this step out; may be repeated")] = None,
    again: Annotated[bool, typer.Option("--again", help="run steps that are done, too")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="list the steps with their commands and run none")] = False,
) -> None:
    """Measure on new weights what editing and codec need. Tests and pages too, in the right order; the same command resumes."""
    from reenact.calibrate.command import Order, plan, run

    folder = weights_folder() / weights if weights in known_methods() else Path(weights)
    order = Order(folder, pool, clips, tuple(only or ()), tuple(skip or ()), again)
    if dry_run:
        for planned in plan(order):
            passed = as_options(planned.passed, OPTION_NAMES)
            typer.echo(f"{planned.step.name:17s} {passed or 'to do':34s} {planned.step.told(folder.resolve().name)}")
        return
    ran = run(order, say)
    say(f"{folder}: {', '.join(ran) or 'nothing'} measured")
    if "control" in ran:
        say("next: reenact evaluate (docs/evaluation.md), reenact bench, then python tools/results_tables.py")
