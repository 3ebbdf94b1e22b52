"""reenact verify, reenact keys"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from reenact.cli.shared import app, one_line_errors, say
from reenact.core.errors import ReenactError
from reenact.core.files import write_text
from reenact.provenance import keys as own
from reenact.provenance.manifest import Signature, read_anchors
from reenact.provenance.search import Look
from reenact.provenance.verify import Findings, Verdict, verify_file

CODES: dict[Verdict, int] = {"marked": 0, "none": 1, "broken": 3}


@app.command()
@one_line_errors
def verify(
    file: Annotated[Path, typer.Argument(help="picture or film to check")],
    as_json: Annotated[bool, typer.Option("--json", help="print JSON")] = False,
    anchors: Annotated[Path | None, typer.Option(help="PEM: certificates to trust (reenact keys export)")] = None,
) -> None:
    """Say whether reenact made a file: label, watermark, signature. Exit code: 0 marked, 1 no mark, 3 signature broken."""
    found = verify_file(file, read_anchors(anchors) if anchors else "")
    typer.echo(json.dumps(found.as_dict(), indent=2) if as_json else _lines(found))
    raise typer.Exit(CODES[found.verdict])


@app.command()
@one_line_errors
def keys(
    action: Annotated[str, typer.Argument(help="show, new (instead of the old one) or export (the certificate)")] = "show",
    out: Annotated[Path | None, typer.Option("--out", "-o", help="of export: file to write instead of printing")] = None,
) -> None:
    """The key that signs what is made on this computer."""
    if action not in ("show", "new", "export"):
        raise ReenactError(f"unknown action {action!r}: choose show, new or export")
    if out is not None and action != "export":
        raise ReenactError(f"--out is of `reenact keys export`: keys {action} writes no file of yours; leave it out")
    if action == "export":
        certificate = own.root_certificate()
        if out is None:
            typer.echo(certificate, nl=False)
        else:
            write_text(out, certificate)
            say(f"{out}: written")
        return
    info = own.make_key() if action == "new" else own.show_key()
    typer.echo(f"key          {info.path}\nfingerprint  {info.fingerprint}\nuntil        {info.until:%Y-%m-%d}")


def _lines(found: Findings) -> str:
    rows = [("label", _label(found)), ("watermark", _watermark(found.look)), ("signature", _signature(found))]
    return "\n".join(f"{name:10} {value}" for name, value in rows)


def _label(found: Findings) -> str:
    if found.label is None:
        return "none"
    return f"{found.label}, by {found.tool}" if found.tool else found.label


def _watermark(look: Look) -> str:
    if look.found and look.place is not None:
        place = look.place
        where = f"head of {place.side:.0f} px at {place.centre_x:.0f}, {place.centre_y:.0f}"
        return f"found, z {look.z:.1f} (a mark from {look.bar:g}), {where}"
    return f"none (z {look.z:.1f}, a mark from {look.bar:g})"


def _signature(found: Findings) -> str:
    held: Signature | None = found.signature
    if not found.checked:
        return f"not checked; {own.NEEDS}"
    if held is None:
        return "not signed"
    said = ", ".join(filter(None, (f"by {held.by}" if held.by else "", held.when)))
    if held.state == "broken":
        return f"broken ({', '.join(held.reasons)}): the file was changed after it was signed; {said}"
    known = "a given anchor vouches for it" if held.state == "trusted" else "nobody known vouches for it"
    return f"valid, {known}; unchanged since; {said}"
