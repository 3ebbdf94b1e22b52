"""The rendering network, taught window by window: windows lie where they should, hold what the whole holds, and teach only the
generator."""

from dataclasses import replace

import pytest
import torch

from reenact.data.pool import Pool
from reenact.faces.points import LIPS
from reenact.geometry.grid import identity_grid
from reenact.methods import recipe
from reenact.nn.keypoints import Pose
from reenact.objectives.patches import CELL, CELLS, MARGIN, chosen, cut
from reenact.train.tasks import task_of
from training_pool import make_pool

SIDE = 128
INNER = (CELLS - 2 * MARGIN) * CELL


def a_pose(middle: tuple[float, float], count: int = 16) -> Pose:
    """Lips in a bunch, all other keypoints in the opposite corner."""
    points = torch.full((count, 40, 3), -0.9)
    points[:, : len(LIPS), :2] = torch.tensor(middle)
    return Pose(points, points, torch.eye(3).expand(count, 3, 3), {})


def test_a_window_holds_the_same_of_every_map():
    """The grid of places itself, cut at three sizes: all windows have one middle."""
    corners = torch.tensor([[0, 4], [3, 1]])
    cells = SIDE // CELL
    middles = []
    for side in (SIDE, SIDE // 4, SIDE // CELL):
        grid = identity_grid(side, side).expand(2, -1, -1, -1)
        window = cut(grid, corners, cells, rows=1)
        assert window.shape == (2, side // cells * CELLS, side // cells * CELLS, 2)
        assert torch.equal(cut(grid.permute(0, 3, 1, 2), corners, cells), window.permute(0, 3, 1, 2))
        middles.append(window.mean((1, 2)))
    wanted = (corners.flip(1) + CELLS / 2) / cells * 2 - 1
    assert all(torch.allclose(middle, wanted, atol=1e-5) for middle in middles)


@pytest.mark.parametrize("middle", [(0.0, 0.3), (0.95, 0.95)])
def test_the_mouth_is_in_its_window(middle: tuple[float, float]):
    torch.manual_seed(0)
    mouth, other = chosen(a_pose(middle), 32)
    for corner in (mouth, other):
        assert corner.min() >= 0 and corner.max() <= 32 - CELLS
    place = (torch.tensor(middle).flip(0) + 1) / 2 * 32  # row and column, in cells
    inside = ((place - mouth - CELLS / 2).abs() < CELLS / 2).all(1)
    assert inside.all()
    if max(middle) < 0.5:
        assert ((place - mouth - CELLS / 2).abs() < INNER / CELL / 2 - 2).all(), "whole mouths, not corners of them"
    assert ((place - other - CELLS / 2).abs() < CELLS / 2).all(1).float().mean() < 0.7


@pytest.mark.slow
def test_the_generator_alone_learns(tmp_path_factory: pytest.TempPathFactory):
    pool = Pool.load(make_pool(tmp_path_factory.mktemp("pool")))
    (stage,) = recipe("mmfa_finetune_patches")
    task = task_of(replace(stage, size=SIDE), pool, torch.device("cpu"))
    terms, exhibit = task.objective(task.batches(0, slice(0, 2)))
    assert terms.keys() == stage.weights.keys()
    assert exhibit["fake"].shape == exhibit["real"].shape == (4, 3, INNER, INNER)
    sum(terms.values()).backward()
    learns = {name for name, part in task.trained.items() if any(p.grad is not None for p in part.parameters())}
    assert learns == {"generator"}
    assert float(task.discriminator.objective({k: v.detach() for k, v in exhibit.items()})["discriminator"].detach()) > 0
    figures = task.check(task.trained.state_dict()).figures
    assert 0 < figures["val_mouths"] < 2
