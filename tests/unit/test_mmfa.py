"""The method: what must hold before any training, and what export must keep."""

import pytest
import torch

from reenact.geometry.grid import identity_grid
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import place
from reenact.methods.mmfa.recipe import build
from untrained import shaken, smooth_pictures


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return smooth_pictures()


def test_a_shifted_head_pulls_its_pixels_along(image: torch.Tensor):
    """Head moved to the right: at the head's new place the flow points back to the left."""
    fresh = build(Config()).eval()
    still = {"head_pose": torch.zeros(1, 3), "scale": torch.ones(1, 1), "translation": torch.zeros(1, 2)}
    still["expression"] = torch.zeros(1, fresh.config.expression_size)
    moved = {**still, "translation": torch.tensor([[0.2, 0.0]])}
    with torch.no_grad():
        flow = fresh.render(image, fresh.encode_source(image), still, moved).flow[0]
    offset = (flow - identity_grid(64, 64))[30:34, 36:40].mean((0, 1))
    # A fresh network leaves an eighth of the middle of a face to the background: sigmoid(-2).
    assert torch.allclose(offset, torch.tensor([-0.88 * 0.2, 0.0]), atol=0.01)


def test_keypoints_follow_the_equation():
    """x = s R (x_c + d) + t on a known case: a quarter turn clockwise, twice as large, shifted."""
    head = torch.tensor([[[1.0, 0.0, 0.0]]])
    motion = {"head_pose": torch.tensor([[0, 0, torch.pi / 2]]), "scale": torch.tensor([[2.0]])}
    motion["translation"] = torch.tensor([[0.5, -0.5]])
    assert torch.allclose(place(head, motion).keypoints, torch.tensor([[[0.5, 1.5, 0.0]]]), atol=1e-6)


def test_zero_code_is_neutral():
    model = shaken("mmfa")
    assert model.expression(torch.zeros(2, model.config.expression_size)).abs().max() == 0
