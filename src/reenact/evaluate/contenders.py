"""Who is evaluated: the two floors, and methods by name or weights folder. Only the three verbs are used."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.core.provenance import weights_digest
from reenact.evaluate.floors import Starter, mesh_warp, of_method, still, true_video
from reenact.evaluate.registry import TRUTH
from reenact.motion.transfer import Mode
from reenact.runtime.background import Background
from reenact.runtime.onnx_method import OnnxMethod, known_methods, load, weights_folder

FLOORS: dict[str, Starter] = {TRUTH: true_video, "still": still, "mesh_warp": mesh_warp}


@dataclass(frozen=True)
class Contender:
    """One row of the tables."""

    name: str
    method: str | None
    """what `runtime.load` takes; None is a floor"""
    weights_sha256: str | None


def contenders(names: tuple[str, ...]) -> tuple[Contender, ...]:
    """Floors first. Raises ReenactError for an unknown name, before anything is loaded."""
    floors = [Contender(name, None, None) for name in FLOORS if name in names]
    methods = [_method(name) for name in names if name not in FLOORS]
    taken = [contender.name for contender in methods]
    for i, contender in enumerate(methods):
        if taken.count(contender.name) > 1:  # several folders of one method
            methods[i] = Contender(f"{contender.name} ({Path(str(contender.method)).name})", *_rest(contender))
    chosen = floors + methods
    if not chosen:
        raise ReenactError("no method: give `methods` with truth, still, mesh_warp, a method's name or a weights folder")
    if len({contender.name for contender in chosen}) < len(chosen):
        raise ReenactError("`methods` names one method twice: give each once")
    return tuple(chosen)


def start_all(
    chosen: tuple[Contender, ...], device: str, threads: int, mode: Mode, background: Background
) -> tuple[dict[str, Starter], int]:
    """Contender's name -> what starts it, and the side of the pictures. Raises ReenactError where sides differ."""
    starters: dict[str, Starter] = {}
    sizes: dict[str, int] = {}
    for contender in chosen:
        if contender.method is None:
            starters[contender.name] = FLOORS[contender.name]
        else:
            method = load(contender.method, device, threads, background)
            starters[contender.name], sizes[contender.name] = of_method(method, mode), method.size
    if len(set(sizes.values())) > 1:
        raise ReenactError(f"methods of unlike sizes ({sizes}) have no common table: evaluate them one by one")
    return starters, next(iter(sizes.values()), 256)


def load_methods(chosen: tuple[Contender, ...], device: str, threads: int, background: Background) -> dict[str, OnnxMethod]:
    """The contenders that have verbs."""
    return {c.name: load(c.method, device, threads, background) for c in chosen if c.method is not None}


def _method(name: str) -> Contender:
    folder = weights_folder() / name if name in known_methods() else Path(name)
    if not (folder / "config.json").is_file():
        known = ", ".join([*FLOORS, *known_methods()])
        raise ReenactError(f"unknown method {name!r}: choose of {known}, or give a weights folder (with config.json)")
    label = name if name in known_methods() else _label(folder)
    return Contender(label, name, weights_digest(folder))


def _label(folder: Path) -> str:
    import json

    try:
        return str(json.loads((folder / "config.json").read_text(encoding="utf-8"))["method"])
    except (ValueError, KeyError, TypeError):
        raise ReenactError(f"{folder / 'config.json'}: names no method; give another weights folder") from None


def _rest(contender: Contender) -> tuple[str | None, str | None]:
    return contender.method, contender.weights_sha256
