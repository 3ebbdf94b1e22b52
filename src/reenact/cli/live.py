"""reenact live"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.follow import FilmQuality, Lock, PartsText, Settle, Strength
from reenact.cli.shared import (
    BackgroundName,
    Device,
    MethodName,
    MotionName,
    PrecisionName,
    RendererName,
    Threads,
    app,
    one_line_errors,
    rate,
    say,
)
from reenact.core.errors import ReenactError
from reenact.live import sinks, sources
from reenact.live.run import LiveOptions, run_live
from reenact.live.session import Summary
from reenact.media.film import FILM_QUALITY
from reenact.motion.compose import locked, parse_parts
from reenact.motion.reference import CHOICES
from reenact.motion.smooth import delay_ms
from reenact.pipeline.control import Control
from reenact.runtime.detail import LARGEST, LEAST, HeadSize
from reenact.runtime.engine import Engine
from reenact.tracking.reading import Axes


@app.command()
@one_line_errors
def live(
    portrait: Annotated[Path, typer.Argument(help="photo of the person who is to move")],
    source: Annotated[str, typer.Option("--from", help=f"who drives: {sources.FORMS}")] = "camera",
    to: Annotated[str | None, typer.Option("--to", help=f"where the pictures go: {sinks.FORMS}")] = None,
    record: Annotated[Path | None, typer.Option(help="also keep the motion as a take: .npz or .json")] = None,
    size: Annotated[int | None, typer.Option(help="side of the picture, px; default: the method's own, 256")] = None,
    fps: Annotated[str, typer.Option(help="frames a second of the output, constant")] = "25",
    length: Annotated[float | None, typer.Option("--seconds", help="end by itself after so long; default: Ctrl-C")] = None,
    motion: MotionName = None,
    settle: Settle = 2.0,
    parts: PartsText = "",
    lock: Lock = None,
    strength: Strength = 1.0,
    smooth: Annotated[
        float,
        typer.Option(
            help=f"temporal filter against jitter; 0.5 delays slow movements by {delay_ms(0.5):.0f} ms at most, 0 is off"
        ),
    ] = 0.5,
    reference: Annotated[
        str,
        typer.Option(
            help="relative motion's neutral: rest (the faces that driver and portrait have at rest, estimated), calm (the "
            "driver's calmest of the first 3 seconds) or first; key c sets it anew"
        ),
    ] = "rest",
    film_quality: FilmQuality = FILM_QUALITY,
    axes: Annotated[
        str, typer.Option(help="of a tracker that turns the head the wrong way, as -yaw,pitch,roll")
    ] = "yaw,pitch,roll",
    face: Annotated[int, typer.Option(help="which face of the photo: 1 is the largest")] = 1,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    precision: PrecisionName = "auto",
    renderer: RendererName = "auto",
    background: BackgroundName = "still",
) -> None:
    """Let a photo follow a face now. From a camera, a file at its own pace or a tracker, into a meeting, a file or a pipe."""
    if reference not in CHOICES:
        raise ReenactError(f"--reference {reference!r}: live, write rest, calm or first, and press c when the face is at rest")
    slots = rate(fps)
    assert slots is not None
    summary = run_live(
        portrait,
        LiveOptions(source, to, record, size, slots, face, length, Axes.parse(axes), film_quality),
        engine=Engine(method, device, threads, background, live_side(size), precision, renderer),  # type: ignore[arg-type]  # checked inside, in one line
        control=Control(motion, locked(parse_parts(parts), lock or ()), strength, smooth, settle, reference),  # type: ignore[arg-type]
        say=say,
    )
    _report(summary)
    for path in filter(None, (to, record)):
        if Path(path).is_file():
            say(f"{path}: {Path(path).stat().st_size / 1000:.0f} kB")


def live_side(size: int | None) -> HeadSize:
    """The side to render at: what was asked for, as far as a frame can be; the network's own where nothing was."""
    return LEAST if size is None else min(max(size, LEAST), LARGEST)


def _report(summary: Summary) -> None:
    """On stderr, as the pictures may go to stdout."""
    held = summary.frames - summary.drawn
    say(f"{summary.frames} frames, {held} of them held since nothing moved; {summary.dropped} dropped, {summary.failed} failed")
    if not summary.frames:
        return
    typer.echo(f"{'stage':8}{'median':>10}{'p95':>10}  ms", err=True)
    for name, spread in summary.stages.items():
        typer.echo(f"{name:8}{1000 * spread.median:10.1f}{1000 * spread.p95:10.1f}", err=True)
