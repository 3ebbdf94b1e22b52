"""reenact describe, reenact mix"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.marks import Badge, SignCert, SignKey, Unsigned, marks
from reenact.cli.shared import Device, MethodName, Threads, app, one_line_errors, say
from reenact.pipeline.identity import describe_file, mix_file
from reenact.pipeline.portrait import Output
from reenact.runtime.engine import Engine

Face = Annotated[int, typer.Option(help="which face of the photo: 1 is the largest")]


@app.command()
@one_line_errors
def describe(
    photo: Annotated[Path, typer.Argument(help="photo of the person")],
    out: Annotated[Path, typer.Option("--out", "-o", help="identity to write, .json")] = Path("identity.json"),
    motion: Annotated[Path | None, typer.Option(help="also write what the face does, as a take: .json or .npz")] = None,
    consent: Annotated[bool, typer.Option("--consent", help="the person has agreed that their identity may be mixed")] = False,
    face: Face = 1,
    method: MethodName = "sfd",
    device: Device = "auto",
    threads: Threads = 0,
) -> None:
    """Write a face's descriptors as files. Who it is, and apart from that what it does."""
    engine = Engine(method, device, threads)
    found = describe_file(photo, out, motion, consent=consent, engine=engine, face=face)
    say(f"{out}: {len(found.coefficients)} identity coefficients, {'may' if consent else 'may not'} be mixed")
    if motion is not None:
        say(f"{motion}: written")


@app.command()
@one_line_errors
def mix(
    photo: Annotated[Path, typer.Argument(help="photo to animate: skin and hair stay its own")],
    first: Annotated[Path, typer.Argument(help="identity of this photo (reenact describe --consent)")],
    second: Annotated[Path, typer.Argument(help="identity of the other person, who must have agreed too")],
    share: Annotated[float, typer.Option(help="how far to go: 0 is the photo's person, 1 the other's shape of face")] = 0.5,
    out: Annotated[Path, typer.Option("--out", "-o", help=".png, .jpg, .webp")] = Path("mixed.png"),
    output: Annotated[str, typer.Option(help="photo (the whole photo) or crop (the head, square)")] = "crop",
    face: Face = 1,
    method: MethodName = "sfd",
    device: Device = "auto",
    threads: Threads = 0,
    badge: Badge = False,
    unsigned: Unsigned = False,
    sign_cert: SignCert = None,
    sign_key: SignKey = None,
) -> None:
    """Render a face between two people's. Both files must say that the person has agreed."""
    drawn = Output(output, face, marks(badge, unsigned, sign_cert, sign_key))  # type: ignore[arg-type]  # checked inside
    mix_file(photo, first, second, out, share, engine=Engine(method, device, threads), drawn=drawn)
    say(f"{out}: written")
