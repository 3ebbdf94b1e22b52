"""The ablation's figures tell the forms apart before anything is trained: a camera's frame turns with the head."""

from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.mmfa_ablation import FIGURES, figures, last_validation, scales
from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.geometry.grid import identity_grid
from reenact.methods import recipe
from reenact.methods.mmfa.recipe import EXPRESSION, anew, build
from reenact.nn.generator import Drawn, Generator, grids
from reenact.train.tasks import task_of
from training_pool import make_pool


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    return Pool.load(make_pool(tmp_path_factory.mktemp("pool")))


def of(form: str, pool: Pool) -> dict[str, float]:
    (stage,) = recipe(f"mmfa_motion_{form}")
    torch.manual_seed(0)
    model = build(stage.model).eval()
    torch.nn.init.normal_(model.expression.layers[-1].weight, std=0.1)  # else nothing moves yet
    data = Batches(pool, stage.splits, stage.size, torch.device("cpu"), 0, stage.wide)
    rows = np.arange(len(pool.split))[:8]
    return figures(model, data, rows, np.arange(len(rows)))


def test_a_turn_bends_offsets_of_the_camera_alone(pool: Pool):
    whole, camera = of("anew", pool), of("in_camera", pool)
    assert whole.keys() == camera.keys() and whole.keys() <= FIGURES.keys()
    assert whole["turned_percent"] < 0.1 < camera["turned_percent"]
    assert whole["pose_percent"] < 0.1 < camera["pose_percent"]
    assert whole["evenness"] >= 1


def test_heads_begin_from_nothing_and_looks_do_not():
    found = {"motion.first.weight": torch.ones(1), "motion.expression.weight": torch.ones(1)}
    fresh = {"motion.first.weight": torch.zeros(1), "motion.expression.weight": torch.zeros(2)}
    kept = anew(found, fresh)
    assert kept["motion.first.weight"] == 1 and len(kept["motion.expression.weight"]) == 2
    assert all(name.endswith(".") for name in EXPRESSION)


def test_a_missing_run_is_named(tmp_path: Path):
    with pytest.raises(Exception, match="holds no finished run"):
        last_validation(tmp_path)


def drawn_in(scales: str, training: bool) -> tuple[Generator, Drawn, torch.Tensor]:
    """A generator's answer, a pyramid it was given, and the gradient of the frame with respect to the finest features."""
    torch.manual_seed(0)
    generator = Generator((8, 12, 16), 6, 5, scales, (1, 1, 2)).train(training)
    image = torch.rand(2, 3, 64, 64)
    pyramid = [torch.rand(2, width, 64 // step, 64 // step, requires_grad=True) for width, step in ((8, 2), (12, 4), (16, 8))]
    levels = grids(identity_grid(16, 16).expand(2, -1, -1, -1), 64)
    found = generator(image, tuple(pyramid), levels, torch.zeros(2, 2, 16, 16), torch.rand(2, 6, 16, 16), torch.rand(2, 5))
    found[0].square().sum().backward()
    return generator, found, pyramid[0].grad


@pytest.mark.parametrize(("scales", "small"), [("one", 0), ("several", 0), ("each", 2)])
def test_scales_of_the_generator(scales: str, small: int):
    generator, (frame, _, pictures, *_), fine = drawn_in(scales, training=True)
    assert frame.shape == (2, 3, 64, 64)
    assert [picture.shape[-1] for picture in pictures] == [16, 32][:small]
    assert bool(fine.abs().any()) == (scales != "one"), "with one scale nothing fine is looked up"
    assert not drawn_in(scales, training=False)[1][2], "inner pictures are for training"
    assert len([name for name in generator.state_dict() if name.startswith("small.")]) == 2 * small
    assert any(name == "small" for name in generator.training_only)


def test_inner_pictures_learn(pool: Pool):
    (stage,) = recipe("mmfa_render_each_scale")
    task = task_of(stage, pool, torch.device("cpu"))
    terms, _ = task.objective(task.batches(0, slice(0, 2)))
    assert terms.keys() == stage.weights.keys() and float(terms["scales"].detach()) > 0
    terms["scales"].backward()
    assert all(p.grad is not None and p.grad.abs().any() for p in task.trained["generator"].small.parameters())
    with pytest.raises(Exception, match="holds no finished run"):
        scales(Path("nowhere"))


def test_a_checkered_mask_does_not_show():
    """Each subpixel of the shuffle says something else of what to keep; warped and drawn pixels differ, the picture is even."""
    generator = Generator((8, 12, 16), 6, 5, "several", (1, 1, 2)).eval()
    with torch.no_grad():
        generator.head.weight.zero_()
        generator.head.bias.zero_()
        generator.head.bias[12:] = torch.tensor([8.0, -8.0, -8.0, 8.0])
        pyramid = tuple(torch.zeros(1, width, 64 // step, 64 // step) for width, step in ((8, 2), (12, 4), (16, 8)))
        levels = grids(identity_grid(16, 16).expand(1, -1, -1, -1), 64)
        image = torch.full((1, 3, 64, 64), 0.2)
        frame = generator(
            image, pyramid, levels, torch.full((1, 2, 16, 16), -2.0), torch.zeros(1, 6, 16, 16), torch.zeros(1, 5)
        ).frame
    inner = frame[..., 2:-2, 2:-2]
    assert float(inner.std()) < 1e-4 and 0.3 < float(inner.mean()) < 0.4
