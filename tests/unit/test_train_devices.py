"""No constant is left behind on the CPU: batches, objectives and losses of every stage run on a device that is not the CPU.

PyTorch's `meta` device has shapes and no numbers, and refuses to mix with CPU tensors as a GPU does.
"""

from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch

from reenact.data import pairs
from reenact.data.pool import Pool
from reenact.methods import recipe
from reenact.train.recipe import RENDER_PARTS
from reenact.train.tasks import about, task_of
from training_pool import make_pool

META = torch.device("meta")


def seldom(*values: object):
    """A method beside mmfa: 3 s each, and the same code."""
    return pytest.param(*values, marks=pytest.mark.slow)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("pool")))


def test_meta_is_as_strict_as_a_gpu():
    with pytest.raises(RuntimeError, match="device"):
        torch.empty(3, device=META) * torch.zeros(3)


@pytest.mark.parametrize(
    ("name", "number"), [("mmfa_tiny", 0), ("mmfa_tiny", 1), ("mmfa_tiny", 2), seldom("facevid2vid_tiny", 0)]
)
def test_a_step_of_every_stage(name: str, number: int, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    # random numbers and autocast need a real device
    monkeypatch.setattr(pairs, "_grain", lambda image, seeds: torch.empty_like(image))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    stage = recipe(name)[number]
    task = task_of(stage, pool, META)
    terms, shown = task.objective(task.batches(0, slice(0, 2)))
    assert terms.keys() <= stage.weights.keys()
    assert {value.device.type for value in (*terms.values(), *shown.values())} == {"meta"}
    sum(terms.values()).backward()
    assert any(p.grad is not None for p in task.trained.parameters())
    state = task.trained.state_dict()
    assert task.adopt(state).keys() >= state.keys(), "a stage must be able to start from its own weights"
    assert task.data == about(pool)


def stepped(name: str, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """A recipe of one stage, one step taken: its task, what a discriminator is shown, the parts that got a gradient."""
    monkeypatch.setattr(pairs, "_grain", lambda image, seeds: torch.empty_like(image))
    monkeypatch.setattr(torch, "autocast", lambda *_, **__: nullcontext())
    (stage,) = recipe(name)
    task = task_of(replace(stage, size=64), pool, META)
    terms, shown = task.objective(task.batches(0, slice(0, 2)))
    assert terms.keys() == stage.weights.keys()
    sum(terms.values()).backward()
    return task, shown, {name for name, part in task.trained.items() if any(p.grad is not None for p in part.parameters())}


@pytest.mark.parametrize(
    "name", ["sfd_finetune_encoder", seldom("prior_finetune_encoder"), seldom("facevid2vid_finetune_encoder")]
)
def test_what_draws_stands_still(name: str, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """A method that draws with another one's weights learns to read through them, and leaves them as they are."""
    task, shown, learns = stepped(name, pool, monkeypatch)
    assert task.discriminator is None and not shown
    assert "motion" in learns and not learns & set(RENDER_PARTS) and set(RENDER_PARTS) <= task.trained.keys()


@pytest.mark.parametrize("name", ["mmfa_finetune_renderer", seldom("facevid2vid_finetune_renderer")])
def test_what_reads_stands_still(name: str, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """The other way about: the rendering network learns, by a reading on which sliders and the codec's steps were measured."""
    task, shown, learns = stepped(name, pool, monkeypatch)
    assert task.discriminator is not None and shown
    assert learns == set(RENDER_PARTS) and "motion" in task.trained


def test_the_mask_alone_learns(pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """Where the inpainted background is shown, taught by itself: neither what reads nor the rendering network may move."""
    task, shown, learns = stepped("mmfa_disocclusion", pool, monkeypatch)
    assert task.discriminator is None and not shown
    assert learns == {"uncover"} and set(RENDER_PARTS) | {"motion"} <= task.trained.keys()


@pytest.mark.parametrize("name", ["mmfa_finetune_consistency", seldom("facevid2vid_finetune_consistency")])
def test_the_second_pass_alone_learns_consistency(name: str, pool: Pool, monkeypatch: pytest.MonkeyPatch):
    """Windows are set by looks that get no gradient; the first pass does not learn at all."""
    task, shown, learns = stepped(name, pool, monkeypatch)
    assert task.discriminator is None and not shown and "motion" in learns
    looks = task.trained["motion"].named_children()
    got = {part for part, module in looks if any(p.grad is not None for p in module.parameters())}
    assert {"second", "refine"} <= got and not {"first", "place"} & got
