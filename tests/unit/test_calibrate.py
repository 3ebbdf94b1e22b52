"""Steps on new weights: in order, each once, resumed where one failed, put down with the command that made them."""

import json
from pathlib import Path

import pytest

from places import ROOT
from reenact.calibrate import command
from reenact.calibrate.command import Order, plan, record, run
from reenact.calibrate.steps import STEPS, chosen, digest
from reenact.cli import run as command_line
from reenact.core.errors import ReenactError
from reenact.runtime.onnx_method import known_methods, weights_folder


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """A weights folder of mmfa (its graphs are only digested here) in a clone of nothing, and a pool's folder."""
    weights, pool = tmp_path / "weights" / "mmfa", tmp_path / "pool"
    for folder in (weights, pool):
        folder.mkdir(parents=True)
    graphs = ["source.onnx", "motion.onnx", "draw.onnx"]
    for name in graphs:
        (weights / name).write_bytes(name.encode())
    config = {"method": "mmfa", "code": "gaussian", "render": [["draw.onnx", "fast"]]}
    (weights / "config.json").write_text(json.dumps(config))
    monkeypatch.setattr(command, "clone", lambda: tmp_path)
    return weights, pool


class Machine:
    """Stands for the processes: leaves the files that a step makes; fails where told to."""

    def __init__(self, weights: Path, root: Path, fails: str = "", lazy: str = "") -> None:
        self.ran: list[str] = []
        self.weights, self.root, self.fails, self.lazy = weights, root, fails, lazy

    def __call__(self, words, folder, variables) -> int:
        step = next(step for step in STEPS if {word for word in step.command if "{" not in word} <= set(words))
        self.ran.append(step.name)
        if step.name == self.fails:
            return 3
        for file in step.makes if step.name != self.lazy else ():
            path = Path(step.filled(file, {"weights": str(self.weights), "root": str(self.root), "name": "mmfa"}))
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("{}")
        return 0


def names(order: Order) -> list[str]:
    return [planned.step.name for planned in plan(order) if not planned.passed]


def test_the_order_is_that_of_the_page():
    text = (ROOT / "docs" / "training.md").read_text(encoding="utf-8")
    table = [
        line.split("`")[1] for line in text.split("## After new weights")[1].split("##")[0].splitlines() if line.startswith("| `")
    ]
    assert table == [step.name for step in STEPS]


def test_what_is_done_is_passed_over(folders, tmp_path: Path):
    weights, pool = folders
    order = Order(weights, pool)
    machine = Machine(weights, tmp_path)
    ran = run(order, lambda _: None, machine)
    assert (
        ran
        == machine.ran
        == ["expression-map", "rest", "mirror", "pose-gain", "expression-gain", "sliders", "control", "interpolation"]
    )
    assert run(order, lambda _: None, machine) == [] and len(machine.ran) == 8
    put_down = record(weights)
    assert list(put_down) == ran
    assert put_down["control"]["command"].startswith(
        "python -m experiments.control weights/mmfa POOL --json ./results/mmfa_control"
    )
    assert str(tmp_path) not in json.dumps(put_down)
    assert names(Order(weights, pool, again=True)) == ran


def test_a_map_that_says_its_weights_is_done(folders):
    weights, pool = folders
    (weights / "expression_map.json").write_text(json.dumps({"weights": digest(weights, "reading")}))
    assert names(Order(weights, pool)) == [
        "rest",
        "mirror",
        "pose-gain",
        "expression-gain",
        "sliders",
        "control",
        "interpolation",
    ]
    (weights / "motion.onnx").write_bytes(b"another")
    assert names(Order(weights, pool))[0] == "expression-map"


def test_other_weights_are_measured_anew(folders, tmp_path: Path):
    """Other drawing: what was measured on codes alone stays true; other reading: nothing does."""
    weights, pool = folders
    order = Order(weights, pool)
    run(order, lambda _: None, Machine(weights, tmp_path))
    (weights / "draw.onnx").write_bytes(b"another")
    assert names(order) == ["pose-gain", "expression-gain", "sliders", "control", "interpolation"]
    (weights / "motion.onnx").write_bytes(b"another")
    assert names(order) == [
        "expression-map",
        "rest",
        "mirror",
        "pose-gain",
        "expression-gain",
        "sliders",
        "control",
        "interpolation",
    ]


def test_a_failed_step_is_where_it_goes_on(folders, tmp_path: Path):
    weights, pool = folders
    order = Order(weights, pool)
    with pytest.raises(ReenactError, match=r"pose-gain failed \(exit code 3\)"):
        run(order, lambda _: None, Machine(weights, tmp_path, fails="pose-gain"))
    assert list(record(weights)) == ["expression-map", "rest", "mirror"]
    with pytest.raises(ReenactError, match="left no pose_gain.json"):
        run(order, lambda _: None, Machine(weights, tmp_path, lazy="pose-gain"))
    rest = ["pose-gain", "expression-gain", "sliders", "control", "interpolation"]
    assert run(order, lambda _: None, Machine(weights, tmp_path)) == rest


def test_what_is_missing_is_said(folders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    weights, pool = folders
    passed = {planned.step.name: planned.passed for planned in plan(Order(weights, pool))}
    assert "`clips`" in passed["codec-profile"] and "ship" in passed["golden"] and "none" in passed["directions"]
    assert "codec-profile" in names(Order(weights, pool, clips=tmp_path))
    monkeypatch.setattr(command, "clone", lambda: None)
    assert names(Order(weights, pool)) == ["expression-map", "rest", "mirror", "pose-gain", "expression-gain", "sliders"]


def test_steps_are_named():
    assert [step.name for step in chosen(("control", "pose-gain"), ())] == ["pose-gain", "control"]
    assert "golden" not in [step.name for step in chosen((), ("golden",))]
    with pytest.raises(ReenactError, match="no step 'controls'"):
        chosen(("controls",), ())


@pytest.mark.parametrize("name", known_methods())
def test_shipped_weights_have_a_plan(name: str, tmp_path: Path, capsys: pytest.CaptureFixture):
    assert command_line(["calibrate", name, str(tmp_path), "--dry-run"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in said] == [step.name for step in STEPS]
    directions = next(line for line in said if line.startswith("directions"))
    assert ("has none" in directions) == (name != "sfd")
    assert len(digest(weights_folder() / name, "drawing")) == 16


@pytest.mark.parametrize(("arguments", "says"), [(["nowhere", "."], "config.json"), (["mmfa", "nowhere"], "no folder")])
def test_mistakes_end_in_one_line(arguments: list[str], says: str, capsys: pytest.CaptureFixture, tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert command_line(["calibrate", *arguments]) == 2
    said = capsys.readouterr().err
    assert says in said and said.count("\n") == 1


def test_every_command_can_be_asked_for_help():
    """The modules and files that steps name are there."""
    for step in STEPS:
        first = step.command[0]
        if first == "-m":
            parts = step.command[1].split(".")
            places = [ROOT / "src" / Path(*parts), ROOT / Path(*parts)]
            found = any(place.with_suffix(".py").exists() or (place / "__main__.py").exists() for place in places)
            assert found or step.command[1] == "pytest", step.name
        else:
            assert Path(first.format(root=ROOT)).exists(), step.name
