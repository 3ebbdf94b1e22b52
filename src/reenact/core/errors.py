"""The exceptions that users see, and the category of the package's warnings.

Their lines name parameters in backticks, as in "`fps` must lie between 1 and 240"; what has a command line writes them as its
options (`as_options`).
"""

import re
from collections.abc import Mapping


class ReenactError(Exception):
    """Something the user can mend. Its message is one line that says what to do; the command line exits with 2."""


class InputError(ReenactError):
    """A photo, video, sound, take or call that cannot be read as one."""


class NoFaceError(ReenactError):
    """A picture or a video in which no face is found where one is wanted."""


class WeightsError(ReenactError):
    """Weights, or what was measured on them, that are missing, damaged or do not belong together."""


class ReenactWarning(UserWarning):
    """What was done in another way than asked for, or left out."""


def as_options(line: str, renamed: Mapping[str, str] = {}) -> str:  # noqa: B006  (is not changed)
    """The line with options where it names parameters in backticks: `key_seconds` -> --key-seconds.

    renamed: options that are called otherwise than their parameter.
    """
    return re.sub(r"`([a-z]\w*(?:\.\w+)*(?:=\w+)?)`", lambda found: _option(found[1], renamed), line, flags=re.IGNORECASE)


def _option(name: str, renamed: Mapping[str, str]) -> str:
    return renamed.get(name) or f"--{name.replace('_', '-')}"
