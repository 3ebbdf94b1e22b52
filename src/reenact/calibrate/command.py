"""`reenact calibrate`: the steps that weights still want, one process each; done ones are passed over, so it can be resumed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from reenact.calibrate.steps import Step, chosen, digest
from reenact.core.errors import ReenactError
from reenact.core.files import write_text
from reenact.runtime.onnx_method import weights_folder

RECORD = "calibration.json"
"""beside the weights: step -> the graphs that it was measured on, command, date (UTC)"""
EXPERIMENTS = Path("experiments/control.py")


@dataclass(frozen=True)
class Order:
    """What is to be calibrated, and with what."""

    weights: Path
    """a folder of weights"""
    pool: Path
    clips: Path | None = None
    """a folder of videos of people to train on, for the codec"""
    only: tuple[str, ...] = ()
    skip: tuple[str, ...] = ()
    again: bool = False
    """also what is done"""


@dataclass(frozen=True)
class Planned:
    """A step and why it is not run; '' where it is."""

    step: Step
    passed: str


def clone() -> Path | None:
    """The repository that this package is run from; None where it was installed."""
    root = Path(__file__).resolve().parents[3]
    return root if (root / EXPERIMENTS).is_file() else None


def plan(order: Order) -> list[Planned]:
    """Every step asked for, in order. Raises ReenactError where the folders or names are wrong, before anything is run."""
    path = order.weights / "config.json"
    if not path.is_file():
        raise ReenactError(f"{order.weights} has no config.json: give a folder of weights, or the name of a method")
    if not order.pool.is_dir():
        raise ReenactError(f"{order.pool} is no folder: give a pool made by reenact data prepare")
    config = json.loads(path.read_text(encoding="utf-8"))
    done = record(order.weights)
    return [Planned(step, _passed(step, order, config, done)) for step in chosen(order.only, order.skip)]


def _passed(step: Step, order: Order, config: Mapping[str, Any], done: Mapping[str, Any]) -> str:
    if not step.suits(config):
        return f"{config.get('method')} has none"
    files = [Path(step.filled(file, _places(order, config))) for file in step.makes]
    graphs = digest(order.weights, step.of)
    same = done.get(step.name, {}).get("graphs") == graphs or (step.of == "reading" and _measured_on(files[0]) == graphs)
    if same and all(file.exists() for file in files) and not order.again:
        return "done"
    if "clips" in step.needs and order.clips is None:
        return "wants a folder of videos: `clips`"
    if "clone" in step.needs and clone() is None:
        return "only from a clone of the repository"
    if "shipped" in step.needs and order.weights.resolve().parent != weights_folder().resolve():
        return "only of the weights that ship"
    return ""


def _measured_on(path: Path) -> str:
    """What an expression map or a codec profile says itself of the motion graph that it was measured on; '' without any."""
    said = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return str(said.get("weights") or said.get("motion_sha256", ""))[:16]


def _places(order: Order, config: Mapping[str, Any]) -> dict[str, str]:
    given = {"weights": order.weights, "pool": order.pool, "clips": order.clips or "", "root": clone() or ""}
    return {name: str(Path(value).resolve()) if value else "" for name, value in given.items()} | {"name": config["method"]}


def run(order: Order, tell: Callable[[str], None], execute: Callable[..., int] | None = None) -> list[str]:
    """Runs what the plan leaves; gives the names of the steps that were run. Each is put down as soon as it is done.

    execute: (words, folder to run in or None, more of the environment) -> exit code; default: a process.

    Raises ReenactError where a step fails; the same order goes on there.
    """
    config = json.loads((order.weights / "config.json").read_text(encoding="utf-8")) if order.weights.is_dir() else {}
    ran = []
    for planned in plan(order):
        step = planned.step
        if planned.passed:
            tell(f"{step.name}: {planned.passed}")
            continue
        tell(f"{step.name}: {step.says}")
        places = _places(order, config)
        words = [sys.executable, *(step.filled(word, places) for word in step.command)]
        code = (execute or _process)(words, clone(), step.variables)
        missing = [file for file in step.makes if not Path(step.filled(file, places)).exists()]
        if code or missing:
            why = f"exit code {code}" if code else f"it left no {Path(missing[0]).name}"
            raise ReenactError(f"step {step.name} failed ({why}): mend that and run the same command, which goes on here")
        _put_down(order.weights, step, config["method"])
        ran.append(step.name)
    return ran


def record(folder: Path) -> dict[str, Any]:
    """What has been measured on these weights; {} where nothing says so."""
    path = folder / RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _put_down(folder: Path, step: Step, name: str) -> None:
    said = {"graphs": digest(folder, step.of), "command": step.told(name), "date": datetime.now(UTC).date().isoformat()}
    write_text(folder / RECORD, json.dumps(record(folder) | {step.name: said}, indent=1) + "\n")


def _process(words: Sequence[str], folder: Path | None, variables: Mapping[str, str]) -> int:
    """One step, in the clone where there is one (experiments are found there)."""
    paths = [str(Path(__file__).resolve().parents[2]), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths)), **variables}
    return subprocess.run(words, cwd=folder, env=environment, check=False).returncode
