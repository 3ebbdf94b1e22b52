from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reenact.core.errors import ReenactError
from reenact.core.provenance import measured_with
from reenact.evaluate.results import write_json


def measured(
    about: str | None, second: str, measure: Callable[..., dict[str, Any]], *options: tuple[str, type, Any]
) -> tuple[Path, dict[str, Any]]:
    """WEIGHTS and a second folder, named as given here, are measured and written to --json FILE; gives file and figures. Ends the
    program in one line where they cannot be used. options: name, kind and default of what else `measure` takes, in its order."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument(second, type=Path)
    parser.add_argument("--json", type=Path, required=True)
    for name, kind, default in options:
        parser.add_argument(f"--{name}", type=kind, default=default)
    given = parser.parse_args()
    try:
        found = measure(given.weights, getattr(given, second), *(getattr(given, name) for name, _, _ in options))
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None
    found = {**measured_with(given.weights), **found}
    write_json(given.json, found)
    return given.json, found
