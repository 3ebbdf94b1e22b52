"""reenact directions"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from reenact.cli.shared import Device, Threads, app, example, one_line_errors, progress_bar, say
from reenact.core.errors import ReenactError
from reenact.core.files import check_output, write_text
from reenact.core.provenance import measured_with
from reenact.media.image import check_image_name, read_image
from reenact.provenance.output import MarkedOutput
from reenact.runtime.onnx_method import load


@app.command()
@one_line_errors
def directions(
    method: Annotated[str, typer.Argument(help="name of a method, or the path of a weights folder")] = "sfd",
    portrait: Annotated[list[Path] | None, typer.Option(help="photo to measure on; repeatable; the first is shown")] = None,
    out: Annotated[Path | None, typer.Option("--out", "-o", help="sheet of the traversals: .png, .jpg, .webp")] = None,
    json_path: Annotated[Path | None, typer.Option("--json", help="also write what was measured to this file")] = None,
    rows: Annotated[int, typer.Option(help="directions on the sheet: six of pose, then those that move most purely")] = 18,
    keep: Annotated[bool, typer.Option("--keep", help="beside the weights too, so that edit --set y7=1 knows them")] = False,
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Measure what each motion direction of a method moves. And how purely: a table, and a sheet of rendered frames."""
    photos = portrait or [example("portrait.jpg", "--portrait PHOTO")]
    for target in filter(None, (out, json_path)):
        check_output(target, photos)
    if out is not None:
        check_image_name(out)
    if rows < 1:
        raise ReenactError("--rows must be 1 or more")
    from reenact.calibrate import directions as measuring

    pictures = [read_image(photo) for photo in photos]
    loaded = load(method, device, threads)
    portraits = [loaded.encode_source(picture) for picture in pictures]
    with progress_bar("measuring", "directions") as progress:
        found = measuring.measure(loaded, portraits, progress)
    typer.echo(measuring.table(found))  # before anything is written: what took minutes is not lost to a full disk
    data = measuring.as_json(loaded, found, len(portraits))
    if keep:
        say(f"{measuring.keep(loaded, data)}: written")
    if json_path is not None:
        write_text(json_path, json.dumps({**data, **measured_with(loaded.folder)}, indent=1) + "\n")
    if out is not None:
        shown = measuring.shown(found, rows)
        MarkedOutput(out).picture(np.asarray(measuring.traversal(loaded, portraits[0], shown)))
        say(f"{out}: {len(shown)} directions")
