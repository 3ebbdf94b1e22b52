"""reenact batch"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import (
    BackgroundName,
    Device,
    HeadSide,
    MethodName,
    MotionName,
    PrecisionName,
    Threads,
    app,
    head_size,
    one_line_errors,
    rate,
    say,
)
from reenact.core.errors import ReenactError
from reenact.motion.compose import NAMES, locked, parse_parts
from reenact.pipeline.animator import Control
from reenact.pipeline.batch import REPORT, BatchOptions, batch_folder
from reenact.pipeline.portrait import CROP, PHOTO
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
    output: Annotated[str, typer.Option(help="crop (the head, square) or photo (the whole photo)")] = "crop",
    motion: MotionName = None,
    settle: Annotated[float, typer.Option(help="seconds until --motion decaying is absolute")] = 2.0,
    parts: Annotated[str, typer.Option(help=f"whose motion, part by part, as in animate: {', '.join(NAMES)}")] = "",
    lock: Annotated[list[str] | None, typer.Option(help="hold a part as the portrait has it; may be repeated")] = None,
    strength: Annotated[float, typer.Option(help="how much of the driver's motion: 1 is all of it, 0 none, 3 at most")] = 1.0,
    smooth: Annotated[float, typer.Option(help="temporal filter against jitter, as in animate; 0 is off")] = 1.0,
    fps: Annotated[str | None, typer.Option(help="frames a second, as 25 or 30000/1001; default: the driving's own")] = None,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    background: BackgroundName = "still",
    size: HeadSide = "photo",
    precision: PrecisionName = "auto",
) -> None:
    """Animate every photo of a folder with every driving. Run it again and it goes on where it was stopped."""
    if face not in ("1", "all"):
        raise ReenactError(f"--face {face!r}: write 1 (the largest face) or all")
    base = (PHOTO if face == "all" or output == "photo" else CROP).parts()
    control = Control(motion, locked(parse_parts(parts, base), lock or ()), strength, smooth, settle)  # type: ignore[arg-type]
    options = BatchOptions(control, output, face == "all", drivers, rate(fps))  # type: ignore[arg-type]  # checked inside
    target = out or folder / "animated"
    engine = Engine(method, device, threads, background, head_size(size), precision)  # type: ignore[arg-type]
    jobs = batch_folder(folder, target, options, engine=engine, tell=lambda job: say(job.line()))
    failed = [job for job in jobs if job.state == "failed"]
    told = f"{len(jobs) - len(failed)} of {len(jobs)} films are in {target}"
    if failed:
        raise ReenactError(f"{told}; {target / REPORT} says what the other {len(failed)} lack")
    say(f"{told}; {target / REPORT} tells of each")
