"""reenact train"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import app, one_line_errors, say
from reenact.core.errors import ReenactError
from reenact.runtime.graph import thread_count


@app.command()
@one_line_errors
def train(
    words: Annotated[list[str], typer.Argument(metavar="RECIPE | pack RECIPE", help="what to train, as mmfa or mmfa_tiny")],
    data: Annotated[Path | None, typer.Option(help="training pool; *_tiny recipes make their own")] = None,
    out: Annotated[Path | None, typer.Option(help="folder of the run (or of the parts, for pack)")] = None,
    images: Annotated[int | None, typer.Option(help="images of the whole run; default: the recipe's")] = None,
    minutes: Annotated[float, typer.Option(help="stop after so long; the same command goes on later")] = float("inf"),
    start: Annotated[list[str] | None, typer.Option(help="run or folder of weights to start from; may be repeated")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda")] = "auto",
    precision: Annotated[str, typer.Option(help="auto, bf16 or fp32")] = "auto",
    several: Annotated[str, typer.Option(help="how processes that torchrun starts share the work: ddp or fsdp")] = "ddp",
    compiled: Annotated[bool, typer.Option("--compile", help="torch.compile the network")] = False,
    graph: Annotated[
        bool | None, typer.Option("--graph/--no-graph", help="the whole step as one CUDA graph; by itself on CUDA")
    ] = None,
    threads: Annotated[int, typer.Option(help="CPU threads; 0 is automatic")] = 0,
) -> None:
    """Train a recipe, or pack it for a short time on a GPU. To resume, run the same command again."""
    packing = words[0] == "pack"
    if len(words) != 1 + packing:
        raise ReenactError("say one recipe, as in: reenact train mmfa --data POOL --out RUN")
    if out is None:
        raise ReenactError("say where to with --out FOLDER")
    _check(device, precision, several)
    if not minutes > 0:
        raise ReenactError(f"--minutes must be more than 0, not {minutes:g}")
    thread_count(threads)
    try:
        from reenact.data.pool import Pool
        from reenact.methods import recipe
        from reenact.train.config import Machine
        from reenact.train.run import configured, finished, run
    except ModuleNotFoundError as error:
        if error.name != "torch":
            raise
        raise ReenactError("training needs PyTorch: pip install 'reenact[train]'") from None
    captured = "auto" if graph is None else "on" if graph else "off"
    machine = Machine(device, precision, compiled, several, threads, captured)  # type: ignore[arg-type]  # checked above
    if packing:
        from reenact.remote_job.plan import pack_and_say

        pack_and_say(words[-1], _given(data), out, images, start or (), say)
        return
    stages = configured(recipe(words[-1]), images, start or (), machine)
    if data is None and words[-1].endswith("_tiny"):
        from reenact.data.tiny_pool import make_pool

        data = out / "pool"
        make_pool(data)
    folders = run(stages, Pool.load(_given(data)), out, minutes, _tell)
    say(f"{', '.join(str(folder / 'index.html') for folder in folders)}: curves and grids")
    if not finished(stages, out):
        say("the minutes are over and the run is not done: the same command goes on")


def _check(device: str, precision: str, several: str) -> None:
    for name, value, allowed in (
        ("device", device, ("auto", "cpu", "cuda")),
        ("precision", precision, ("auto", "bf16", "fp32")),
        ("several", several, ("ddp", "fsdp")),
    ):
        if value not in allowed:
            raise ReenactError(f"--{name} {value!r} is none of {', '.join(allowed)}")


def _given(data: Path | None) -> Path:
    if data is None:
        raise ReenactError("say what to train on with --data POOL (made by reenact data prepare)")
    return data


def _tell(line: Mapping[str, float]) -> None:
    figures = " ".join(f"{name}={value:g}" for name, value in line.items() if name != "images")
    say(f"{line['images']:>9,} images  {figures}")
