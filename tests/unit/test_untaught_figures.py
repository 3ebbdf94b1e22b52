"""Forms from nothing beside the two baselines: same pairs, same side, all figures there."""

from pathlib import Path

import pytest
import torch

from experiments.untaught import measure, smaller
from reenact.core.errors import ReenactError
from reenact.data.pool import Pool
from reenact.methods import recipe
from reenact.train.tasks import task_of
from reenact.train.tensors import write_tensors
from training_pool import make_pool


@pytest.mark.parametrize("name", ["mmfa_unsupervised64", "sfd_own64"])
def test_a_run_is_measured(tmp_path: Path, name: str):
    """A fresh form shows the portrait, so that it scores near the still one; who has no run is told."""
    pool = Pool.load(make_pool(tmp_path / "pool"))
    (stage,) = recipe(name)
    torch.manual_seed(0)
    state = task_of(stage, pool, torch.device("cpu")).trained.state_dict()
    with pytest.raises(ReenactError, match="train first"):
        measure([(name, tmp_path)], pool)
    write_tensors(tmp_path / "checkpoint.safetensors", {f"average.{key}": value for key, value in state.items()}, {"images": "7"})
    found = measure([(name, tmp_path)], pool)[name]
    assert found["pairs_seen"] == 7 and found["side"] == 64 and found["parameters"] > 1e5
    assert found["mesh_warp"].keys() == found["still"].keys() == found["form"].keys() == {"l1", "lpips"}
    assert found["form"]["l1"] == pytest.approx(found["still"]["l1"], rel=0.5)


def test_smaller_is_a_mean_over_cells():
    picture = torch.arange(4 * 4 * 3).reshape(4, 4, 3).to(torch.uint8).numpy()
    assert torch.allclose(smaller(picture, 2)[0, 0, 0, 0] * 255, torch.tensor((0 + 3 + 12 + 15) / 4.0))
