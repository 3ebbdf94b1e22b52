"""reenact encode, reenact decode"""

from __future__ import annotations

from fractions import Fraction
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
    counted,
    head_size,
    one_line_errors,
    progress_bar,
    say,
    seconds,
)
from reenact.codec.call import QUALITY, Call, CallOptions, profile_for
from reenact.codec.stats import Stats, measure
from reenact.core.errors import ReenactError
from reenact.media.audio import Sound
from reenact.media.film import FILM_QUALITY
from reenact.pipeline.calls import decode_file, encode_file
from reenact.pipeline.portrait import Output
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import load

SoundStart = Annotated[
    str | None,
    typer.Option(help="where in the sound the film begins: seconds or h:mm:ss; default: where in its video the call began"),
]


@app.command()
@one_line_errors
def encode(
    driving: Annotated[Path, typer.Argument(help="video whose motion is sent")],
    out: Annotated[Path, typer.Option("--out", "-o", help="call to write")] = Path("call.rnct"),
    target_kbps: Annotated[float | None, typer.Option(help="kbit/s that the motion may take at most")] = None,
    quality: Annotated[int, typer.Option(help="without a target: 0 (finest) to 31")] = QUALITY,
    portrait: Annotated[Path | None, typer.Option(help="photo that travels inside, as AVIF")] = None,
    key_seconds: Annotated[float, typer.Option(help="time from one key packet to the next")] = 10.0,
    longest_gap: Annotated[int, typer.Option(help="frames from one that is sent to the next at most; 1 sends all")] = 4,
    start: Start = None,
    end: End = None,
    fps: Rate = None,
    stats: Annotated[bool, typer.Option("--stats", help="also print kbit/s by field")] = False,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Write the motion of a driving video as a call. Some kbit/s instead of a video."""
    options = CallOptions(target_kbps, quality, key_seconds, longest_gap)
    clip = clip_of(start, end, fps)
    engine = Engine(method, device, threads)
    with progress_bar("reading") as progress:
        report = encode_file(driving, out, options, portrait=portrait, engine=engine, clip=clip, progress=progress)
    if report.frames_without_face:
        say(f"{report.frames_without_face} of {report.frames} driving frames show no face: the motion was held there")
    bytes_ = f"{report.once} bytes once, {report.stream} bytes of motion"
    say(f"{out}: {counted(report.frames, 'frame')}, {report.kbps:.2f} kbit/s, {bytes_}")
    if stats:
        typer.echo(call_table(call_stats(Call.open(out), method)))


@app.command()
@one_line_errors
def decode(
    first: Annotated[
        Path, typer.Argument(metavar="[PORTRAIT]", help="photo of the person who is to move; default: the one inside")
    ],
    call: Annotated[Path | None, typer.Argument(metavar="CALL", help="file that reenact encode wrote")] = None,
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
    sound: Annotated[Path | None, typer.Option(help="file whose sound is laid under the pictures")] = None,
    sound_start: SoundStart = None,
    method: Annotated[str | None, typer.Option(help="method or weights folder; default: the one the call names")] = None,
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
    """Animate a portrait with a call."""
    portrait, file = (None, first) if call is None else (first, call)
    drawn = Output(output, face, marks(badge, unsigned, sign_cert, sign_key), film_quality)  # type: ignore[arg-type]
    with progress_bar() as progress:
        report = decode_file(
            portrait,
            file,
            out,
            control=control_of(motion, settle, reference, parts, lock, strength, smooth),
            engine=Engine(method, device, threads, background, head_size(size), precision, renderer),  # type: ignore[arg-type]
            drawn=drawn,
            sound=_heard(sound, seconds("sound-start", sound_start)),
            progress=progress,
        )
    speed = report.frames / max(report.seconds, 1e-9)
    say(f"{out}: {counted(report.frames, 'frame')} at {float(report.rate):g} frames/s, made at {speed:.1f} frames/s")


def _heard(sound: Path | None, start: Fraction | None) -> Path | Sound | None:
    if start is None:
        return sound
    if sound is None:
        raise ReenactError("--sound-start says where in a sound the film begins: add --sound FILE, or leave it out")
    return Sound(sound, start)


def call_stats(call: Call, method: str | None) -> Stats:
    """What its bits are spent on. method: by default the one that the call names. Raises ReenactError for a damaged file."""
    loaded = load(method or call.header.method, "cpu", 1)
    profile = profile_for(loaded, call.header)
    with call.named():
        return measure(profile, call.header, call.data, call.begin, call.start)


def call_table(stats: Stats) -> str:
    """For people."""
    begins = f", from {stats.start:g} s of the driver on" if stats.start else ""
    rows = [
        ("method", stats.method),
        ("clip", f"{counted(stats.frames, 'frame')} at {stats.rate:g} frames/s, {stats.sent_frames} of them sent{begins}"),
        ("packets", f"{stats.packets}, {stats.key_packets} of them key packets"),
        ("sent once", f"{stats.once_bytes} bytes, {stats.portrait_bytes} of them the portrait"),
        *((name, f"{kbps:.3f} kbit/s") for name, kbps in stats.kbps.items()),
    ]
    return "\n".join(f"{name:12} {value}" for name, value in rows)
