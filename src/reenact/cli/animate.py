"""reenact animate"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.marks import Badge, SignCert, SignKey, Unsigned, marks
from reenact.cli.shared import (
    BackgroundName,
    Device,
    HeadSide,
    MethodName,
    MotionName,
    PrecisionName,
    ReferenceName,
    Threads,
    app,
    counted,
    head_size,
    one_line_errors,
    progress_bar,
    rate,
    reference_of,
    say,
    seconds,
)
from reenact.motion.compose import NAMES, locked, parse_parts
from reenact.motion.smooth import delay_ms
from reenact.pipeline.animate import Report, animate_file
from reenact.pipeline.animator import Control
from reenact.pipeline.options import Clip
from reenact.pipeline.portrait import Output
from reenact.runtime.engine import Engine

DrivingPath = Annotated[
    Path, typer.Argument(help="video whose motion and sound are taken; or a photo, a take, blendshapes (.csv, .json)")
]
FilmOutput = Annotated[
    str,
    typer.Option(
        help="crop (the head, square), photo (the whole; the head's size and place stay unless --parts says) or auto: a tight"
        " photo that cuts the head off, else crop"
    ),
]


@app.command()
@one_line_errors
def animate(
    portrait: Annotated[Path, typer.Argument(help="photo of the person who is to move")],
    driving: DrivingPath,
    out: Annotated[Path, typer.Option("--out", "-o", help="video file to write")] = Path("out.mp4"),
    motion: MotionName = None,
    settle: Annotated[float, typer.Option(help="seconds until --motion decaying is absolute")] = 2.0,
    reference: ReferenceName = "rest",
    parts: Annotated[
        str,
        typer.Option(
            help="part by part from driver, source, driver*FACTOR or a constant, as pose=source,mouth=driver*1.3,scale=1.0;"
            f" parts: {', '.join(NAMES)}"
        ),
    ] = "",
    lock: Annotated[
        list[str] | None, typer.Option(help="hold a part as the portrait has it, as --lock scale; may be repeated")
    ] = None,
    strength: Annotated[float, typer.Option(help="how much of the driver's motion: 1 is all of it, 0 none, 3 at most")] = 1.0,
    smooth: Annotated[
        float,
        typer.Option(help=f"temporal filter against jitter; 1 delays slow movements by {delay_ms():.0f} ms at most, 0 is off"),
    ] = 1.0,
    output: FilmOutput = "auto",
    face: Annotated[int, typer.Option(help="which face of the photo: 1 is the largest")] = 1,
    start: Annotated[str | None, typer.Option(help="where in the video to start: seconds or h:mm:ss")] = None,
    end: Annotated[str | None, typer.Option(help="where in the video to end: seconds or h:mm:ss")] = None,
    fps: Annotated[str | None, typer.Option(help="frames a second, as 25 or 30000/1001; default: the video's own")] = None,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    background: BackgroundName = "still",
    size: HeadSide = "photo",
    precision: PrecisionName = "auto",
    seed: Annotated[int | None, typer.Option(hidden=True)] = None,
    badge: Badge = False,
    unsigned: Unsigned = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
) -> None:
    """Animate a portrait with a driving video."""
    if seed is not None:
        say("--seed does nothing: no method draws random numbers")
    engine = Engine(method, device, threads, background, head_size(size), precision)  # type: ignore[arg-type]  # checked inside, in one line
    clip = Clip(seconds("start", start), seconds("end", end), rate(fps))
    drawn = Output(output, face, marks(badge, unsigned, sign_cert, sign_key))  # type: ignore[arg-type]
    counted_from = reference_of(reference)

    def control(drawn: Output) -> Control:
        chosen = locked(parse_parts(parts, drawn.parts()), lock or ())
        return Control(motion, chosen, strength, smooth, settle, counted_from)  # type: ignore[arg-type]

    with progress_bar() as progress:
        report = animate_file(portrait, driving, out, control=control, engine=engine, clip=clip, drawn=drawn, progress=progress)
    _report(report, out)


def _report(report: Report, out: Path) -> None:
    if report.frames_without_face:
        say(f"{report.frames_without_face} of {report.frames} driving frames show no face: the motion was held there")
    speed = report.frames / max(report.seconds, 1e-9)
    say(f"{out}: {counted(report.frames, 'frame')} at {float(report.rate):g} frames/s, made at {speed:.1f} frames/s")
