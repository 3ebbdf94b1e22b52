"""reenact batch"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.follow import (
    End,
    FilmOutput,
    FilmQuality,
    Lock,
    PartsText,
    Rate,
    Settle,
    Smooth,
    Start,
    Strength,
    clip_of,
    control_of,
)
from reenact.cli.marks import Badge, SignCert, SignKey, Unsigned, marks
from reenact.cli.shared import (
    BackgroundName,
    Device,
    HeadSide,
    MethodName,
    MotionName,
    PrecisionName,
    ReferenceName,
    RendererName,
    Threads,
    app,
    head_size,
    one_line_errors,
    say,
)
from reenact.core.errors import ReenactError
from reenact.media.film import FILM_QUALITY
from reenact.pipeline.batch import REPORT, BatchOptions, Job, batch_folder
from reenact.pipeline.portrait import Output
from reenact.runtime.engine import Engine


@app.command()
@one_line_errors
def batch(
    folder: Annotated[Path, typer.Argument(help="photos and drivings (videos, takes, blendshapes), or portraits/ and drivings/")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="folder of the films; default: FOLDER/animated")] = None,
    face: Annotated[str, typer.Option(help="1 (the largest face of each photo) or all (every face; the whole photo)")] = "1",
    drivers: Annotated[
        str, typer.Option(help="with --face all: one (each driving moves all faces) or own (one driving a face, by name)")
    ] = "one",
    output: FilmOutput = "auto",
    film_quality: FilmQuality = FILM_QUALITY,
    motion: MotionName = None,
    settle: Settle = 2.0,
    reference: ReferenceName = "rest",
    parts: PartsText = "",
    lock: Lock = None,
    strength: Strength = 1.0,
    smooth: Smooth = 1.0,
    start: Start = None,
    end: End = None,
    fps: Rate = None,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    background: BackgroundName = "still",
    size: HeadSide = "photo",
    precision: PrecisionName = "auto",
    renderer: RendererName = "full",
    badge: Badge = False,
    unsigned: Unsigned = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
) -> None:
    """Animate every photo of a folder with every driving. Run it again and it goes on where it was stopped."""
    if face not in ("1", "all"):
        raise ReenactError(f"--face {face!r}: write 1 (the largest face) or all")
    if face == "all" and output == "crop":
        raise ReenactError("--face all moves the faces in the whole photo: leave out --output crop")
    drawn = Output(output, 1, marks(badge, unsigned, sign_cert, sign_key), film_quality)  # type: ignore[arg-type]
    control = control_of(motion, settle, reference, parts, lock, strength, smooth)
    options = BatchOptions(control, drawn, face == "all", drivers, clip_of(start, end, fps))  # type: ignore[arg-type]  # checked inside
    target = out or folder / "animated"
    engine = Engine(method, device, threads, background, head_size(size), precision, renderer)  # type: ignore[arg-type]
    jobs = batch_folder(folder, target, options, engine=engine, tell=lambda job: say(job.line()))
    _report(jobs, target)


def _report(jobs: list[Job], target: Path) -> None:
    """Raises ReenactError where films are missing."""
    failed, report = sum(job.state == "failed" for job in jobs), target / REPORT
    if len(jobs) == 1:
        if failed:
            raise ReenactError(f"the film is not made; {report} says what it lacks")
        say(f"the film is in {target}; {report} tells of it")
        return
    are = "is" if len(jobs) - failed == 1 else "are"
    told = f"{len(jobs) - failed} of {len(jobs)} films {are} in {target}"
    if failed:
        raise ReenactError(f"{told}; {report} says what the other {'lacks' if failed == 1 else f'{failed} lack'}")
    say(f"{told}; {report} tells of each")
