"""How weights came to be: lineage.json beside them, written by export out of what the runs say of themselves.

A source is a run's folder (its config.json and checkpoint), a folder that a lent machine or a blend wrote, or a folder of
weights, whose own lineage is taken in whole: so the file says the way back to the first weights, whatever becomes of the runs.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reenact.core.files import write_text
from reenact.core.provenance import commit, own_graphs, shared_graphs
from reenact.train.start import PARTS, images_seen
from reenact.train.state import CHECKPOINT
from reenact.train.tensors import read_about

FILE = "lineage.json"
SCHEMA = 1
LICENCE = "non-commercial research use: most training clips are research material"
"""of weights whose parents say nothing else"""
KEPT = ("name", "task", "size", "splits", "wide", "mouths", "same_motion", "seed", "weights", "schedule", "after", "data")
"""of a run's config.json"""


def short(path: Path) -> str:
    """A folder's name and its parent's, never where it lies on this machine."""
    whole = path.resolve()
    return f"{whole.parent.name}/{whole.name}"


def source(path: Path) -> dict[str, Any]:
    """What one folder of weights, or run, says of itself. Nothing is asked of a folder but that it is there."""
    said: dict[str, Any] = {"from": short(path)}
    files = [file for file in (path / CHECKPOINT, *sorted(path.glob(PARTS))) if file.exists()]
    if files:
        names, about = read_about(files[0])
        said["date"] = datetime.fromtimestamp(files[0].stat().st_mtime, UTC).date().isoformat()
        said["images"] = images_seen(path)
        said["parts"] = sorted({name.removeprefix("average.").split(".")[0] for name in names if _a_part(name, files[0])})
        said |= {key: json.loads(about[key]) for key in ("parents", "share", "of") if key in about}
    held = _json(path / "config.json")
    if "schedule" in held:
        said |= {key: held[key] for key in KEPT if key in held} | {"parents": [_parent(start) for start in held.get("start", ())]}
    if results := _json(path / "results.json"):
        said |= {key: results[key] for key in ("recipe", "images", "seconds") if key in results}
    if lineage := _json(path / FILE):
        said["lineage"] = lineage
    elif "method" in held:
        said |= {"method": held["method"], "images_seen": held.get("images_seen", {})}
    return said


def _a_part(name: str, file: Path) -> bool:
    """Of a checkpoint, the average alone; of pieces, everything."""
    return name.startswith("average.") if file.name == CHECKPOINT else True


def _parent(start: str) -> dict[str, Any]:
    path = Path(start)
    return source(path) if path.is_dir() else {"from": short(path)}


def sources(runs: Sequence[Path], drawing: Path | None = None, kept: Path | None = None) -> list[dict[str, Any]]:
    """What weights come from, to be asked before they are written: these runs, this rendering network, and the folder whose
    other graphs stay."""
    known = {run.resolve() for run in runs}
    found = [source(run) for run in runs]
    if drawing is not None:
        found.append(source(drawing) | {"role": "drawing"})
    if kept is not None and kept.resolve() not in known:
        found.append(source(kept) | {"role": "kept"})
    return found


def write_lineage(folder: Path, found: Sequence[Mapping[str, Any]], command: str, licence: str | None = None) -> Path:
    """lineage.json of weights that were just written into `folder`, from these sources; gives its path."""
    config = _json(folder / "config.json")
    inherited = [one["lineage"]["licence"] for one in found if "licence" in one.get("lineage", {})]
    said = {
        "schema": SCHEMA,
        "method": config.get("method"),
        "licence": licence or next(iter(inherited), LICENCE),
        "date": datetime.now(UTC).date().isoformat(),
        "commit": commit(),
        "command": command,
        "images_seen": config.get("images_seen", {}),
        "graphs_sha256": _hashes(folder),
        "sources": list(found),
    }
    write_text(folder / FILE, json.dumps(said, indent=1) + "\n")
    return folder / FILE


def exported_again(shared: Path, files: Sequence[str], command: str) -> list[Path]:
    """Graphs of `shared` were written anew with the same weights: the lineage of every folder of weights beside it that has one
    of them gets their hashes, and an entry that says so. Gives the files that were changed."""
    changed = []
    for path in sorted(shared.parent.glob(f"*/{FILE}")):
        said, own = _json(path), {Path(file).name for file in shared_graphs(path.parent)}
        if not said or not (here := [file for file in files if file in own]):
            continue
        entry = {
            "from": "the same weights, exported again",
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit(),
            "command": command,
            "role": f"{', '.join(here)}: other operations, no weight changed",
        }
        told = {**said, "graphs_sha256": _hashes(path.parent), "sources": [*said.get("sources", ()), entry]}
        write_text(path, json.dumps(told, indent=1) + "\n")
        changed.append(path)
    return changed


def _hashes(folder: Path) -> dict[str, str]:
    """SHA-256 of a weights folder's graphs, shared ones among them."""
    files = own_graphs(folder) + shared_graphs(folder)
    return {file: hashlib.sha256((folder / file).read_bytes()).hexdigest() for file in files}


def command_line(words: Sequence[str], module: str) -> str:
    """The command as it is published: folders by their last two names."""
    told = [short(Path(word)) if not word.startswith("-") and ("/" in word or Path(word).is_dir()) else word for word in words]
    return " ".join(["python -m", module, *told])


def _json(path: Path) -> Mapping[str, Any]:
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return held if isinstance(held, dict) else {}
