from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reenact.core.errors import ReenactError
from reenact.core.provenance import measured_with
from reenact.evaluate.results import write_json


def measured(about: str | None, second: str, measure: Callable[[Path, Path], dict[str, Any]]) -> tuple[Path, dict[str, Any]]:
    """WEIGHTS and a second folder, named as given here, are measured and written to --json FILE; gives file and figures. Ends the
    program in one line where they cannot be used."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument(second, type=Path)
    parser.add_argument("--json", type=Path, required=True)
    given = parser.parse_args()
    try:
        found = measure(given.weights, getattr(given, second))
    except ReenactError as error:
        raise SystemExit(f"error: {error}") from None
    found = {**measured_with(given.weights), **found}
    write_json(given.json, found)
    return given.json, found
