"""reenact evaluate"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import BackgroundName, Device, Threads, app, one_line_errors, progress_bar, say
from reenact.core.errors import ReenactError


@app.command()
@one_line_errors
def evaluate(
    data: Annotated[
        Path, typer.Option(help="folder of clips (self, path, synth, large-pose), portraits (control), or both (cross)")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="results file, JSON")],
    protocol: Annotated[str, typer.Option(help="self, path, cross, synth, large-pose or control")] = "self",
    method: Annotated[
        list[str] | None,
        typer.Option(help="truth (the true video), still, mesh_warp, methods, weights folders, with commas; default: all"),
    ] = None,
    pairs: Annotated[Path | None, typer.Option(help="cross: CSV with source,driving")] = None,
    donors: Annotated[Path | None, typer.Option(help="control: folder of pictures or clips whose expressions are put on")] = None,
    only: Annotated[str | None, typer.Option(help="patterns of clip names, with commas: m2[0-3]_*,*_i05?")] = None,
    every: Annotated[int, typer.Option(help="score every n-th frame")] = 1,
    fid_every: Annotated[int, typer.Option(help="FID and KID take every n-th frame; 0: scored ones, at least five apart")] = 0,
    motion: Annotated[str | None, typer.Option(help="absolute (default) or relative; path and control have their own")] = None,
    lpips: Annotated[list[str] | None, typer.Option(help="alex, vgg: networks of LPIPS; several, or with commas")] = None,
    identity: Annotated[
        list[str] | None, typer.Option(help="sface (free), arcface (evaluation only): networks of CSIM and AED-id")
    ] = None,
    pictures: Annotated[Path | None, typer.Option(help="folder for contact sheets and curves")] = None,
    networks: Annotated[str, typer.Option(help="fast (bf16 for the heaviest where that is faster) or exact (all fp32)")] = "fast",
    workers: Annotated[int, typer.Option(help="processes, each of one thread; two on two cores is fastest")] = 1,
    device: Device = "auto",
    threads: Threads = 0,
    background: BackgroundName = "still",
) -> None:
    """Measure methods and trivial baselines on clips or portraits."""
    from reenact.runtime.onnx_method import known_methods

    command = _command()
    options = command.Options(
        methods=_split(method, ["truth", "still", "mesh_warp", *known_methods()]),
        data=data,
        protocol=protocol,
        out=out,
        pairs=pairs,
        donors=donors,
        only=only,
        every=every,
        fid_every=fid_every,
        motion=motion,  # type: ignore[arg-type]  # checked inside, in one line
        nets=_split(lpips, ["alex", "vgg"]),  # type: ignore[arg-type]
        identities=_split(identity, ["sface", "arcface"]),  # type: ignore[arg-type]
        pictures=pictures,
        workers=workers,
        threads=threads,
        device=device,
        background=background,  # type: ignore[arg-type]
        networks=networks,  # type: ignore[arg-type]  # checked inside
    )
    with progress_bar("evaluating", unit="items") as bar:
        typer.echo(command.evaluate(options, ["reenact", *shortened(sys.argv[1:])], bar or _say_progress))


def _command():
    try:
        from reenact.evaluate import command
    except ImportError as error:
        raise ReenactError(f"{error.name} is not installed: pip install 'reenact[eval]'") from None
    return command


def _split(given: list[str] | None, default: list[str]) -> tuple[str, ...]:
    return tuple(part for text in given or default for part in text.split(",") if part)


def _say_progress(done: int, total: int | None) -> None:
    say(f"{done} of {total} items")


def shortened(arguments: list[str]) -> list[str]:
    """The arguments as the results file keeps them: of a whole path the last two parts, since results are shared."""
    return ["/".join(Path(text).parts[-2:]) if Path(text).is_absolute() else text for text in arguments]
