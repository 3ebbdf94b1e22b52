"""reenact animate"""

from __future__ import annotations

from contextlib import nullcontext
from os.path import isfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

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
    counted,
    head_size,
    one_line_errors,
    progress_bar,
    say,
)
from reenact.media.film import FILM_QUALITY, check_film
from reenact.media.image import is_still
from reenact.pipeline.portrait import Output
from reenact.runtime.engine import Engine

if TYPE_CHECKING:
    from reenact.pipeline.animate import Report

DrivingPath = Annotated[
    Path, typer.Argument(help="video whose motion and sound are taken; or a photo, a take, blendshapes (.csv, .json)")
]


@app.command()
@one_line_errors
def animate(
    portrait: Annotated[Path, typer.Argument(help="photo of the person who is to move")],
    driving: DrivingPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="video file to write")] = Path("out.mp4"),
    motion: MotionName = None,
    settle: Settle = 2.0,
    reference: ReferenceName = "rest",
    parts: PartsText = "",
    lock: Lock = None,
    strength: Strength = 1.0,
    smooth: Smooth = 1.0,
    output: FilmOutput = "auto",
    film_quality: FilmQuality = FILM_QUALITY,
    face: Annotated[int, typer.Option(help="which face of the photo: 1 is the largest")] = 1,
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
    seed: Annotated[int | None, typer.Option(hidden=True)] = None,
    badge: Badge = False,
    unsigned: Unsigned = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
) -> None:
    """Animate a portrait with a driving video."""
    if seed is not None:
        say("--seed does nothing: no method draws random numbers")
    engine = Engine(method, device, threads, background, head_size(size), precision, renderer)  # type: ignore[arg-type]  # checked inside, in one line
    clip, control = clip_of(start, end, fps), control_of(motion, settle, reference, parts, lock, strength, smooth)
    drawn = Output(output, face, marks(badge, unsigned, sign_cert, sign_key), film_quality)  # type: ignore[arg-type]
    drawn.check()
    check_film(out, [portrait, driving])
    there = isfile(portrait) and isfile(driving)  # pathlib's would raise for a name that is too long
    with engine.begun() if there and not is_still(driving) else nullcontext(engine) as begun, progress_bar() as progress:
        from reenact.pipeline.animate import animate_file  # FFmpeg behind it: while networks load

        report = animate_file(portrait, driving, out, control=control, engine=begun, clip=clip, drawn=drawn, progress=progress)
    _report(report, out)


def _report(report: Report, out: Path) -> None:
    if report.frames_without_face:
        say(f"{report.frames_without_face} of {report.frames} driving frames show no face: the motion was held there")
    speed = report.frames / max(report.seconds, 1e-9)
    say(f"{out}: {counted(report.frames, 'frame')} at {float(report.rate):g} frames/s, made at {speed:.1f} frames/s")
