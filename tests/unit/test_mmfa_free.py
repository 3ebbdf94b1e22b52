"""mmfa without its teacher: once it has gone, nothing that it says counts; what a reading obeys by itself teaches it."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from reenact.data.batches import Batches
from reenact.data.pairs import shaken_pose
from reenact.data.pool import Pool
from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.losses.equivariance import Warp
from reenact.methods import recipe
from reenact.methods.mmfa import free
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa
from reenact.objectives.untaught import UNTAUGHT_WEIGHTS, UntaughtObjective, drawn_shake, sampled
from reenact.train.tasks import task_of
from thin import THIN
from training_pool import make_pool

CPU = torch.device("cpu")


def thin(**changes: str) -> Mmfa:
    torch.manual_seed(0)
    face = torch.from_numpy(template(canonical_face().points))
    return Mmfa(replace(Config(), **THIN, offsets="without_pose", code="gaussian", **changes), face)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("pool")))


def pair(pool: Pool) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    return Batches(pool, ("train",), 128, CPU).pairs(0, 4, slice(0, 4))  # type: ignore[return-value]


def test_the_teacher_goes():
    shares = [free.taught_share(seen, 1000) for seen in (0, 350, 700, 1000)]
    assert shares == [1.0, pytest.approx(0.5), 0.0, 0.0]


def test_once_it_has_gone_nothing_that_it_says_counts(pool: Pool):
    """Garbage in every field but the picture: the same terms, and not one of the teacher's."""
    model = thin().train()
    objective = free.FreeObjective(model, 64)
    truth = pair(pool)
    lies = [{name: value if name == "image" else torch.full_like(value, 0.7) for name, value in one.items()} for one in truth]
    found = []
    for batch in (truth, lies):
        torch.manual_seed(1)
        found.append(objective(model, *batch, 0.0)[0])
    assert found[0].keys() == found[1].keys() and not found[0].keys() & free.TAUGHT_WEIGHTS.keys()
    assert all(torch.equal(found[0][name], found[1][name]) for name in found[0])


def test_while_it_is_there_both_lists_count(pool: Pool):
    model = thin().train()
    objective = free.FreeObjective(model, 64)
    batch, found = pair(pool), []
    for share in (1.0, 0.5):
        torch.manual_seed(1)
        found.append(objective(model, *batch, share)[0])
    whole, half = found
    assert whole.keys() | {"adversarial", "matching"} == free.WEIGHTS.keys()
    assert all(whole[name] == 0 for name in UNTAUGHT_WEIGHTS) and half["equivariance"] > 0
    assert all(torch.allclose(half[name], whole[name] / 2, rtol=1e-4) for name in ("keypoints", "canonical", "mesh", "identity"))


def test_by_itself_it_teaches_what_reads_and_what_moves(pool: Pool):
    model = thin().train()
    torch.nn.init.normal_(model.dense_motion.head.weight, std=0.02)
    terms, *_ = UntaughtObjective(64)(model, *pair(pool))
    assert terms.keys() >= UNTAUGHT_WEIGHTS.keys() and all(torch.isfinite(value) for value in terms.values())
    sum(UNTAUGHT_WEIGHTS[name] * terms[name] for name in UNTAUGHT_WEIGHTS).backward()
    for part in (model.motion.second, model.motion.canonical, model.motion.expression, model.expression, model.dense_motion):
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in part.parameters()), part


def test_validation_draws_no_noise_and_no_turn(pool: Pool):
    model = thin().eval()
    terms, *_ = UntaughtObjective(64)(model, *pair(pool))
    assert "turned" not in terms
    read = model.motion(pair(pool)[0]["image"])
    assert torch.equal(sampled(read, False)["expression"], read["expression"])
    assert not torch.equal(sampled(read, True)["expression"], read["expression"])


def test_a_reading_that_follows_its_picture_costs_nothing(pool: Pool):
    """Pose, scale and place follow the shake exactly, the code stays, and nothing is bent: three terms are 0, and no longer
    where they lag behind."""
    model, objective = thin().eval(), UntaughtObjective(64)
    shake, straight = drawn_shake(4, CPU), Warp(torch.eye(2, 3).expand(4, 2, 3), torch.zeros(4, 25))
    with torch.no_grad():
        read = model.motion(pair(pool)[0]["image"])
        follows = {**read, **shaken_pose(read, shake)}
        costs = objective._reading(model, read, follows, read, shake, straight)
        lags = objective._reading(model, read, {**read, "expression": read["expression"] + 1}, follows, shake, straight)
    assert all(float(value) < 1e-6 for value in costs.values()), costs
    assert all(float(value) > 1e-3 for value in lags.values()), lags


def test_the_shake_is_the_loops():
    """Seeded by torch's numbers, which the loop seeds: the same twice, and not always the same."""
    torch.manual_seed(5)
    first, second = (drawn_shake(3, CPU).roll for _ in range(2))
    torch.manual_seed(5)
    assert torch.equal(drawn_shake(3, CPU).roll, first) and not torch.equal(first, second)


@pytest.mark.parametrize(("name", "still"), [("mmfa_free", ()), ("mmfa_free_reading", ("source", "generator", "uncover"))])
def test_the_stage_steps(pool: Pool, name: str, still: tuple[str, ...]):
    """A step before and one after the teacher has gone; the parts that stand still have no gradient."""
    (stage,) = recipe(name)
    schedule = replace(stage.schedule, images=80, batch=4)
    stage = replace(stage, schedule=schedule, size=128, model=replace(stage.model, **THIN))
    task = task_of(stage, pool, CPU)
    for seen, taught in ((0, True), (60, False)):
        terms, shown = task.objective(task.batches(seen, slice(0, 4)))
        assert ("mesh" in terms) == taught and {"fake", "real", "fake_parts"} <= shown.keys()
        sum(stage.weights[name] * value for name, value in terms.items()).backward()
    for part, network in task.trained.items():
        moved = any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters())
        assert moved == (part not in still), part


@pytest.mark.parametrize("term", ["deformation", "kl"])
def test_a_form_leaves_out_one_term_alone(term: str):
    (whole,), (form,) = recipe("mmfa_free_reading"), recipe(f"mmfa_free_reading_without_{term}")
    assert {name for name in whole.weights if form.weights[name] != whole.weights[name]} == {term} and form.weights[term] == 0
    assert form.name != whole.name and form.schedule == whole.schedule
