"""What goes home from a borrowed machine: averaged weights in files small enough, logs, a table, a page for each stage."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from reenact.train.journal import read_log
from reenact.train.state import CHECKPOINT, read_average
from reenact.train.tensors import write_tensors

FILE_BYTES, FILES = 15 * 2**20, 8
"""what one file may weigh, and how many go home, the process's own log among them: a borrowed machine gives back 8 of 16 MiB"""


def bring_home(runs: Mapping[str, Path], out: Path, about: Mapping[str, Any]) -> dict[str, Any]:
    """Writes weights_*.safetensors (fp16, later stages over earlier ones), results.json, results.md and the stages' pages.

    runs: each stage's name and folder, those that have not begun too. Gives what results.json says.
    """
    out.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = {}
    stages, pages = {}, []
    for name, path in runs.items():
        if not (path / CHECKPOINT).exists():
            continue
        average, seen = read_average(path)
        tensors |= {key: value for key, value in average.items() if not key.startswith("probe.")}
        stages[name] = {"images": seen, "log": read_log(path)}
        pages.append((f"{name}.html", (path / "index.html").read_bytes()))
    written = [path.name for path in write_weights(out, tensors)]
    room = FILES - len(written) - 3
    for name, page in pages[-room:] if room > 0 else []:
        if len(page) <= FILE_BYTES:
            (out / name).write_bytes(page)
    results = {**about, "weights": written, "stages": stages}
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n", encoding="utf-8")
    (out / "results.md").write_text(table(results), encoding="utf-8")
    return results


def table(results: Mapping[str, Any]) -> str:
    """A line a stage and figure: images, value at the first check, value at the last."""
    lines = ["| stage | images | figure | first | last |", "|---|---|---|---|---|"]
    for name, stage in results["stages"].items():
        log, figures = stage["log"], dict.fromkeys(key for line in stage["log"] for key in line if key != "images")
        for figure in figures:
            values = [line[figure] for line in log if figure in line]
            lines.append(f"| {name} | {stage['images']} | {figure} | {values[0]:.5g} | {values[-1]:.5g} |")
    return "\n".join(lines) + "\n"


def write_weights(folder: Path, tensors: Mapping[str, Tensor], limit: int = FILE_BYTES) -> list[Path]:
    """weights_00.safetensors, ...: fp16, each at most `limit` bytes; train.start.read_start reads the folder."""
    groups: list[dict[str, Tensor]] = [{}]
    room = limit
    for name, tensor in tensors.items():
        value = tensor.half() if tensor.is_floating_point() else tensor
        needed = value.numel() * value.element_size() + 256
        if needed > room and groups[-1]:
            groups.append({})
            room = limit
        groups[-1][name] = torch.clone(value)
        room -= needed
    paths = [folder / f"weights_{number:02d}.safetensors" for number in range(len(groups))]
    for path, group in zip(paths, groups, strict=True):
        write_tensors(path, group, {"format": "pt"})
    return paths
