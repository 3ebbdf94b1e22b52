"""The command line, one module a command. What the user can mend ends in one line on stderr and exit code 2."""

from __future__ import annotations

import sys

import typer

from reenact.cli import animate, bench, call, data, data_synth, descriptors, directions, edit, evaluate, report, train  # noqa: F401  (each registers its command)
from reenact.cli.shared import app, say


def main() -> None:
    """Entry point of the `reenact` command."""
    sys.exit(run())


def run(arguments: list[str] | None = None) -> int:
    """Runs a command line (default: this process's); gives the exit code."""
    try:
        return app(arguments, standalone_mode=False) or 0
    except typer.Abort:
        say("stopped")
        return 130
    except Exception as error:
        # click's usage errors (an unknown option, a missing argument); typer has its own copy of click, or not, by version
        context = getattr(error, "ctx", None)
        if context is None or not hasattr(error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            typer.echo(context.get_help())
        else:
            say(f"error: {error.format_message().rstrip('.')} (see {context.command_path} --help)")
        return 2
