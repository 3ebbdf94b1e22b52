"""reenact data synth, reenact data takes"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.data import data_app
from reenact.cli.shared import Threads, one_line_errors, progress_bar, rate, say
from reenact.core.errors import ReenactError


@data_app.command()
@one_line_errors
def synth(
    out: Annotated[Path, typer.Argument(help="folder for the clips; the same command goes on after a kill")],
    identities: Annotated[int, typer.Option(help="how many people")] = 8,
    motions: Annotated[int, typer.Option(help="how many motions; each is shown on every person")] = 4,
    per_motion: Annotated[int, typer.Option(help="show each motion on so many of the people only; 0: on all")] = 0,
    lights: Annotated[int, typer.Option(help="how often each is rendered, in another light before another backdrop")] = 1,
    frames: Annotated[int, typer.Option(help="of each clip")] = 32,
    fps: Annotated[str, typer.Option(help="frames a second, as 12.5 or 25")] = "12.5",
    coefficients: Annotated[
        Path | None, typer.Option(help="folder of .npz: every second motion follows one (docs/synth.md)")
    ] = None,
    flow: Annotated[int, typer.Option(help="store flow and occlusion of so many pairs of frames a clip")] = 0,
    seed: Annotated[int, typer.Option(help="another number is another world of people and motions")] = 0,
    size: Annotated[int, typer.Option(help="side of the pictures, px")] = 256,
    workers: Annotated[int, typer.Option(help="processes")] = 1,
) -> None:
    """Render talking heads with exact truth: clips, and an .npz beside each (docs/synth.md)."""
    from reenact.synth.command import Order, synthesize

    steps = rate(fps)
    assert steps is not None
    order = Order(out, identities, motions, lights, frames, steps, seed, size, flow, per_motion, coefficients)
    with progress_bar("rendering clips") as progress:
        done = synthesize(order, workers, progress)
    say(f"{out}: {done.rendered} clips rendered, {done.frames} frames ({done.before} done before)")


@data_app.command()
@one_line_errors
def takes(
    videos: Annotated[list[Path], typer.Argument(help="videos of people who speak")],
    out: Annotated[Path, typer.Option("--out", "-o", help="folder for the .npz files")] = Path("takes"),
    threads: Threads = 0,
) -> None:
    """Track faces: coefficients and head pose over time, for `reenact data synth --coefficients`."""
    from reenact.faces.landmarker import Landmarker
    from reenact.synth.takes import write_take

    twice = [stem for stem, count in Counter(video.stem for video in videos).items() if count > 1]
    if twice:
        raise ReenactError(f"two videos are called {twice[0]}, and so would their takes be: rename one, or give another --out")
    landmarker, failed = Landmarker(threads), []
    for video in videos:
        try:
            write_take(video, out, landmarker)
        except ReenactError as error:
            say(f"left out: {error}")
            failed.append(video)
    if len(failed) == len(videos):
        raise ReenactError(f"{out}: no take was written; the lines above say why")
    say(f"{out}: {len(videos) - len(failed)} takes ({len(failed)} left out)")
