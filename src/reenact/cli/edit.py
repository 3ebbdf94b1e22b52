"""reenact edit, reenact interpolate, reenact record"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from reenact.cli.follow import AUTO, HEAD, QUALITY_HELP, End, FilmQuality, Start, clip_of
from reenact.cli.marks import Badge, SignCert, SignKey, Unsigned, marks
from reenact.cli.shared import (
    BackgroundName,
    Device,
    HeadSide,
    MethodName,
    PrecisionName,
    RendererName,
    Threads,
    app,
    counted,
    head_size,
    one_line_errors,
    progress_bar,
    rate,
    say,
)
from reenact.core.errors import ReenactError
from reenact.media.film import FILM_QUALITY
from reenact.motion.compose import KEEP_PLACE, parse_parts
from reenact.motion.directions import is_slider
from reenact.motion.expression import PRESETS
from reenact.pipeline.editing import Between, Edit, Film, Sweep, edit_file, interpolate_file, several, sweep_file
from reenact.pipeline.portrait import Output
from reenact.pipeline.record import record_file
from reenact.runtime.engine import Engine

Yaw = Annotated[float | None, typer.Option(help="degrees, more: the nose to the picture's right")]
Pitch = Annotated[float | None, typer.Option(help="degrees, more: the nose up")]
Roll = Annotated[float | None, typer.Option(help="degrees, more: clockwise as seen")]
Expressions = Annotated[
    list[str] | None, typer.Option(help=f"{', '.join(PRESETS)}; or a photo or a take to copy it from; may be repeated")
]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE ...", help="blendshapes, as jawOpen=0.6; directions, as y7=2")
]
Swept = Annotated[
    tuple[str, float, float] | None,
    typer.Option(metavar="NAME FROM TO", help="a video: yaw, scale, jawOpen, smile, ... from one value to another and back"),
]
Shift = Annotated[tuple[float, float] | None, typer.Option(metavar="X Y", help="right and down, in halves of the crop's side")]
Gaze = Annotated[
    tuple[float, float] | None,
    typer.Option(metavar="YAW PITCH", help="the eyes, degrees, right and up as seen; with --absolute 0 0: straight on"),
]
EditOut = Annotated[
    Path | None, typer.Option("--out", "-o", help=".png, .jpg, .webp; with --sweep .mp4; default: out.png, out.mp4")
]
OutputName = Annotated[str, typer.Option(help=f"photo (the whole), {HEAD} {AUTO}")]
Face = Annotated[int, typer.Option(help="which face of the photo: 1 is the largest")]
Fps = Annotated[str, typer.Option(help="frames a second, as 25 or 30000/1001")]
EaseName = Annotated[str, typer.Option(help="smooth (slow at both ends) or linear")]
ReturnName = Annotated[str, typer.Option("--return", help="back (there and back) or once (there only)")]
SweepQuality = Annotated[int | None, typer.Option(help=f"of the sweep: {QUALITY_HELP}; default: {FILM_QUALITY}")]
UNCHANGED = ", the portrait as it is; nothing to change was asked for: give --yaw 15, --expression smile, --set jawOpen=0.6, ..."


@app.command()
@one_line_errors
def edit(
    given: Annotated[
        list[str], typer.Argument(metavar="PORTRAIT [NAME=VALUE]...", help="the photo; more blendshapes after --set NAME=VALUE")
    ],
    out: EditOut = None,
    yaw: Yaw = None,
    pitch: Pitch = None,
    roll: Roll = None,
    scale: Annotated[float | None, typer.Option(help="size of the head: 1.1 is a tenth larger")] = None,
    shift: Shift = None,
    gaze: Gaze = None,
    expression: Expressions = None,
    strength: Annotated[float, typer.Option(help="of the expression and the blendshapes: 1 is all, 0 none")] = 1.0,
    settings: Settings = None,
    absolute: Annotated[bool, typer.Option("--absolute", help="replace the portrait's own instead of adding to it")] = False,
    sweep: Swept = None,
    length: Annotated[float | None, typer.Option("--seconds", help="length of the sweep; default: 4")] = None,
    fps: Annotated[str | None, typer.Option(help="of the sweep, as 25 or 30000/1001; default: 25")] = None,
    ease: Annotated[str | None, typer.Option(help="of the sweep: smooth (slow at both ends, the default) or linear")] = None,
    return_: Annotated[
        str | None, typer.Option("--return", help="of the sweep: back (there and back, the default) or once (there only)")
    ] = None,
    film_quality: SweepQuality = None,
    output: OutputName = "photo",
    face: Face = 1,
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
    """Edit a portrait: turn the head, size, place, expression. Relative to the portrait's own unless --absolute."""
    photo, more = _photo(given)
    values = _values([*(settings or []), *more])
    shown, shapes = several(expression or (), {name: value for name, value in values.items() if not is_slider(name)})
    turn = _radians(yaw), _radians(pitch), _radians(roll)
    wanted = Edit(
        *turn,
        scale,
        shift,
        shown,
        shapes,
        strength,
        "absolute" if absolute else "relative",
        {name: value for name, value in values.items() if is_slider(name)},
        None if gaze is None else (np.radians(gaze[0]), np.radians(gaze[1])),
    )
    engine = Engine(method, device, threads, background, head_size(size), precision, renderer)  # type: ignore[arg-type]  # checked inside, in one line
    chosen = FILM_QUALITY if film_quality is None else film_quality
    drawn = Output(output, face, marks(badge, unsigned, sign_cert, sign_key), chosen)  # type: ignore[arg-type]
    if sweep is None:
        given_ = {"--seconds": length, "--fps": fps, "--ease": ease, "--return": return_, "--film-quality": film_quality}
        _sweep_only(given_)
        edit_file(photo, target := out or Path("out.png"), wanted, engine=engine, drawn=drawn)
        say(f"{target}: written{UNCHANGED if replace(wanted, strength=1.0, mode='relative') == Edit() else ''}")
        return
    target = out or Path("out.mp4")
    film = _film(4.0 if length is None else length, fps or "25", ease or "smooth", return_ or "back")
    with progress_bar("sweeping") as progress:
        frames = sweep_file(photo, target, Sweep(*sweep), wanted, film, engine=engine, drawn=drawn, progress=progress)
    say(f"{target}: {counted(frames, 'frame')} at {float(film.fps):g} frames/s")


@app.command()
@one_line_errors
def interpolate(
    start: Annotated[Path, typer.Argument(metavar="A", help="photo or take: the face to start from")],
    end: Annotated[Path, typer.Argument(metavar="B", help="photo or take: the face to go to")],
    out: Annotated[Path, typer.Option("--out", "-o", help="video file to write")] = Path("out.mp4"),
    portrait: Annotated[Path | None, typer.Option(help="photo to animate; default: A")] = None,
    path: Annotated[str, typer.Option(help="of the expression code: lerp (a line) or slerp (an arc about neutral)")] = "lerp",
    parts: Annotated[
        str,
        typer.Option(
            help="what is taken from A and B (driver) and what stays (source), see animate; the head's size and place stay unless"
            " named"
        ),
    ] = "",
    length: Annotated[float, typer.Option("--seconds", help="length of the video")] = 4.0,
    fps: Fps = "25",
    ease: EaseName = "smooth",
    return_: ReturnName = "back",
    film_quality: FilmQuality = FILM_QUALITY,
    output: OutputName = "crop",
    face: Face = 1,
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
    """Make a video of the way between two expressions and poses."""
    film = _film(length, fps, ease, return_)
    with progress_bar("interpolating") as progress:
        frames = interpolate_file(
            Between(start, end, path, parse_parts(parts, KEEP_PLACE)),  # type: ignore[arg-type]  # checked inside, in one line
            out,
            portrait=portrait,
            film=film,
            engine=Engine(method, device, threads, background, head_size(size), precision, renderer),  # type: ignore[arg-type]
            drawn=Output(output, face, marks(badge, unsigned, sign_cert, sign_key), film_quality),  # type: ignore[arg-type]
            progress=progress,
        )
    say(f"{out}: {counted(frames, 'frame')} at {float(film.fps):g} frames/s")


@app.command()
@one_line_errors
def record(
    driving: Annotated[Path, typer.Argument(help="video whose motion is kept")],
    out: Annotated[Path, typer.Option("--out", "-o", help="take to write: .npz or .json")] = Path("take.npz"),
    start: Start = None,
    end: End = None,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Keep a driver's motion as a small file. `reenact animate PORTRAIT take.npz` replays it on anyone."""
    with progress_bar("recording") as progress:
        take = record_file(driving, out, engine=Engine(method, device, threads), clip=clip_of(start, end), progress=progress)
    missing = len(take) - int(take.faces.sum())
    if missing:
        say(f"{missing} of {len(take)} frames show no face: the motion is held there")
    say(f"{out}: {counted(len(take), 'frame')} at {float(take.rate):g} frames/s, {out.stat().st_size / 1000:.0f} kB")


def _sweep_only(options: Mapping[str, object]) -> None:
    for name, value in options.items():
        if value is not None:
            raise ReenactError(f"{name} belongs to a sweep: add --sweep NAME FROM TO, or leave it out")


def _photo(given: Iterable[str]) -> tuple[Path, list[str]]:
    """The photo among the arguments, and the NAME=VALUE ones that followed a --set."""
    photos = [item for item in given if "=" not in item or os.path.exists(item)]
    strays = [item for item in photos if not os.path.exists(item)]
    if len(photos) > 1 and strays:
        shape = "write a blendshape as NAME=VALUE: jawOpen=0.5"
        meant = f"give each by its own option: --expression {strays[0]}" if strays[0] in PRESETS else shape
        raise ReenactError(f"{strays[0]!r} is no file and no option: {meant}")
    if len(photos) != 1:
        raise ReenactError(f"give one photo, not {len(photos)}, and blendshapes as NAME=VALUE")
    return Path(photos[0]), [item for item in given if item != photos[0]]


def _radians(angle: float | None) -> float | None:
    return None if angle is None else float(np.radians(angle))


def _values(items: Iterable[str]) -> dict[str, float]:
    values: dict[str, float] = {}
    for item in items:
        name, _, value = item.partition("=")
        try:
            values[name] = float(value)
        except ValueError:
            raise ReenactError(f"--set {item!r}: write NAME=VALUE, as in jawOpen=0.6") from None
    return values


def _film(length: float, fps: str, ease: str, return_: str) -> Film:
    return Film(length, rate(fps) or Fraction(25), ease, return_)  # type: ignore[arg-type]  # checked inside
