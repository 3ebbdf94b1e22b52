"""reenact faces"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import Threads, app, one_line_errors, say
from reenact.core.errors import NoFaceError
from reenact.core.files import check_output
from reenact.faces.doubt import doubtful
from reenact.faces.landmarker import Landmarker
from reenact.faces.portrait import faces_of
from reenact.faces.upright import how_it_lies, missed, no_face
from reenact.media.image import check_image_name, read_image, write_image
from reenact.pipeline.faces import numbered


@app.command()
@one_line_errors
def faces(
    photo: Annotated[Path, typer.Argument(help="photo to look for faces in")],
    out: Annotated[Path | None, typer.Option("--out", "-o", help="the photo with each face numbered: .png, .jpg, .webp")] = None,
    threads: Threads = 0,
) -> None:
    """Say how many faces a photo has and where. --face takes their numbers."""
    if out is not None:
        check_image_name(check_output(out, [photo]))
    picture = read_image(photo)
    landmarker = Landmarker(threads)
    found = faces_of(picture, landmarker)
    if not found:
        raise NoFaceError(f"{photo}: {no_face(picture, landmarker)}")
    note = "; looks like no face" if doubtful(landmarker, picture, found[0]) else ""  # of these, all do or none (faces_of)
    for number, face in enumerate(found, 1):
        left, top, right, bottom = face.box
        centre = f"{(left + right) / 2:.0f}, {(top + bottom) / 2:.0f}"
        typer.echo(f"{number}: {right - left:.0f} x {bottom - top:.0f} pixels around {centre}{note}")
    if note and (turns := missed(picture, landmarker)):
        say(f"warning: the face in {photo} {how_it_lies(turns)}")
    if out is not None:
        write_image(out, numbered(picture, found))
        say(f"{out}: written")
