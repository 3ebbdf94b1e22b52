"""The ablation's figures tell the forms apart before anything is trained: a camera's frame turns with the head."""

from pathlib import Path

import numpy as np
import pytest
import torch

from reenact.data.batches import Batches
from reenact.data.pool import Pool
from reenact.recipes import recipe
from reenact.recipes.mmfa import EXPRESSION, anew, build
from reenact.recipes.mmfa_ablation import FIGURES, figures, last_validation
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
