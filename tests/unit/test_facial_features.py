"""Mouths and eyes that the generator draws by itself: windows lie on them, what may change is where the portrait is not kept, and
a discriminator on frozen features looks at both pictures alike."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.faces.points import EYES, LIPS
from reenact.losses import projected
from reenact.losses.dinov2 import PATCH, WIDTH, DinoV2
from reenact.losses.projected import Change, ProjectedDiscriminator
from reenact.losses.regions import Region
from reenact.methods import recipe
from reenact.nn.generator import Drawn
from reenact.nn.keypoints import Pose
from reenact.objectives.facial_features import EYE, FacialFeatureObjective, ProjectedWindows, chosen, free, pasted
from reenact.objectives.patches import CELL, CELLS, MARGIN, cut, inner
from reenact.train.tasks import task_of
from training_pool import make_pool

CPU = torch.device("cpu")
INNER = (CELLS - 2 * MARGIN) * CELL


def a_pose(count: int = 64) -> Pose:
    """Lips in a bunch below, each eye in one above, all other keypoints in a corner."""
    points = torch.full((count, 40, 3), -0.95)
    lips = len(LIPS)
    points[:, :lips, :2] = torch.tensor([0.1, 0.4])
    points[:, lips : lips + EYE, :2] = torch.tensor([-0.3, -0.2])
    points[:, lips + EYE : lips + len(EYES), :2] = torch.tensor([0.3, -0.2])
    return Pose(points, points, torch.eye(3).expand(count, 3, 3), {})


def test_windows_lie_on_the_mouth_and_on_either_eye():
    torch.manual_seed(0)
    mouth, eye = ((corner + CELLS / 2) / 32 * 2 - 1 for corner in chosen(a_pose(), 32))
    assert ((mouth - torch.tensor([0.4, 0.1])).abs() < 0.1).all(), "row and column"
    assert ((eye[:, 0] + 0.2).abs() < 0.1).all() and ((eye[:, 1].abs() - 0.3).abs() < 0.1).all()
    assert 0.2 < (eye[:, 1] > 0).float().mean() < 0.8, "both sides"


def test_what_is_kept_of_the_portrait_may_not_change():
    keep = torch.ones(1, 1, 96, 96)
    keep[..., 40:48, 40:48] = 0.5
    share = free(Drawn(keep, keep, (), keep))
    assert share.shape == keep.shape and (share[..., 38:50, 38:50] == 1).all()
    assert (share[..., :30, :] == 0).all() and (share[..., 60:] == 0).all()


def test_what_is_generated_counts_by_itself():
    """A frame that is right because portrait and generated part are both wrong: the terms say so; and elsewhere nothing is asked
    of what is generated."""
    objective = FacialFeatureObjective.__new__(FacialFeatureObjective)
    nn.Module.__init__(objective)
    objective.lpips = lambda made, wanted: (made - wanted).abs().mean((1, 2, 3))
    wanted = torch.full((2, 3, INNER, INNER), 0.5)
    share = torch.zeros(2, 1, INNER, INNER)
    share[..., 16:48, 16:48] = 1
    alone = torch.full_like(wanted, 0.9)
    terms, shown = objective.terms(wanted, alone, wanted, share, wanted)
    assert terms["l1"] == terms["unchanged"] == 0
    assert float(terms["generated"]) == pytest.approx(0.4 * float(share.mean()), rel=1e-4) and terms["generated_lpips"] > 0
    other = torch.where(share > 0, wanted, wanted + 0.2)
    terms, shown = objective.terms(other, wanted, wanted, share, wanted)
    assert terms["l1"] == terms["generated"] == 0, "what is to stay is judged by what was there"
    assert float(terms["unchanged"]) == pytest.approx(0.2 * (1 - float(share.mean())), rel=1e-4)
    assert torch.equal(shown["fake"], wanted)


def test_a_window_goes_back_to_where_it_was_cut_with_its_gradients():
    picture = torch.rand(2, 3, 256, 256)
    corners = torch.tensor([[0, 20], [7, 3]])
    windows = torch.stack([inner(cut(picture, corners, 256 // CELL))[i] for i in range(2)]).requires_grad_()
    assert torch.equal(pasted(picture, windows, corners), picture)
    other = pasted(picture, windows + 1, corners)
    changed = (other != picture).all(1)
    assert changed.flatten(1).sum(1).tolist() == [INNER**2] * 2
    assert changed[1, CELL * (7 + MARGIN), CELL * (3 + MARGIN)] and not changed[1, CELL * (7 + MARGIN) - 1].any()
    other.sum().backward()
    assert (windows.grad == 1).all()


class Level(nn.Module):
    """In the landmarker's place: a face whose points lie as high as the square is bright."""

    def read(self, picture: torch.Tensor, region: Region) -> torch.Tensor:
        return region.outward(region.cut(picture).mean((1, 2, 3))[:, None, None].expand(-1, 478, 3))

    def blendshapes(self, landmarks: torch.Tensor) -> torch.Tensor:
        return landmarks.mean((1, 2))[:, None].expand(-1, 52)


def test_the_landmarker_reads_true_pictures_with_their_windows():
    """Nothing to say of true windows; of others it says so, of as many pictures as are to be read, and gradients reach them."""
    objective = FacialFeatureObjective.__new__(FacialFeatureObjective)
    nn.Module.__init__(objective)
    objective.face_mesh, objective.read_share = Level(), 0.5
    points = torch.rand(4, 40, 3) * 0.6 - 0.3

    class Model:
        config = SimpleNamespace(mesh_keypoints=40)

        def teacher(self, truth: dict[str, torch.Tensor]) -> Pose:
            some = truth["points"]
            return Pose(some, some, torch.eye(3).expand(len(some), 3, 3), {"head_pose": torch.zeros(len(some), 3)})

    driving = {"image": torch.rand(4, 3, 256, 256), "points": points}
    corners = torch.full((4, 2), 10)
    true = inner(cut(driving["image"], corners, 32))
    none = objective._read(Model(), driving, (true,), (corners,))
    assert set(none) == {"mesh", "mesh_gaps", "mesh_shapes"} and all(float(term) == 0 for term in none.values())
    made = (true + 0.3).requires_grad_()
    found = objective._read(Model(), driving, (made,), (corners,))
    assert found["mesh"] > 0.01 and found["mesh_shapes"] > 0
    found["mesh"].backward()
    assert (made.grad[:2] != 0).all() and (made.grad[2:] == 0).all(), "half of them are read"


def test_the_windows_inner_part():
    assert inner(torch.zeros(1, 3, CELLS * CELL, CELLS * CELL)).shape == (1, 3, INNER, INNER)


def test_pairs_take_the_tones_that_were_asked_for(tmp_path_factory: pytest.TempPathFactory):
    pool = Pool.load(make_pool(tmp_path_factory.mktemp("pool")))

    def light(**options: float) -> float:
        source, driving = Batches(pool, ("train",), 64, CPU, **options).pairs(0, 24, slice(None))
        return float(source["image"].mean() + driving["image"].mean())

    assert light(augment=0.1, darkest=3.0) < 0.85 * light()


class Stand(nn.Module):
    """In DINOv2's place: three maps of colours."""

    layers = (0, 1, 2)

    def forward(self, picture: torch.Tensor) -> list[torch.Tensor]:
        maps = torch.nn.functional.avg_pool2d(picture, PATCH).repeat(1, WIDTH // 3, 1, 1)
        return [maps, 2 * maps, maps**2]


@pytest.fixture
def judge(monkeypatch: pytest.MonkeyPatch) -> ProjectedDiscriminator:
    monkeypatch.setattr(projected, "DinoV2", Stand)
    torch.manual_seed(0)
    return ProjectedDiscriminator()


def test_heads_learn_to_tell_pictures_apart(judge: ProjectedDiscriminator):
    real, fake = torch.rand(2, 3, 64, 64) * 0.2 + 0.6, torch.rand(2, 3, 64, 64) * 0.2 + 0.1
    optimiser = torch.optim.Adam(judge.parameters(), 3e-3)
    losses = []
    for _ in range(40):
        logits = [judge(picture).logits for picture in (real, fake)]
        loss = torch.relu(1 - logits[0]).mean() + torch.relu(1 + logits[1]).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert np.mean(losses[-10:]) < 0.6 * losses[0]
    assert len(judge(real).features) == 3
    judge.eval()
    assert torch.equal(judge(real).logits, judge(real).logits), "nothing is changed where nothing learns"


def test_features_are_compared_under_one_change(judge: ProjectedDiscriminator):
    """Two equal pictures have equal features, whatever was changed; another change each had hidden what the generator does."""
    windows = ProjectedWindows.__new__(ProjectedWindows)
    nn.Module.__init__(windows)
    windows.judge = judge
    picture = torch.rand(8, 3, 64, 64)
    terms = windows.terms({"fake": picture, "real": picture})
    assert terms["matching"] == 0 and terms["adversarial"].isfinite()
    assert windows.terms({"fake": picture, "real": picture.flip(3)})["matching"] > 0
    assert windows({"fake": picture, "real": picture})["discriminator"] > 0


def test_pictures_are_augmented_each_in_its_own_way_with_gradients():
    torch.manual_seed(0)
    picture = torch.rand(1, 3, 56, 56).repeat(32, 1, 1, 1).requires_grad_()
    changed = Change.draw(32, CPU).of(picture)
    assert changed.shape == picture.shape and changed.std(0).mean() > 0.05
    whole = (changed == 0).all(1).flatten(1).float().mean(1)
    assert 0.2 < (whole > 0.01).float().mean() < 0.8, "about every other picture lacks a square"
    changed.sum().backward()
    assert (picture.grad != 0).float().mean() > 0.7


@pytest.mark.slow
@pytest.mark.parametrize("name", ["mmfa_finetune_features", "mmfa_finetune_projected"])
def test_the_generator_alone_learns(name: str, tmp_path_factory: pytest.TempPathFactory):
    pool = Pool.load(make_pool(tmp_path_factory.mktemp("pool")))
    (stage,) = recipe(name)
    task = task_of(replace(stage, size=128), pool, CPU)
    terms, exhibit = task.objective(task.batches(0, slice(0, 2)))
    assert terms.keys() == stage.weights.keys()
    state = task.trained.state_dict()
    begun = task.adopt({name: value for name, value in state.items() if not name.startswith("before.")})
    assert begun["before.head.weight"] is begun["generator.head.weight"], "what is begun with is what is compared with"
    assert task.adopt(state)["before.head.weight"] is state["before.head.weight"], "and stays that in a run that goes on"
    assert float(terms["unchanged"].detach()) > 0 and exhibit["fake"].shape == (4, 3, INNER, INNER)
    sum(terms.values()).backward()
    learns = {name for name, part in task.trained.items() if any(p.grad is not None for p in part.parameters())}
    assert learns == {"generator"}


@pytest.mark.slow
def test_dinov2_tells_a_face_from_its_mirror_and_from_noise():
    """Of the real weights: a picture's tokens are much nearer to those of the same picture a little darker than to noise's."""
    network, picture = DinoV2(), torch.rand(1, 3, 14, 14).repeat_interleave(14, 2).repeat_interleave(14, 3)
    dark, noise = 0.9 * picture, torch.rand_like(picture)
    found = [network(x)[-1].flatten() for x in (picture, dark, noise)]
    near, far = ((found[0] - x).norm() for x in found[1:])
    assert near < 0.6 * far
