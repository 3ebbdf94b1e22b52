"""Weights that a stage starts from: a run, a folder that a lease brought back, or the ONNX graphs that ship."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from importlib import import_module, util
from pathlib import Path

from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.core.provenance import graphs_digest, own_graphs, shared_graphs
from reenact.train.state import CHECKPOINT, fill, read_average
from reenact.train.tensors import read_about, read_tensors

PARTS = "weights_*.safetensors"
REVIVE = "reenact.methods.import_onnx"
"""module whose read(folder) gives the state of a model out of ONNX graphs, names as in the model's state_dict"""


CHECKPOINTS = Path(__file__).resolve().parents[3] / "checkpoints"
"""of a clone: the training state of what ships (methods/checkpoint.py); a folder a method, and the shared renderer's"""
DRAWING = "drawing"


def read_start(path: Path, pictures: Tensor | None = None) -> dict[str, Tensor]:
    """Tensors by name, as in the model (motion.trunk.0.0.weight, ...). Raises ReenactError where there are none.

    Of weights that ship, the training state that the clone holds is preferred to what can be taken from their graphs.
    pictures: [B,3,size,size] in [0, 1], faces; what those graphs need to get their norms back (methods/import_onnx.py).
    """
    if (path / CHECKPOINT).exists():
        return read_average(path)[0]
    if pieces := sorted(path.glob(PARTS)):
        return _joined(pieces)
    if list(path.glob("*.onnx")):
        state, whole = kept_state(path)
        if whole:
            return state
        if util.find_spec(REVIVE) is None:
            raise ReenactError(f"{path} holds ONNX graphs, which this version cannot train on from: start from a run's folder")
        return import_module(REVIVE).read(path, pictures) | state
    raise ReenactError(f"{path} holds no weights to start from: give a run's folder or a folder of weights")


def kept_state(path: Path, checkpoints: Path | None = None) -> tuple[dict[str, Tensor], bool]:
    """What the clone holds of the training state of a weights folder, and whether that is all of it.

    A checkpoint names the graphs that it was written for, so one of other weights is passed over.
    """
    about = path / "config.json"
    name = json.loads(about.read_text(encoding="utf-8")).get("method", "") if about.is_file() else ""
    state: dict[str, Tensor] = {}
    whole = bool(name)
    for folder, graphs in ((name, own_graphs(path)), (DRAWING, shared_graphs(path))):
        pieces = sorted(((checkpoints or CHECKPOINTS) / folder).glob(PARTS)) if folder else []
        if pieces and graphs and read_about(pieces[0])[1].get("graphs") == graphs_digest(path, graphs):
            state |= _joined(pieces)
        elif graphs:
            whole = False
    return state, whole


def _joined(pieces: Sequence[Path]) -> dict[str, Tensor]:
    return {name: value.float() for piece in pieces for name, value in read_tensors(piece)[0].items()}


def images_seen(path: Path) -> int:
    """How many images a run's weights, or those of a folder of pieces, have seen; 0 for weights that do not say."""
    files = [path / CHECKPOINT, *sorted(path.glob(PARTS))]
    return next((int(read_tensors(file, ())[1].get("images", 0)) for file in files if file.exists()), 0)


def begin(trained: nn.ModuleDict, tensors: Mapping[str, Tensor]) -> list[str]:
    """Fills every part of which `tensors` hold anything, whole; gives the names of these parts.

    Raises ReenactError where a part fits only partly; what only training needs (a part's `training_only`) may be missing, as it
    is in weights that ship, and then stays as it is.
    """
    filled = []
    for name, part in trained.items():
        own = {key.removeprefix(f"{name}."): value for key, value in tensors.items() if key.startswith(f"{name}.")}
        if own:
            fill(part, _fresh(part) | own)
            filled.append(name)
    return filled


def _fresh(part: nn.Module) -> dict[str, Tensor]:
    """What a start may lack of a part, as it is."""
    may_lack = tuple(f"{child}." for child in getattr(part, "training_only", ()))
    return {name: value.clone() for name, value in part.state_dict().items() if name.startswith(may_lack)} if may_lack else {}
