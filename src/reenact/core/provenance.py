"""Where a result or a file of weights comes from: command, commit, weights, networks, hardware."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import subprocess
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from typing import Any

from reenact.core.assets import ASSETS

SHIPPED = Path(__file__).resolve().parent.parent / "weights"
ABOUT_WEIGHTS = ("codec.json", "lineage.json", "calibration.json")
"""beside weights, and without influence on the frames"""


def provenance(command: list[str], weights: Mapping[str, str], networks: Iterable[str]) -> dict[str, Any]:
    """What one needs to repeat a run. weights: method -> SHA-256; networks: names of assets that were used."""
    return {
        "command": " ".join(command),
        **dated(weights),
        "networks_sha256": {name: ASSETS[name].sha256 for name in networks},
        "hardware": hardware(),
        "versions": {name: metadata.version(name) for name in ("numpy", "openvino", "pillow", "av")},
    }


def dated(weights: Mapping[str, str]) -> dict[str, Any]:
    """Of which day, commit and weights a measurement is: what every file in results/ holds, so that one can see which of them are
    of weights that no longer ship. weights: method -> SHA-256; where there are any, what all methods run beside theirs is named
    too."""
    held = {"date": datetime.now(UTC).date().isoformat(), "commit": commit(), "weights_sha256": dict(weights)}
    return {**held, "common_sha256": common_digest()} if weights else held


def common_digest(folder: Path = SHIPPED) -> str:
    """SHA-256 of what all methods run beside their own weights: the networks of the backdrop and of enlarging (person), and which
    numbers occur in the shared graphs (int8.json). `weights_digest` does not see them. folder: of all weights."""
    digest = hashlib.sha256()
    for path in (*sorted((folder / "person").glob("*.onnx")), *(folder / "shared").glob("int8.json")):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def measured_with(*folders: Path) -> dict[str, Any]:
    """`dated`, of folders of weights: each by the method that its config.json names, or else by its own name."""
    return dated({_method_of(Path(folder)): weights_digest(folder) for folder in folders})


def _method_of(folder: Path) -> str:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(config.get("method", folder.name))


def commit() -> str | None:
    """The commit of the source tree, with "+changes" where the package differs from it; None outside a repository, and where the
    package is installed in somebody else's, as in a virtual environment there."""
    here = Path(__file__).resolve().parent.parent
    try:
        _git(here, "ls-files", "--error-unmatch", "--", str(Path(__file__).resolve()))
        head = _git(here, "rev-parse", "HEAD")
        return head + ("+changes" if _git(here, "status", "--porcelain", "--untracked-files=no", "--", ".") else "")
    except (OSError, subprocess.SubprocessError):
        return None


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], cwd=folder, capture_output=True, encoding="utf-8", errors="replace", check=True, timeout=20
    )
    return done.stdout.strip()


def weights_digest(folder: Path, *more: Path) -> str:
    """SHA-256 over the names and contents of a weights folder's files, by name, of graphs that it shares with others, and of
    `more`; model cards, the codec's profile and what is said of how the weights were made and measured are left out."""
    folder, digest = Path(folder), hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".onnx", ".bin", ".safetensors") and path.name not in ABOUT_WEIGHTS:
            digest.update(path.name.encode() + b"\0" + path.read_bytes())
    for file in shared_graphs(folder):
        digest.update(file.encode() + b"\0" + (folder / file).read_bytes())
    for path in more:
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def own_graphs(folder: Path) -> list[str]:
    """Graphs in a weights folder itself, sorted."""
    return sorted(path.name for path in folder.glob("*.onnx"))


def graphs_digest(folder: Path, files: Iterable[str]) -> str:
    """16 hex digits of these graphs' contents, in this order."""
    digest = hashlib.sha256()
    for file in files:
        digest.update((folder / file).read_bytes())
    return digest.hexdigest()[:16]


def shared_graphs(folder: Path) -> list[str]:
    """Graphs of a weights folder that lie outside it, as its config.json names them (../shared/draw.onnx), sorted."""
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    files = [config.get("source", ""), *(file for file, _ in config.get("render", ()))]
    return sorted(file for file in files if file and Path(file).name != file)


def hardware() -> dict[str, Any]:
    """Processor, cores that this process may use, whether it has bf16, operating system."""
    text = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    names = [line.split(":", 1)[1].strip() for line in text.splitlines() if line.startswith("model name")]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return {
        "processor": names[0] if names else platform.processor() or platform.machine(),
        "cores": cores,
        "bf16": "avx512_bf16" in text,
        "system": f"{platform.system()} {platform.machine()}",
    }
