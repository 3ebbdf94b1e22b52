"""reenact data: its commands hang on `data_app`"""

from __future__ import annotations

import typer

from reenact.cli.shared import app

data_app = typer.Typer(help="Data sets: from raw material to training shards.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(data_app, name="data")
