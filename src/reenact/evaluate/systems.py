"""What is evaluated: two trivial baselines, and methods by name or weights folder. Only the three verbs are used."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from reenact.core.errors import ReenactError
from reenact.evaluate.baselines import Starter, mesh_warp, of_method, still, true_video
from reenact.evaluate.registry import TRUTH
from reenact.motion.transfer import Mode
from reenact.runtime.background import Background
from reenact.runtime.onnx_method import OnnxMethod, known_methods, load, weights_folder
from reenact.runtime.renderer import MARK, Renderer, measured_as

BASELINES: dict[str, Starter] = {TRUTH: true_video, "still": still, "mesh_warp": mesh_warp}


@dataclass(frozen=True)
class System:
    """One row of the tables."""

    name: str
    method: str | None
    """what `runtime.load` takes; None: a trivial baseline"""
    weights_sha256: str | None
    renderer: Renderer = "full"


def systems(names: tuple[str, ...]) -> tuple[System, ...]:
    """Baselines first. Raises ReenactError for an unknown name, before anything is loaded."""
    trivial = [System(name, None, None) for name in BASELINES if name in names]
    methods = [_method(name) for name in names if name not in BASELINES]
    taken = [system.name for system in methods]
    for i, system in enumerate(methods):
        if taken.count(system.name) > 1:  # several folders of one method
            methods[i] = replace(system, name=f"{system.name} ({Path(str(system.method)).name})")
    chosen = trivial + methods
    if not chosen:
        raise ReenactError("no method: give `methods` with truth, still, mesh_warp, a method's name or a weights folder")
    if len({system.name for system in chosen}) < len(chosen):
        raise ReenactError("`methods` names one method twice: give each once")
    return tuple(chosen)


def start_all(
    chosen: tuple[System, ...], device: str, threads: int, mode: Mode, background: Background
) -> tuple[dict[str, Starter], int]:
    """System's name -> what starts it, and the side of the pictures. Raises ReenactError where sides differ."""
    starters: dict[str, Starter] = {}
    sizes: dict[str, int] = {}
    for system in chosen:
        if system.method is None:
            starters[system.name] = BASELINES[system.name]
        else:
            method = load(system.method, device, threads, background, renderer=system.renderer)
            starters[system.name], sizes[system.name] = of_method(method, mode), method.size
    if len(set(sizes.values())) > 1:
        raise ReenactError(f"methods of unlike sizes ({sizes}) have no common table: evaluate them one by one")
    return starters, next(iter(sizes.values()), 256)


def load_methods(chosen: tuple[System, ...], device: str, threads: int, background: Background) -> dict[str, OnnxMethod]:
    """The systems that have verbs."""
    return {c.name: load(c.method, device, threads, background, renderer=c.renderer) for c in chosen if c.method is not None}


def _method(given: str) -> System:
    """A method's name or folder, with MARK behind it for its fast renderer."""
    name, renderer = given.removesuffix(MARK), cast(Renderer, "fast" if given.endswith(MARK) else "full")
    folder = weights_folder() / name if name in known_methods() else Path(name)
    if not (folder / "config.json").is_file():
        known = ", ".join([*BASELINES, *known_methods()])
        raise ReenactError(f"unknown method {name!r}: choose of {known}, or give a weights folder (with config.json)")
    label = name if name in known_methods() else _label(folder)
    row, digest = measured_as(label, folder, renderer)
    return System(row, name, digest, renderer)


def _label(folder: Path) -> str:
    import json

    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["method"])
    except (ValueError, KeyError, TypeError):
        raise ReenactError(f"{folder / 'config.json'}: names no method; give another weights folder") from None
