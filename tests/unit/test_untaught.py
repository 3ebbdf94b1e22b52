"""Methods from nothing: mmfa's keypoints without a teacher, sfd's latent codes and generator. No landmarker is asked."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from reenact.data.pool import Pool
from reenact.geometry.grid import identity_grid
from reenact.methods import recipe
from reenact.methods.mmfa import unsupervised
from reenact.methods.sfd.own.model import Coefficients, SfdOwn
from reenact.methods.sfd.own.recipe import SMALL, Objective, apart, draw_as_read
from reenact.methods.sfd.space import off_orthonormal
from reenact.nn.keypoints import keypoint_spread
from reenact.train.tasks import task_of
from training_pool import make_pool

CPU = torch.device("cpu")
RECIPES = ("mmfa_unsupervised64", "mmfa_unsupervised64_hybrid", "sfd_own64")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("pool")))


def lies(batch: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: value if name == "image" else torch.full_like(value, 0.7) for name, value in batch.items()}


@pytest.mark.parametrize("name", RECIPES)
def test_nothing_but_pictures_counts(pool: Pool, name: str):
    """Garbage in every field of the landmarker's: the same terms. Every part that trains learns, the basis among them."""
    (stage,) = recipe(name)
    torch.manual_seed(0)
    task = task_of(stage, pool, CPU)
    found = []
    for change in (dict, lies):
        batch = tuple(change(one) for one in task.batches(0, slice(0, 4)))
        torch.manual_seed(1)
        for module in task.trained.modules():  # a batch norm remembers the first run
            if isinstance(module, torch.nn.BatchNorm2d):
                module.momentum = 0.0
        found.append(task.objective(batch)[0])
    assert found[0].keys() == stage.weights.keys()
    assert all(torch.allclose(found[0][term], found[1][term], atol=1e-6) for term in found[0])
    sum(stage.weights[term] * value for term, value in found[0].items()).backward()
    for part, network in task.trained.items():
        assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in network.parameters()), part
    assert name == "sfd_own64" or not any(p.requires_grad for p in task.trained["motion"].first.parameters())


@pytest.mark.slow
@pytest.mark.parametrize("name", RECIPES)
def test_it_learns_not_to_leave_the_portrait_as_it_is(pool: Pool, name: str):
    """A white square that lies elsewhere in each picture: after some steps what is drawn is nearer than the still source, which
    a fresh model shows."""
    (stage,) = recipe(name)
    torch.manual_seed(0)
    task = task_of(stage, pool, CPU)
    optimiser = torch.optim.Adam(task.trained.parameters(), 2e-3)
    losses = []
    for step in range(40):
        torch.manual_seed(step)
        pictures = [{**one, "image": squares(4)} for one in task.batches(0, slice(0, 4))]
        terms = task.objective(tuple(pictures))[0]
        optimiser.zero_grad()
        sum(stage.weights[term] * value for term, value in terms.items()).backward()
        optimiser.step()
        losses.append(float(terms["l1"].detach()))
    still = 2 * 0.8 * (16 / 64) ** 2
    assert sum(losses[-5:]) / 5 < 0.9 * still and sum(losses[-5:]) < sum(losses[:5])


def squares(count: int, side: int = 64) -> Tensor:
    """Grey pictures, each with a white square of 16 px anywhere."""
    picture = torch.full((count, 3, side, side), 0.2)
    for number, (row, column) in enumerate(torch.randint(0, side - 16, (count, 2)).tolist()):
        picture[number, :, row : row + 16, column : column + 16] = 1
    return picture


def test_free_keypoints_move_with_the_picture():
    """A square that lies half a side further right: the mean of a map of bright pixels does, too, and depth is none."""
    torch.manual_seed(0)
    config = replace(unsupervised.SMALL, free_keypoints=3)
    model = unsupervised.build(config).eval()
    picture = torch.zeros(2, 3, 64, 64)
    picture[0, :, 24:40, 8:24] = picture[1, :, 24:40, 40:56] = 1
    read = model.encode_motion(picture)
    moved = (read["free_keypoints"][1] - read["free_keypoints"][0]).detach()
    keypoints = model.pose(model.encode_source(picture)[model.person], read).keypoints
    assert keypoints.shape == (2, config.keypoints + 3, 3) and bool((keypoints[:, config.keypoints :, 2] == 0).all())
    assert torch.equal(keypoints[:, config.keypoints :, :2], read["free_keypoints"])
    assert (moved[:, 0].abs() > 5 * moved[:, 1].abs()).all()


def test_a_fresh_one_shows_the_portrait():
    torch.manual_seed(0)
    image, other = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64)
    drawn = draw_as_read(SfdOwn(SMALL).eval(), {"image": image}, {"image": other})
    assert (drawn.flow - identity_grid(64, 64)).abs().max() < 0.02
    assert (drawn.frame - image).abs().mean() < 0.15


def test_only_the_motion_is_the_drivers():
    """The person's coefficients come of the source alone, the basis is complete, and a motion changes the picture."""
    torch.manual_seed(0)
    model = SfdOwn(SMALL).eval()
    assert SMALL.identity_size + SMALL.motion_size == SMALL.descriptor_size and off_orthonormal(model.space.basis()) < 1e-5
    image = torch.rand(2, 3, 64, 64)
    read = model.read(image)
    with torch.no_grad():
        torch.nn.init.normal_(model.generator.head.weight, std=0.1)
        same = [model.draw(image, read, what).frame for what in (read.motion, read.motion, read.motion + 3)]
    assert torch.equal(same[0], same[1]) and (same[0] - same[2]).abs().mean() > 1e-4
    with pytest.raises(ValueError, match="complete"):
        replace(SMALL, motion_size=20)


def test_agreement_cannot_be_had_by_shrinking():
    """The same at another size, and no gradient along the size."""
    one, other = torch.randn(8, 5), torch.randn(8, 5)
    size = torch.ones((), requires_grad=True)
    apart(size * one, size * other).backward()
    assert size.grad is not None and abs(float(size.grad)) < 1e-4
    assert torch.allclose(apart(one, other), apart(one / 100, other / 100), rtol=0.05)
    assert apart(one, one) == 0


def test_across_people_is_read_again_and_moved_back():
    """With one person alone in the batch, another's motion is its own: it is drawn as it was, and the cycle closes as far as the
    portrait does."""
    torch.manual_seed(0)
    model, image = SfdOwn(SMALL).train(), torch.rand(2, 3, 64, 64)
    terms = Objective()._across(model, image, Coefficients(*model.read(image)), 2)
    assert terms.keys() == {"swap_identity", "swap_motion", "cycle"} and all(value > 0 for value in terms.values())


def test_keypoints_begin_apart_and_unlike_a_face():
    points = unsupervised.ball(20)
    assert points.shape == (20, 3) and torch.cdist(points, points).fill_diagonal_(9).min() > 0.3
    assert points.mean(0).abs().max() < 0.03 and keypoint_spread(points).min() > 0.03
    model = unsupervised.build(unsupervised.SMALL)
    offsets = model.confined(points[None], 0.1 * torch.randn(1, 20, 3))
    assert offsets.mean(1).abs().max() < 1e-5, "with all keypoints rigid, no shift is left"
