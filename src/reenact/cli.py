"""The command line. What the user can mend ends in one line on stderr and exit code 2."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any

import typer

from reenact.animate.bench import BenchResult
from reenact.animate.bench import bench as measure
from reenact.animate.pipeline import Progress, Report, animate_file
from reenact.core.errors import ReenactError

app = typer.Typer(
    name="reenact",
    help="One portrait photo and a driving video: that person, moving. On an ordinary CPU.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

MethodName = Annotated[str, typer.Option(help="name of a method, or the path of a weights folder")]
Device = Annotated[
    str, typer.Option(help="auto (OpenVINO, bf16 where this CPU is faster in it), cpu (OpenVINO, fp32), openvino (=auto) or cuda")
]
Threads = Annotated[int, typer.Option(help="CPU threads; 0 is automatic")]


def one_line_errors(command: Callable[..., None]) -> Callable[..., None]:
    """A command whose ReenactError becomes one line on stderr and exit code 2; warnings become one line each."""

    @functools.wraps(command)
    def wrapped(*args: Any, **kwargs: Any) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            warnings.filterwarnings("always", category=UserWarning, module=r"reenact\..*")
            warnings.showwarning = lambda message, *_, **__: _say(f"warning: {message}")
            try:
                command(*args, **kwargs)
            except ReenactError as error:
                _say(f"error: {error}")
                raise typer.Exit(2) from None

    return wrapped


def _say(text: str) -> None:
    typer.echo(" ".join(text.split()), err=True)


@app.callback()
def top() -> None:
    """Keeps `animate` a named command while there are few."""


@app.command()
@one_line_errors
def animate(
    portrait: Annotated[Path, typer.Argument(help="photo of the person who is to move")],
    driving: Annotated[Path, typer.Argument(help="video whose motion and sound are taken")],
    out: Annotated[Path, typer.Option("--out", "-o", help="video file to write")] = Path("out.mp4"),
    motion: Annotated[str, typer.Option(help="relative (the driver's changes) or absolute (the driver's pose)")] = "relative",
    output: Annotated[str, typer.Option(help="crop (the head, square) or photo (the whole photo)")] = "crop",
    face: Annotated[int, typer.Option(help="which face of the photo: 1 is the largest")] = 1,
    start: Annotated[str | None, typer.Option(help="where in the video to start: seconds or h:mm:ss")] = None,
    end: Annotated[str | None, typer.Option(help="where in the video to end: seconds or h:mm:ss")] = None,
    fps: Annotated[str | None, typer.Option(help="frames a second, as 25 or 30000/1001; default: the video's own")] = None,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    seed: Annotated[int, typer.Option(help="for methods that draw random numbers (mmfa draws none)")] = 0,
) -> None:
    """Animate a portrait with a driving video."""
    times = {"start": _seconds("start", start), "end": _seconds("end", end)}
    with _progress_bar() as progress:
        report = animate_file(
            portrait,
            driving,
            out,
            motion=motion,  # type: ignore[arg-type]  # checked inside, in one line
            output_mode=output,  # type: ignore[arg-type]
            face=face,
            fps=_rate(fps),
            method=method,
            device=device,
            threads=threads,
            seed=seed,
            progress=progress,
            **times,
        )
    _report(report, out)


@app.command()
@one_line_errors
def bench(
    json_path: Annotated[Path | None, typer.Option("--json", help="also write the figures to this file")] = None,
    portrait: Annotated[Path, typer.Option(help="photo to measure with")] = Path("examples/portrait.jpg"),
    driving: Annotated[Path, typer.Option(help="video to measure with")] = Path("examples/driving.mp4"),
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    runs: Annotated[int, typer.Option(help="timed runs behind each median")] = 100,
) -> None:
    """Measure how fast it runs on this machine."""
    result = measure(portrait, driving, method=method, device=device, threads=threads, runs=runs)
    typer.echo(_table(result))
    if json_path is not None:
        try:
            json_path.write_text(json.dumps(result.as_dict(), indent=2) + "\n", encoding="utf-8")
        except OSError as error:
            raise ReenactError(f"cannot write {json_path} ({error.strerror}): choose another file") from None


def _table(result: BenchResult) -> str:
    rows = [
        ("method", f"{result.method}, {result.device}, {result.precision}, {result.threads} threads"),
        ("motion", f"{result.motion_ms:.2f} ms"),
        ("render", f"{result.render_ms:.2f} ms"),
        ("render path", f"{result.render_path_ms:.2f} ms, {result.render_path_fps:.1f} frames/s"),
        ("whole animate", f"{result.animate_fps:.1f} frames/s ({result.animate_frames} frames)"),
        ("start-up", f"{result.animate_start_s:.2f} s"),
        ("peak memory", "unknown" if result.peak_rss_mb is None else f"{result.peak_rss_mb:.0f} MB"),
        ("machine", f"{result.cpu}, {result.cpu_count} CPUs, {result.system}"),
        ("versions", ", ".join(f"{k} {v}" for k, v in {"python": result.python, **result.versions}.items())),
    ]
    return "\n".join(f"{name:14} {value}" for name, value in rows)


def _report(report: Report, out: Path) -> None:
    if report.frames_without_face:
        _say(f"{report.frames_without_face} of {report.frames} driving frames show no face: the motion was held there")
    speed = report.frames / max(report.seconds, 1e-9)
    _say(f"{out}: {report.frames} frames at {float(report.rate):g} frames/s, made at {speed:.1f} frames/s")


@contextmanager
def _progress_bar() -> Iterator[Progress | None]:
    """Frames, frames/s and time left on stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, ProgressColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar
    from rich.text import Text

    class Speed(ProgressColumn):
        def render(self, task) -> Text:
            return Text(f"{task.speed:.1f} frames/s" if task.speed else "")

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Speed(), TimeRemainingColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("animating", total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _seconds(name: str, text: str | None) -> Fraction | None:
    """'83.5' or '1:23.5' -> seconds."""
    if text is None:
        return None
    try:
        parts = [Fraction(part) for part in text.split(":")]
        if len(parts) > 3:
            raise ValueError
        return sum((part * 60**power for power, part in enumerate(reversed(parts))), Fraction(0))
    except (ValueError, ZeroDivisionError):
        raise ReenactError(f"--{name} {text!r} is no time: write seconds (83.5) or h:mm:ss (0:01:23.5)") from None


def _rate(text: str | None) -> Fraction | None:
    if text is None:
        return None
    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise ReenactError(f"--fps {text!r} is no rate: write a number (25) or a fraction (30000/1001)") from None


def main() -> None:
    """Entry point of the `reenact` command."""
    app()


if __name__ == "__main__":
    main()
