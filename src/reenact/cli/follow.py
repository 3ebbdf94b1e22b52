"""The options of the commands whose portrait follows a driver: how, which part of the driver, what is shown of the photo."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from reenact.cli.shared import rate, reference_of, seconds
from reenact.core.errors import ReenactError
from reenact.motion.compose import ALL_DRIVEN, NAMES, SOURCE, Parts, locked, parse_parts
from reenact.motion.smooth import delay_ms
from reenact.pipeline.control import Control
from reenact.pipeline.options import Clip

if TYPE_CHECKING:
    from reenact.pipeline.portrait import Output

Settle = Annotated[float, typer.Option(help="seconds until --motion decaying is absolute")]
PartsText = Annotated[
    str,
    typer.Option(
        help="part by part from driver, source, driver*FACTOR or a constant, as pose=source,mouth=driver*1.3,scale=1.0,"
        " or only=mouth, only=pose+eyes: the rest as in the portrait;"
        f" parts: {', '.join(NAMES)}"
    ),
]
Lock = Annotated[list[str] | None, typer.Option(help="hold a part as the portrait has it, as --lock scale; may be repeated")]
Strength = Annotated[float, typer.Option(help="how much of the driver's motion: 1 is all of it, 0 none, 3 at most")]
Smooth = Annotated[
    float,
    typer.Option(help=f"temporal filter against jitter; 1 delays slow movements by {delay_ms():.0f} ms at most, 0 is off"),
]
Start = Annotated[str | None, typer.Option(help="where in the video to start: seconds or h:mm:ss")]
End = Annotated[str | None, typer.Option(help="where in the video to end: seconds or h:mm:ss")]
Rate = Annotated[str | None, typer.Option(help="frames a second, as 25 or 30000/1001; default: the video's own")]
QUALITY_HELP = "1 to 100, as of JPEG: 90 is hardly told from the frames, at 60 an .mp4 has a fifth of its size; not of .gif"
FilmQuality = Annotated[int, typer.Option(help=f"of the film, {QUALITY_HELP}")]
HEAD, AUTO = "crop (the head, square)", "or auto: a tight photo that cuts the head off, else crop"
FilmOutput = Annotated[
    str, typer.Option(help=f"{HEAD}, photo (the whole; the head's size and place stay unless --parts says) {AUTO}")
]


def control_of(
    motion: str | None, settle: float, reference: str, parts: str, lock: Sequence[str] | None, strength: float, smooth: float
) -> Callable[[Output], Control]:
    """What says of an output how the portrait follows. Raises ReenactError, before anything is loaded, for a motion, parts, a
    strength, a filter or a reference that is none, and for a part that is locked and named with something else."""
    counted_from = reference_of(reference)

    def control(base: Parts) -> Control:
        named = parse_parts(parts, base)
        for name in lock or ():
            if re.search(rf"(^|,)\s*{re.escape(name)}\s*=", parts) and getattr(named, name) != SOURCE:
                raise ReenactError(f"--lock {name} holds what --parts {name}=... says otherwise: leave one of the two out")
        chosen = locked(named, lock or ())
        return Control(motion, chosen, strength, smooth, settle, counted_from)  # type: ignore[arg-type]  # checked inside, in one line

    control(ALL_DRIVEN).check()
    return lambda drawn: control(drawn.parts())


def clip_of(start: str | None, end: str | None, fps: str | None = None) -> Clip:
    """Which part of the driver, at which rate. Raises ReenactError for what is no time, no rate or no part."""
    clip = Clip(seconds("start", start), seconds("end", end), rate(fps))
    clip.check()
    return clip
