"""A step that a CUDA graph could hold: it asks the host for nothing, and answers as the plain one. No graph was captured here."""

from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from reenact.core.errors import ReenactError
from reenact.data import pairs
from reenact.data.pool import Pool
from reenact.methods import recipe
from reenact.train import graph, tasks
from reenact.train.config import Machine, Schedule, Stage, Task
from reenact.train.loop import train, wants_graph
from reenact.train.run import make
from reenact.train.state import State
from reenact.train.step import rate
from reenact.train.workers import Workers
from training_pool import make_pool

SLOW = (
    *(
        ("mmfa", name)
        for name in ("finetune_consistency", "render256", "joint", "finetune_renderer", "finetune_flow", "disocclusion")
    ),
    *((method, name) for method in ("sfd", "prior", "facevid2vid") for name in ("motion", "joint")),
)
STAGES = [("mmfa", "motion"), *(pytest.param(*known, marks=pytest.mark.slow) for known in (("mmfa", "finetune_long"), *SLOW))]


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("graph") / "pool"))


def small(name: str, method: str = "mmfa", **changes) -> Stage:
    (stage,) = recipe(f"{method}_{name}")
    schedule = replace(stage.schedule, images=8, batch=4, warm_up=4, save_every=8, log_every=4)
    return replace(stage, schedule=schedule, size=64, after=(), **changes)


class FromTheHost(TorchDispatchMode):
    """Notes copies between the host and the device, which stands in for CUDA: on it nothing can be asked for a number."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.constants = 0
        """how many were new"""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        devices = {part.device.type for part in (*args, out) if isinstance(part, torch.Tensor) and part.dim()}
        if len(devices) > 1:
            self.found.append(f"{func} of {sorted(devices)}")
        return out


@pytest.mark.parametrize(("method", "name"), STAGES)
def test_a_step_asks_the_host_for_nothing(method: str, name: str, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """On PyTorch's device without memory, where every number that Python asks for is an error, run twice, as a graph's warm-up
    and its capture: the second time no constant is new and nothing is copied."""
    step, host = run_twice(small(name, method), pool, monkeypatch)
    assert host.found == [] and host.constants == 0
    assert step.terms and all(value.device.type == "meta" for value in step.terms.values())


def test_a_step_that_asks_the_host_is_found(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """Windows are cut where a tensor says; and a constant from Python is a copy."""
    with pytest.raises(NotImplementedError, match="meta"):
        run_twice(small("finetune_patches"), pool, monkeypatch)
    host = FromTheHost()
    with host:
        torch.ones(3).to("meta")
    assert host.found == ["aten._to_copy.default of ['cpu', 'meta']"]


def run_twice(stage: Stage, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> tuple[graph.GraphStep, FromTheHost]:
    """The step after its second run, and what the host was asked for in that."""
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())  # which does not know of the device
    monkeypatch.setattr(tasks, "known_people", lambda data, *_: np.zeros((len(data.pool.split), 128), np.float32))
    monkeypatch.setattr(pairs, "_grain", lambda image, seeds: torch.zeros_like(image))  # of batches, which no graph holds
    stage, elsewhere = replace(stage, machine=Machine("cpu", "fp32")), Workers(torch.device("meta"))
    task = make(stage, (stage,), pool, Path(), elsewhere)
    state = State(task, stage.schedule, elsewhere)
    for player in (state.main, state.discriminator):
        if player:
            monkeypatch.setattr(player.optimiser, "step", lambda: None)  # PyTorch's own, and captured with `capturable`
    step = graph.GraphStep(stage, task, state, elsewhere)
    step.held = graph._copied(task.batches(0, slice(0, 4)))
    step._run()
    constants, host = len(step.constants.held), FromTheHost()
    made: list[object] = []
    monkeypatch.setattr(torch, "tensor", made.append)
    monkeypatch.setattr(torch, "as_tensor", made.append)
    monkeypatch.setattr(torch, "from_numpy", made.append)
    with host:
        step._run()
    host.constants = len(step.constants.held) - constants + len(made)
    return step, host


def test_constants_are_made_once():
    like, places = torch.zeros(4, 5), np.array([1, 2])
    held = graph.HeldConstants()
    with held:
        assert like.new_tensor([1.0, 2]) is like.new_tensor([1.0, 2]) and like.new_tensor([1.0]).tolist() == [1]
        assert like.new_tensor([1.0]).dtype == torch.float32 and like.double().new_tensor([1.0]).dtype == torch.float64
        x = torch.arange(20).view(4, 5)
        assert torch.equal(x[:, [1, 2]], x[:, 1:3]) and torch.equal(x[:, (1, 2)], x[:, 1:3]) and torch.equal(x[places], x[1:3])
        assert x[1, 2] == 7 and torch.equal(x[..., :2], x[:, :2]) and torch.equal(x[x > 17], torch.tensor([18, 19]))
        x[[0]] = 5
        assert x[0].tolist() == [5] * 5
    assert like.new_tensor([1.0, 2]) is not like.new_tensor([1.0, 2])


def run(folder: Path, stage: Stage, pool: Pool) -> tuple[dict[str, torch.Tensor], list[dict]]:
    lines: list[dict] = []
    workers = Workers(torch.device("cpu"))
    averaged = train(folder, stage, make(stage, (stage,), pool, folder, workers), workers, tell=lines.append)
    return averaged, lines


@pytest.mark.parametrize("name", ["motion", pytest.param("finetune_renderer", marks=pytest.mark.slow)])
def test_the_same_is_learnt(name: str, pool: Pool, tmp_path: Path):
    """Batches copied, rates as tensors, constants held: two steps as the plain ones, but for a rate's last bit."""
    kept = [run(tmp_path / way, small(name, machine=Machine("cpu", "fp32", graph=way)), pool) for way in ("off", "on")]
    (plain, lines), (captured, other) = kept
    assert all(torch.allclose(value, captured[key], rtol=1e-4, atol=1e-5) for key, value in plain.items())
    moved = [key for key, value in run(tmp_path / "one", one_step(small(name)), pool)[0].items() if (value != plain[key]).any()]
    assert len(moved) > 20, "nothing was learnt between one step and two"
    timed = {"images_per_second", "peak_share", "wait_share"}
    for line, again in zip(lines, other, strict=True):
        assert {key: pytest.approx(value, rel=2e-3, abs=1e-4) for key, value in line.items() if key not in timed} == {
            key: value for key, value in again.items() if key not in timed
        }


def one_step(stage: Stage) -> Stage:
    return replace(stage, schedule=replace(stage.schedule, images=4), machine=Machine("cpu", "fp32", graph="off"))


@pytest.mark.slow
def test_a_run_goes_on_as_a_graph_and_back(pool: Pool, tmp_path: Path):
    """A checkpoint of either way is the other's: the optimiser's state, and the rate, which is a tensor in one."""
    stage = small("motion", machine=Machine("cpu", "fp32", graph="on"))
    longer = replace(stage, schedule=replace(stage.schedule, images=12))
    whole, _ = run(tmp_path / "whole", replace(longer, machine=Machine("cpu", "fp32", graph="off")), pool)
    workers = Workers(torch.device("cpu"))
    for way in ("on", "off", "on"):
        one = replace(longer, machine=Machine("cpu", "fp32", graph=way))
        averaged = train(tmp_path / "parts", one, make(one, (one,), pool, tmp_path, workers), workers, minutes=0)
    assert all(torch.allclose(value, averaged[key], rtol=1e-4, atol=1e-5) for key, value in whole.items())


def test_who_wants_a_graph():
    task, alone, cuda = (
        Task(torch.nn.ModuleDict(), lambda _: ({}, {}), lambda *_: None, capturable=True),
        *(Workers(torch.device(kind)) for kind in ("cpu", "cuda")),
    )
    plain = small("finetune_renderer")
    assert wants_graph(plain, task, cuda) and not wants_graph(plain, task, alone)
    assert not wants_graph(plain, replace(task, capturable=False), cuda)
    assert not wants_graph(replace(plain, machine=Machine(graph="off")), task, cuda)
    assert not wants_graph(replace(plain, schedule=replace(plain.schedule, accumulate=2)), task, cuda)
    asked = replace(plain, machine=Machine(graph="on"))
    assert wants_graph(asked, task, alone)
    with pytest.raises(ReenactError, match="work is shared"):
        wants_graph(asked, task, Workers(torch.device("cuda"), 0, 2))
    with pytest.raises(ReenactError, match="finetune_renderer asks Python"):
        wants_graph(asked, replace(task, capturable=False), cuda)


def test_the_rate_falls_with_the_clock():
    schedule = Schedule(images=1000, batch=10, learning_rate=1.0, warm_up=0)
    assert rate(schedule, 0) == pytest.approx(1) and rate(schedule, 1000) == pytest.approx(0.05)
    assert rate(schedule, 10, past=1.0) == pytest.approx(0.05) and rate(schedule, 500, past=0.1) == rate(schedule, 500)
