"""What one stage of training is: a complete, frozen configuration, and the parts that a method's recipe hands to the loop."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from jaxtyping import UInt8
from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.core.files import replaced
from reenact.data.augment import GAMMA
from reenact.train.former import FORMER_STAGES, FORMER_TASK, FORMER_WEIGHTS

if TYPE_CHECKING:
    from reenact.train.recipe import Recipe

SETTINGS = "config.json"
"""in a run's folder: what it was started with"""
Terms = Mapping[str, Tensor]
"""named, unweighted, scalar losses"""
Shown = Mapping[str, Tensor]
"""what a discriminator is shown of a step: {} where there is none"""
Tiles = list[UInt8[np.ndarray, "size size 3"]]


@dataclass(frozen=True)
class Schedule:
    """How long and how fast; everything is counted in images."""

    images: int
    """of the whole run"""
    batch: int
    """of one step, over all processes and all parts of an accumulated step"""
    learning_rate: float
    warm_up: int = 2_000
    """over which the rate rises from nothing"""
    ema: float = 0.999
    save_every: int = 4_000
    """between two checkpoints"""
    log_every: int = 1_000
    """between two lines of the log"""
    accumulate: int = 1
    """parts that a step's batch is worked through in; batch norm sees one part at a time"""


THIN = Schedule(images=20_000, batch=8, learning_rate=8e-4, warm_up=640, save_every=1_280, log_every=640)
"""ours: of a thin form from nothing, for a CPU"""


@dataclass(frozen=True)
class Machine:
    """Where and how a stage runs. May differ between a run and its resumption."""

    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["auto", "bf16", "fp32"] = "auto"
    """of autocast; auto: bf16 on a GPU and on a CPU that has it"""
    compiled: bool = False
    """torch.compile, which pays on a GPU"""
    several: Literal["ddp", "fsdp"] = "ddp"
    """how several processes share the work: whole copies, or parameters and optimiser in shards"""
    threads: int = 0
    """CPU threads; 0 leaves it to PyTorch"""
    graph: Literal["auto", "on", "off"] = "auto"
    """the whole step as one CUDA graph (train/graph.py); auto: on CUDA, in one process. On a CPU the same step runs as written"""
    by_clock: bool = False
    """the learning rate falls with the minutes that are given, where it is not known how many images they are good for"""


@dataclass(frozen=True)
class Stage:
    """One run of the loop. A recipe is a function that returns one or several of these."""

    name: str
    task: str | Callable[..., Task]
    """what is trained (train/tasks.py), or (stage, data, device) -> what the loop needs"""
    schedule: Schedule
    weights: Mapping[str, float]
    """of the objective's terms"""
    model: Any
    """the method's own frozen configuration"""
    method: Callable[[Any], Recipe] | None = None
    """(model) -> what the method brings to a task that is named"""
    size: int = 128
    """side of the pictures, px"""
    splits: tuple[str, ...] = ("train", "strain")
    """parts of the pool that are trained on"""
    wide: float = 0.5
    """share of pairs whose poses lie far apart"""
    mouths: float = 0.0
    """share of pairs whose mouths lie far apart"""
    lids: float = 0.0
    """share of pairs whose eyes' lids lie far apart"""
    same_motion: float = 0.0
    """share of pairs in which a rendered person is driven by another one, whose motion it has; the joint stage only"""
    stills: float = 0.0
    """share of pairs whose source is a photo, warped, and whose target is the photo (data/stills.py)"""
    augment: float = 0.0
    """share of triples that are turned, zoomed and shifted, alike; all get another gamma and saturation then (data/augment.py)"""
    darkest: float = GAMMA[1]
    """the highest gamma then"""
    read_share: float = 1.0
    """of a batch's frames, how many have landmark and identity losses: half of a step's time at 64 pairs"""
    lpips_shift: int = 0
    """px by which LPIPS shifts both pictures, alike, another shift each step"""
    identity: Literal["picture", "person"] = "picture"
    """of the portrait: its own embedding, which asks for its pose too, or its person's mean, known beforehand"""
    discriminator_width: int = 32
    """channels of the discriminators' first blocks"""
    seed: int = 0
    after: tuple[str, ...] = ()
    """stages of the same recipe whose averaged weights it starts from"""
    start: tuple[str, ...] = ()
    """runs or folders of weights that it starts from"""
    machine: Machine = field(default_factory=Machine)


@dataclass(frozen=True)
class Discriminator:
    """The network that tells the trained one's pictures from true ones, with its own optimiser."""

    network: nn.Module
    objective: Callable[[Shown], Terms]
    """what the first network showed, detached -> the discriminator's own terms"""
    weights: Mapping[str, float]
    learning_rate: float


@dataclass(frozen=True)
class Validation:
    """What the averaged weights do on people never trained on."""

    figures: Mapping[str, float] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    rows: list[tuple[str, Tiles]] = field(default_factory=list)
    """caption and pictures, one for each column"""


@dataclass(frozen=True)
class Task:
    """A stage, made: what the loop steps, feeds and checks."""

    trained: nn.ModuleDict
    """what the optimiser moves and the checkpoint keeps"""
    objective: Callable[[Any], tuple[Terms, Shown]]
    batches: Callable[[int, slice], Any]
    """(images seen, share of the batch) -> that share. A pure function of both, which is what makes a resumed run go on
    exactly, and several processes draw one batch between them."""
    check: Callable[[Mapping[str, Tensor]], Validation] | None = None
    """averaged weights (the state of `trained`) -> how good they are"""
    discriminator: Discriminator | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    """what is said of the data in config.json, so that a run does not go on with another pool"""
    adopt: Callable[[Mapping[str, Tensor]], Mapping[str, Tensor]] = dict
    """weights to start from, which may be another method's -> the same under the names and in the shapes of this one"""
    capturable: bool = False
    """does a step ask nothing of the host that changes, so that a graph may hold it (train/graph.py)?"""


def same_settings(path: Path, stage: Stage, data: Mapping[str, Any]) -> None:
    """Writes config.json, or holds this run to the one that is there: raises ReenactError naming a field that differs."""
    if path.exists():
        held_to(path, stage, data)
        return
    with replaced(path) as part:
        part.write_text(json.dumps(_settings(stage) | {"data": dict(data)}, indent=1) + "\n", encoding="utf-8")


def held_to(path: Path, stage: Stage, data: Mapping[str, Any] | None) -> None:
    """Raises ReenactError naming a field in which this stage differs from the config.json at `path`. data: None where it is not
    known what the stage says of its data; that is passed over then."""
    settings = json.loads(json.dumps(_settings(stage) | {"data": dict(data or {})}))
    # a field that the run's version did not have yet was as it is by default
    before, now = _renamed(_flat(_defaults() | _read(path))), _flat(settings)
    for name in sorted(before.keys() | now.keys()):
        if before.get(name) != now.get(name) and not (data is None and name.startswith("data.")):
            then = f"{name} = {before.get(name)}, not {now.get(name)}"
            raise ReenactError(f"this run was started with {then}: take the old value or another folder")


def _read(path: Path) -> dict[str, Any]:
    try:
        read = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        read, reason = None, str(error)
    else:
        reason = "no settings in it"
    if not isinstance(read, dict):
        raise ReenactError(f"{path} is damaged ({reason}): delete it, and this command writes it anew, or take another folder")
    return read


def _renamed(before: dict[str, Any]) -> dict[str, Any]:
    """Settings of an earlier version's run, in the words of this one."""
    named = {FORMER_WEIGHTS.get(name, name): value for name, value in before.items()}
    task = FORMER_TASK.sub("", str(named.get("task")))
    after = [FORMER_STAGES.get(name, name) for name in named.get("after", ())]
    stage = str(named.get("name"))
    return named | {"task": FORMER_STAGES.get(task, task), "name": FORMER_STAGES.get(stage, stage), "after": after}


def _settings(stage: Stage) -> dict[str, Any]:
    settings = asdict(stage)
    del settings["machine"], settings["method"]
    return settings if isinstance(stage.task, str) else settings | {"task": f"{stage.task.__module__}.{stage.task.__qualname__}"}


def _defaults() -> dict[str, Any]:
    """Of a stage's fields that are plain numbers and words."""
    return {field.name: field.default for field in fields(Stage) if isinstance(field.default, int | float | str)}


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {key: leaf for part in value for key, leaf in _flat(value[part], f"{name}.{part}" if name else part).items()}
