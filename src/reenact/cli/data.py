"""reenact data: prepare, report, pack, bench"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from reenact.cli.shared import app, one_line_errors, progress_bar, say

data_app = typer.Typer(help="Data sets: from raw material to training shards.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")

Folder = Annotated[Path, typer.Argument(help="data set that `reenact data prepare` made")]
Cache = Annotated[Path | None, typer.Option(help="folder for decoded frames; measures the pool too")]


@data_app.command()
@one_line_errors
def prepare(
    source: Annotated[Path, typer.Argument(help="folder of videos and photos, or of a known data set")],
    out: Annotated[Path, typer.Argument(help="folder for the shards; the same command goes on after a kill")],
    layout: Annotated[str, typer.Option(help="auto, own, voxceleb, hdtf, celebv, rendered or folder (docs/data.md)")] = "auto",
    workers: Annotated[int, typer.Option(help="processes, or tasks at a time on Ray")] = 1,
    ray: Annotated[str | None, typer.Option(help="local, or the address of a Ray cluster")] = None,
    size: Annotated[int, typer.Option(help="side of the pictures, px")] = 256,
    quality: Annotated[int, typer.Option(help="of the JPEGs, 1 to 95")] = 92,
    stride: Annotated[int, typer.Option(help="every which frame is taken; 0 is the layout's own (own: 3, others: 1)")] = 0,
    min_face: Annotated[int, typer.Option(help="px; shots with a smaller face are dropped")] = 80,
    min_seconds: Annotated[float, typer.Option(help="shorter shots are dropped")] = 1.0,
    max_seconds: Annotated[float, typer.Option(help="longer shots are split")] = 20.0,
    min_sharpness: Annotated[float, typer.Option(help="shots below it are dropped (docs/data.md)")] = 0.0,
) -> None:
    """Videos and photos -> shards of head crops with landmarks, blendshapes and pose."""
    from reenact.data.jobs import Settings
    from reenact.data.prepare import prepare as run

    settings = Settings(size, quality, stride, min_face, min_seconds, max_seconds, min_sharpness)
    with progress_bar("preparing") as progress:
        done = run(source, out, layout, settings, workers, ray, tell=lambda line: say(f"left out: {line}"), progress=progress)
    say(
        f"{out}: {done.clips} clips, {done.frames} frames, {done.minutes:.1f} minutes from {done.jobs} files "
        f"({done.layout}; {done.done_before} done before, {done.failed} with a line in {out / 'report.json'})"
    )


@data_app.command()
@one_line_errors
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="folder for the pictures; default: report, in the data set")
    ] = None,
    pictures: Annotated[bool, typer.Option(help="draw them; needs the extra `report`")] = True,
    json_path: Annotated[Path | None, typer.Option("--json", help="also write the figures to this file; it names nobody")] = None,
) -> None:
    """What is in a data set: a table, and pictures of people, poses, expressions, licences and quality."""
    from reenact.data.pictures import draw
    from reenact.data.report import figures, read_contents, table

    contents = read_contents(folder)
    typer.echo(table(contents))
    if json_path is not None:
        _write_json(json_path, figures(contents))
    if pictures:
        drawn = draw(contents, out or folder / "report")
        say(f"{drawn[0].parent}: {', '.join(path.name for path in drawn)}")


@data_app.command()
@one_line_errors
def pack(
    folder: Folder,
    out: Annotated[Path, typer.Argument(help="folder for the parts and unpack.py")],
    part_mib: Annotated[float, typer.Option(help="largest size of a part, MiB")] = 60.0,
    splits: Annotated[str, typer.Option(help="splits to pack, with commas")] = "train,ptrain,strain",
    size: Annotated[int, typer.Option(help="side of the pictures, px; 0 keeps them")] = 0,
    quality: Annotated[int, typer.Option(help="of the JPEGs; 0 keeps them")] = 0,
    max_parts: Annotated[int, typer.Option(help="leave frames out until all fits into so many parts; 0 keeps all")] = 0,
) -> None:
    """The training part in small files, to be unpacked with NumPy and Pillow alone."""
    from reenact.data.pack import pack as run

    names = tuple(name.strip() for name in splits.split(",") if name.strip())
    with progress_bar("packing") as progress:
        done = run(folder, out, part_mib, names, size, quality, max_parts, progress)
    say(
        f"{out}: {done.parts} parts, at most {done.largest_mib:.1f} MiB, {done.total_mib:.0f} MiB in all; {done.frames} frames, "
        f"{done.clips} clips, {done.people} people. Unpack with: python {out / 'unpack.py'} {out} POOL"
    )


@data_app.command("bench")
@one_line_errors
def bench_command(
    folder: Folder,
    workers: Annotated[int, typer.Option(help="processes that read")] = 2,
    seconds: Annotated[float, typer.Option(help="of each measurement")] = 5.0,
    cache: Cache = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="also write the figures to this file")] = None,
) -> None:
    """Frames a second out of the shards, by the clock and by the processor's own time."""
    from reenact.data.bench import bench as run
    from reenact.data.jpeg import decoder

    speeds = run(folder, workers, seconds, cache)
    typer.echo(f"{'frames':10} {'a second':>10} {'a second of one core':>22}   ({workers} processes; decoded by {decoder()})")
    for name, speed in speeds.items():
        typer.echo(f"{name:10} {speed.per_second:10.0f} {speed.per_core_second:22.0f}")
    if json_path is not None:
        rates = {name: asdict(speed) for name, speed in speeds.items()}
        _write_json(json_path, {"workers": workers, "decoder": decoder(), **rates})


def _write_json(path: Path, value: dict[str, Any]) -> None:
    from reenact.data.shards import disk, write_json

    with disk(path):
        write_json(path, value, indent=1)
