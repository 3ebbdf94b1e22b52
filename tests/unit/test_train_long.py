"""What the stage for hundreds of thousands of pairs has beside the others: tones and turns, shifts, people known beforehand."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from reenact.data.augment import Change
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.geometry.grid import identity_grid
from reenact.methods import recipe
from reenact.objectives.self_reenactment import RenderObjective, shifted
from reenact.train.config import Machine, same_settings
from reenact.train.people import KNOWN_AS, known_people
from reenact.train.run import make
from reenact.train.workers import Workers
from training_pool import make_pool

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("long") / "pool"))


def test_what_is_true_of_a_picture_moves_with_it():
    """A picture of its own coordinates: where the head's origin has gone, there lies the colour of where it was."""
    count, size = 8, 64
    change = Change.draw(np.random.default_rng(0), count, 1.0).part(slice(None), CPU)
    change = replace(change, gamma=torch.ones(count, 1, 1, 1), saturation=torch.ones(count, 1, 1, 1))
    x, y = identity_grid(size, size).permute(2, 0, 1)
    image = (torch.stack([x, y, torch.zeros_like(x)]) / 2 + 0.5).expand(count, -1, -1, -1)
    place = torch.from_numpy(np.random.default_rng(1).uniform(-0.3, 0.3, (count, 2)).astype(np.float32))
    batch = {"image": image, "translation": place, "scale": torch.ones(count, 1), "head_pose": torch.zeros(count, 3)}
    after = change.of(batch)
    column, row = ((after["translation"] + 1) / 2 * size - 0.5).round().long().T
    found = after["image"][torch.arange(count), :2, row, column] * 2 - 1
    assert (found - place).abs().max() < 1.5 * 2 / size
    assert torch.equal(after["head_pose"][:, 2], change.roll) and torch.allclose(after["scale"][:, 0], change.zoom)
    assert (change.zoom > 1).all() and (change.roll != 0).all()


def test_few_are_moved_and_all_are_toned():
    change = Change.draw(np.random.default_rng(0), 400, 0.3)
    assert 0.2 < (change.roll != 0).float().mean() < 0.4 and (change.zoom[change.roll == 0] == 1).all()
    assert change.gamma.std() > 0.05 and change.saturation.std() > 0.1
    assert change.part(slice(3, 5), CPU).roll.tolist() == change.roll[3:5].tolist()


def test_a_triple_is_changed_alike(pool: Pool):
    plain, changed = (Batches(pool, ("train",), 64, CPU, augment=share) for share in (0.0, 1.0))
    before, after = plain.triples(0, 4, slice(None)), changed.triples(0, 4, slice(None))
    assert torch.equal(before[0]["canonical"], after[0]["canonical"]), "other rows are drawn"
    growth = [(one["scale"] / other["scale"]) for one, other in zip(after, before, strict=True)]
    assert torch.allclose(growth[0], growth[1]) and torch.allclose(growth[0], growth[2]) and (growth[0] > 1).all()
    half = changed.triples(0, 4, slice(2, 4))
    assert torch.equal(half[0]["image"], after[0]["image"][2:])


def test_pictures_are_shifted_alike():
    picture = torch.arange(64.0).view(1, 1, 8, 8)
    seen = set()
    for seed in range(20):
        torch.manual_seed(seed)
        one, other = shifted(3, picture, picture + 100)
        assert torch.equal(one + 100, other) and sorted(one.flatten().tolist()) == picture.flatten().tolist()
        seen.add(divmod(int(one[0, 0, 0, 0]), 8))
    assert len(seen) > 5 and all(row <= 3 and column <= 3 for row, column in seen)
    assert shifted(0, picture)[0] is picture


def test_a_person_is_known_by_one_embedding(pool: Pool):
    (stage,) = recipe("mmfa_finetune_renderer")
    model = stage.method(stage.model).build().eval()
    two = replace(pool, identity=np.where(np.isin(pool.identity, ("p", "q")), "one", "two"))
    known = known_people(Batches(two, ("train",), 256, CPU), RenderObjective(), model)
    assert known.shape == (24, 128) and np.allclose(np.linalg.norm(known, axis=1), 1, atol=1e-5)
    assert (known[:12] == known[0]).all() and (known[12:] == known[12]).all() and (known[0] != known[12]).any()


@pytest.mark.slow
def test_the_terms_of_a_long_stage(pool: Pool):
    """Half of the frames are read back, the portrait is compared with its person; the encoder is frozen, the decoder learns."""
    (stage,) = recipe("mmfa_finetune_long")
    small = replace(stage, size=64, after=(), schedule=replace(stage.schedule, batch=4), machine=Machine("cpu", "fp32"))
    task = make(small, (small,), pool, Path(), Workers(CPU))
    batch = task.batches(0, slice(0, 4))
    assert batch[0][KNOWN_AS].shape == (4, 128)
    terms, _ = task.objective(batch)
    assert set(terms) == set(stage.weights) and all(torch.isfinite(value) for value in terms.values())
    wrong = {**batch[0], KNOWN_AS: -batch[0][KNOWN_AS]}
    again, _ = task.objective((wrong, *batch[1:]))
    assert float((again["identity_source"] + terms["identity_source"]).detach()) == pytest.approx(2, abs=1e-3)
    changed = {**batch[2], "image": torch.cat([batch[2]["image"][:2], 1 - batch[2]["image"][2:]])}
    rest, _ = task.objective((*batch[:2], changed))
    assert rest["mesh"].item() == pytest.approx(terms["mesh"].item(), rel=1e-4) and rest["l1"] != terms["l1"]
    learns = {name.split(".")[0] for name, value in task.trained.named_parameters() if value.requires_grad}
    assert "motion" not in learns and {"expression", "generator", "uncover", "source", "dense_motion"} <= learns


def test_a_run_of_before_goes_on(tmp_path: Path):
    """Settings that its version did not know are as they are by default."""
    (stage,) = recipe("mmfa_finetune_renderer")
    same_settings(tmp_path / "config.json", stage, {})
    text = (tmp_path / "config.json").read_text().replace(' "stills": 0.0,\n', "").replace(' "lpips_shift": 0,\n', "")
    assert "stills" not in text
    (tmp_path / "config.json").write_text(text)
    same_settings(tmp_path / "config.json", stage, {})
    with pytest.raises(Exception, match="stills"):
        same_settings(tmp_path / "config.json", replace(stage, stills=0.2), {})
