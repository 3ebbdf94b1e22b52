"""The command line, one module a command. What the user can mend ends in one line on stderr and exit code 2."""

from __future__ import annotations

import importlib
import logging
import os
import signal
import sys
import traceback
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import typer

from reenact.cli import shared
from reenact.cli.misuse import told
from reenact.cli.shared import DEBUG, say
from reenact.core.memory import begin_loading
from reenact.faces.doubt import accepting

if TYPE_CHECKING:
    from reenact.cli import (  # noqa: F401  (what `register` imports)
        animate,
        batch,
        bench,
        calibrate,
        call,
        data,
        data_synth,
        descriptors,
        directions,
        edit,
        evaluate,
        faces,
        inspect,
        live,
        report,
        serve,
        train,
        verify,
    )

DEBUG_NAME = "REENACT_DEBUG"
ROOMS = {
    "encode": "call",
    "decode": "call",
    "data": "data_synth",
    "describe": "descriptors",
    "mix": "descriptors",
    "interpolate": "edit",
    "record": "edit",
    "keys": "verify",
}
"""modules of the commands that are not called as theirs is"""


def __getattr__(name: str) -> Any:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    register()
    return shared.app


def register(given: Sequence[str] = ()) -> None:
    """Imports the module of the command that the arguments begin with; of all commands where they begin with none. A module
    registers its commands: to import all of them takes a tenth of a second that only --help is worth."""
    first = next((word for word in given if not word.startswith("-")), "")
    for name in [first] if first in shared.ORDER.split() else shared.ORDER.split():
        importlib.import_module(f"reenact.cli.{ROOMS.get(name, name)}")


def main() -> None:
    """Entry point of the `reenact` command."""
    _clear_up_when_ended()
    begin_loading()
    sys.exit(run())


def _clear_up_when_ended() -> None:
    """SIGTERM and SIGHUP end the run as Ctrl-C does, with its line, so that nothing half-written stays; one that is ignored
    (nohup) stays so."""
    own = os.getpid()

    def end(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_IGN)
        if os.getpid() == own:  # processes that were forked from this one are ended without a word
            with suppress(OSError):  # the terminal has gone
                os.write(2, b"stopped\n")  # not `say`: the signal may have come while that writes
        raise SystemExit(128 + number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, end)


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs a command line (default: this process's); gives the exit code: 0, 2 for what the user can mend, 1 for what he
    cannot, 130 where it was stopped.

    Nothing but one line on stderr says so, save with --debug anywhere among the arguments, or REENACT_DEBUG=1: then the
    traceback comes before it. --force, anywhere too, accepts a doubtful detection as a face (faces/doubt.py).
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    register(given)
    plain, wanted = _without(given, "--debug")
    plain, forced = _without(plain, "--force")
    _show_log()
    token = DEBUG.set(wanted or os.environ.get(DEBUG_NAME, "0") not in ("", "0"))
    try:
        with accepting(forced):
            return shared.app(plain, standalone_mode=False) or 0
    except (typer.Abort, KeyboardInterrupt):
        say("stopped")
        return 130
    except BrokenPipeError:
        # whoever read our output has gone (as in `| head`): nothing is left to say, and nowhere
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115  (the interpreter flushes it at its end)
        return 1
    except Exception as error:
        if DEBUG.get():
            traceback.print_exc()
        return _told(error, plain)
    finally:
        DEBUG.reset(token)


def _show_log() -> None:
    """What the library logs (a file that is fetched), one line each on stderr."""

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(record.getMessage())

    logger = logging.getLogger("reenact")
    if not any(type(handler).__name__ == Lines.__name__ for handler in logger.handlers):
        logger.addHandler(Lines())
        logger.setLevel(logging.INFO)


def _without(given: list[str], flag: str) -> tuple[list[str], bool]:
    """The arguments without a flag that may stand anywhere before a --; and whether it was there."""
    end = given.index("--") if "--" in given else len(given)
    kept = [argument for argument in given[:end] if argument != flag]
    return [*kept, *given[end:]], len(kept) < end


def _told(error: Exception, given: Sequence[str]) -> int:
    """Says in one line what went wrong; gives the exit code."""
    if hasattr(error, "format_message"):
        return _misused(error, given)
    reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
    if isinstance(error, MemoryError):
        say("error: not enough memory: close other programs, or take a smaller photo or a shorter video")
        return 2
    if isinstance(error, OSError) and error.filename:
        say(f"error: {os.fsdecode(error.filename)}: {reason}")
        return 2
    say(f"error: {type(error).__name__}: {reason} (a fault of reenact's: please report it with what --debug prints)")
    return 1


def _misused(error: Exception, given: Sequence[str]) -> int:
    """Click's usage errors (an unknown option, a missing value)."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError" and context is not None:
        typer.echo(context.get_help())
        return 2
    names = {command.name or command.callback.__name__ for command in shared.app.registered_commands if command.callback}
    path = context.command_path if context is not None else " ".join(["reenact", *given[: bool(given and given[0] in names)]])
    say(f"error: {told(error, given)} (see {path} --help)")
    return 2
