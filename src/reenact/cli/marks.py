"""The marking options of the commands that render."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from reenact.core.errors import ReenactError
from reenact.provenance.marks import Marks

Badge = Annotated[bool, typer.Option("--badge", help='write "synthetic" in a corner of the picture')]
Unsigned = Annotated[bool, typer.Option("--unsigned", help="no signature; label and watermark stay (docs/provenance.md)")]
SignCert = Annotated[
    Path | None, typer.Option("--sign-cert", help="PEM: certificate to sign with, then those that vouch for it; with --sign-key")
]
SignKey = Annotated[Path | None, typer.Option("--sign-key", help="PEM: the certificate's private key")]


def marks(badge: bool, unsigned: bool, certificate: Path | None, key: Path | None) -> Marks:
    """The options as a value. Raises ReenactError where they contradict each other."""
    if unsigned and (certificate or key):
        raise ReenactError("--unsigned leaves out what --sign-cert and --sign-key are for: give one or the other")
    from reenact.provenance.marks import Marks

    return Marks(badge=badge, sign=not unsigned, certificate=certificate, key=key)
