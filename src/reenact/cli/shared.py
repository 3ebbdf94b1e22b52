"""What the commands share: the app, options, errors of one line, the progress bar."""

from __future__ import annotations

import functools
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from reenact import __version__
from reenact.core.errors import ReenactError, as_options
from reenact.media.clock import exact_number, exact_rate
from reenact.motion.reference import CHOICES, Reference
from reenact.pipeline.options import Progress
from reenact.runtime.detail import LARGEST, LEAST, HeadSize, head_side

OPTION_NAMES = {
    "LiveOptions.output": "--to",
    "LiveOptions.source": "--from",
    "LiveOptions.take": "--record",
    "Marks.certificate": "--sign-cert",
    "Marks.key": "--sign-key",
    "all_faces": "--face all",
    "compiled": "--compile",
    "faces.doubt.accepting": "--force",
    "Options.identities": "--identity",
    "Options.nets": "--lpips",
    "flows": "--flow",
    "locked": "--lock",
    "methods": "--method",
    "pictures=False": "--no-pictures",
}
"""parameter that the library's lines name -> option, where that is not its name with -- in front"""

DEBUG: ContextVar[bool] = ContextVar("debug", default=False)
"""whether errors come with their traceback"""

ORDER = (
    "animate batch edit interpolate serve live record encode decode inspect faces verify keys bench directions describe mix "
    "evaluate report data train calibrate"
)
"""of the commands in --help, as README has them: what most people want first"""


class _Commands(TyperGroup):
    def list_commands(self, ctx: Any) -> list[str]:
        order = ORDER.split()
        return sorted(super().list_commands(ctx), key=lambda name: order.index(name) if name in order else len(order))


app = typer.Typer(
    name="reenact",
    cls=_Commands,
    help="One portrait photo and a driving video: that person, moving. On an ordinary CPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

MethodName = Annotated[str, typer.Option(help="name of a method, or the path of a weights folder")]
MotionName = Annotated[
    str | None,
    typer.Option(
        help="relative (the driver's changes), absolute (the driver's own) or decaying (relative at the start, then absolute);"
        " default: as the weights say, absolute for prior, relative for the others"
    ),
]
ReferenceName = Annotated[
    str,
    typer.Option(
        help="relative motion's neutral: rest (the faces that driver and portrait have at rest, estimated), calm (the driver's "
        "calmest of the first 3 seconds; the portrait's expression stays beneath it), first, or at which second of the driver,"
        " counted as --start is"
    ),
]
Device = Annotated[str, typer.Option(help="auto (OpenVINO), cpu (OpenVINO in fp32), openvino (=auto) or cuda")]
BackgroundName = Annotated[
    str, typer.Option(help="still (the portrait's own backdrop stays where it is) or moved (all of it as the method renders it)")
]
HeadSide = Annotated[
    str, typer.Option("--size", help="side of the rendered head in pixels: photo (as in the photo, at most 1024), or 256 to 1024")
]
PrecisionName = Annotated[
    str,
    typer.Option(
        help="auto (int8 where it was measured which numbers occur, and bf16 for the rest where this CPU is faster in it), int8,"
        " bf16 or fp32; with --device auto"
    ),
]
RendererName = Annotated[
    str,
    typer.Option(
        "--renderer",
        help="full, fast (about twice as many frames a second on the CPU; eyes and mouths are a little softer), or auto (fast"
        " where this CPU is too slow for a camera's 25 frames a second)",
    ),
]
Threads = Annotated[int, typer.Option(help="CPU threads; 0 is automatic")]


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose ReenactError becomes one line on stderr and exit code 2, Ctrl-C one line and 130, a warning one line."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", category=UserWarning, module=r"reenact\..*")
            warnings.showwarning = lambda message, *_, **__: say(f"warning: {message}")
            try:
                command(*args, **kwargs)
            except ReenactError as error:
                if DEBUG.get():
                    traceback.print_exc()
                say(f"error: {error}")
                raise typer.Exit(2) from None
            except KeyboardInterrupt:
                say("stopped")
                raise typer.Exit(130) from None

    return wrapped


def example(name: str, option: str) -> Path:
    """One of the examples of a clone. Raises ReenactError, which says what to give instead, where there are none."""
    path = Path("examples") / name
    if not path.is_file():
        raise ReenactError(f"no {path} here (a clone of the repository has it): give one of your own with {option}")
    return path


def counted(number: int, thing: str) -> str:
    """1 frame, 2 frames."""
    return f"{number} {thing}{'' if number == 1 else 's'}"


def head_size(text: str) -> HeadSize:
    """What --size says. Raises ReenactError."""
    if text == "photo":
        return "photo"
    if not text.isascii() or not text.isdigit():
        raise ReenactError(f"--size {text}: give photo, or an even number from {LEAST} to {LARGEST}")
    return head_side(int(text[:9]), 0, LEAST)


def say(text: str) -> None:
    """One line on stderr. What a line of the library calls by its parameter's name is called by its option's here."""
    lines = as_options(text, OPTION_NAMES).splitlines()
    typer.echo(" ".join(line.strip() for line in lines if line.strip()), err=True)


@app.callback(invoke_without_command=True)
def top(
    version: Annotated[bool, typer.Option("--version", help="print the version and leave")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="errors with their traceback; may stand after the command too")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="accept a doubtful detection as a face; may stand after the command too")
    ] = False,
) -> None:
    """One portrait photo and a driving video: that person, moving. On an ordinary CPU."""
    del debug, force  # taken out before the arguments are read (cli/__init__.py): they stand here for --help
    if version:
        typer.echo(f"reenact {__version__}")
        raise typer.Exit


@contextmanager
def progress_bar(task: str = "animating", unit: str = "frames") -> Iterator[Progress | None]:
    """Frames (or another unit), how many a second and time left on stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.speed:.1f} {unit}/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        number = bar.add_task(task, total=None)
        yield lambda done, total: bar.update(number, completed=done, total=total)


def seconds(name: str, text: str | None) -> Fraction | None:
    """'83.5' or '1:23.5' -> seconds."""
    if text is None:
        return None
    try:
        parts = [exact_number(part) for part in text.split(":")]
        if len(parts) > 3:
            raise ValueError
        return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))
    except (ValueError, ZeroDivisionError):
        raise ReenactError(f"--{name} {text[:40]!r} is no time: write seconds (83.5) or h:mm:ss (0:01:23.5)") from None


def reference_of(text: str) -> Reference:
    """'rest', 'calm', 'first', or seconds."""
    if text in CHOICES:
        return text  # type: ignore[return-value]
    try:
        return float(seconds("reference", text) or 0)
    except (ReenactError, OverflowError):
        raise ReenactError(
            f"--reference {text!r}: write rest, calm, first, or at which second the driver's face is at rest"
        ) from None


def rate(text: str | None) -> Fraction | None:
    """'25', '29.97' or '30000/1001' -> frames a second."""
    return None if text is None else exact_rate(text)
