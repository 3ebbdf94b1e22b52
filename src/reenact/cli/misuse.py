"""What a command line that cannot be read is told: one line that names the option that was meant, or the values it takes."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any

LENGTH = ("--end", "--seconds")
"""how long: where in the video to end, or for how many seconds; no command that makes films has both"""
MEANT = {**dict.fromkeys(("--duration", "--length", "--until", *LENGTH), LENGTH), "--crf": ("--film-quality",)}
"""option that other programs have -> ours, of which the first that the command has is named"""

ALIKE = 0.75
"""ours: difflib's ratio. At its own 0.6 --gaze is taken for --size, --face or --badge; a swapped pair of letters has 0.86"""


def told(error: Any, given: Sequence[str]) -> str:
    """The line for one of click's usage errors; typer has its own copy of click, or not, by version.

    given: the arguments, of which the error does not say what an option of several values has swallowed."""
    if type(error).__name__ == "NoSuchOption":
        return _unknown(error)
    option = getattr(error, "param", None)
    if option is not None and option.param_type_name == "option" and option.nargs > 1:
        return _several(option, given)
    return error.format_message().rstrip(".")


def _unknown(error: Any) -> str:
    line, given = f"no such option {error.option_name}", error.option_name
    options = {} if error.ctx is None else {name: option for option in error.ctx.command.params for name in option.opts}
    if meant := next((name for name in MEANT.get(given, ()) if name in options), None):
        return f"{line}: did you mean {meant} ({options[meant].help})?"
    alike = get_close_matches(given, options, cutoff=ALIKE)
    return f"{line}: did you mean {' or '.join(alike)}?" if alike else line


def _several(option: Any, given: Sequence[str]) -> str:
    """`--gaze 20 -o x.png`: click would tell that -o is no number, as though it had been asked to be one."""
    name = max(option.opts, key=len)
    at = next(i for i, word in enumerate(given) if word.split("=")[0] in option.opts)
    found = given[at : at + option.nargs + ("=" not in given[at])]
    return f"{name} takes {option.nargs} values, {name} {option.metavar}; this is {' '.join(found)!r}"
