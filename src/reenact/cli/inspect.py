"""reenact inspect"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.call import call_stats, call_table
from reenact.cli.shared import app, counted, one_line_errors
from reenact.codec.call import Call, is_call
from reenact.core.errors import ReenactError
from reenact.core.files import check_readable
from reenact.motion.arkit import is_coefficients, read_coefficients
from reenact.motion.expression import ExpressionMap
from reenact.motion.take_stats import TakeStats, measure_take
from reenact.motion.takes import Take
from reenact.pipeline.sources import is_take
from reenact.runtime.engine import Engine
from reenact.runtime.onnx_method import fingerprint_of, folder_of


@app.command()
@one_line_errors
def inspect(
    file: Annotated[Path, typer.Argument(help="call (reenact encode), take (reenact record) or blendshapes (.csv, .json)")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    method: Annotated[str | None, typer.Option(help="method or weights folder; default: the one the file names")] = None,
) -> None:
    """Print what a call or a take holds: frames, rate, kbit/s."""
    check_readable(file, "call or a take")
    if is_take(file):
        plain = is_coefficients(file)
        take = _coefficients(file, method) if plain else Take.load(file)
        held = measure_take(take)
        kind, lines = "blendshapes" if plain else "take", _take_table(held, None if plain else _fits(held, method))
    elif is_call(file):
        held = call_stats(Call.open(file), method)
        kind, lines = "call", call_table(held)
    else:
        raise ReenactError(f"{file}: not a reenact call, and by its name no take: give what reenact encode or record wrote")
    typer.echo(json.dumps({"kind": kind, **held.as_dict()}, indent=2) if as_json else lines)


def _coefficients(file: Path, method: str | None) -> Take:
    """As a take of the method, mmfa by default: what is told of it is the same with any."""
    name = method or "mmfa"
    return read_coefficients(file, ExpressionMap.load(folder_of(name), int(Engine(name).config.get("expression_size", 0))))


def _fits(held: TakeStats, method: str | None) -> str:
    """Whether the weights that are here can replay it."""
    try:
        folder = folder_of(method or held.method)
    except ReenactError:
        return f"not here: name their folder with --method to learn whether they are those of {held.method}"
    if held.method != Engine(str(folder)).config["method"]:
        return f"another method than {method}: animate with --method {held.method}"
    same = not held.weights or held.weights == fingerprint_of(folder)
    return "those that are here" if same else "other than those that are here: record the take again from its video"


def _take_table(held: TakeStats, fits: str | None) -> str:
    missing = held.frames - held.frames_with_face
    even = "" if held.even else ", at uneven times"
    rows = [
        *(
            [("method", held.method), ("weights", fits)]
            if fits
            else [("method", "any: blendshapes, for the method that animates")]
        ),
        ("clip", f"{counted(held.frames, 'frame')} at {held.rate:g} frames/s, {held.seconds:.2f} s{even}"),
        ("faces", f"in {held.frames - missing} of them{', held in the others' if missing else ''}"),
        ("gaze", f"known in {held.frames_with_gaze} of them" if held.frames_with_gaze else "not known"),
        ("neutral", "the driver's is known" if held.neutral else "found when the take is replayed (--reference)"),
        ("sound", "none, as in every take"),
    ]
    return "\n".join(f"{name:12} {value}" for name, value in rows)
