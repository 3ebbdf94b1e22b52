"""What the head uncovers: the plate behind a person, and where it is shown."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import reenact
from reenact.faces.fill import _filled
from reenact.geometry.grid import identity_grid
from reenact.losses.behind import behind
from reenact.nn.backdrop import plate, smooth_colours
from reenact.nn.uncover import Uncover, calm
from reenact.recipes.behind import behind as networks
from reenact.runtime.backdrop import Backdrop
from reenact.runtime.graph import opener
from reenact.runtime.onnx_method import weights_folder

PORTRAIT = Path(__file__).parent.parent / "examples/portrait.jpg"


def box(left: int, right: int) -> torch.Tensor:
    person = torch.zeros(1, 1, 256, 256)
    person[..., 64:, left:right] = 1
    return person


def test_smooth_colours_are_those_of_photos_margins():
    """nn/backdrop.py and faces/fill.py hold one algorithm, for two libraries."""
    torch.manual_seed(0)
    image, known = torch.rand(1, 3, 64, 64), (torch.rand(1, 1, 64, 64) < 0.3).float()
    known[..., 10:40, 20:50] = 0
    ours = smooth_colours(image, known)[0].permute(1, 2, 0).numpy()
    weight = known[0].permute(1, 2, 0).numpy()
    theirs = _filled(image[0].permute(1, 2, 0).numpy() * weight, weight)
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.array_equal(ours[weight[..., 0] > 0], image[0].permute(1, 2, 0).numpy()[weight[..., 0] > 0])


def test_a_plate_is_the_portrait_where_nobody_is():
    torch.manual_seed(0)
    image, person = torch.rand(1, 3, 256, 256), box(80, 140)
    found = plate(image, person)
    assert torch.equal(found[..., :70], image[..., :70]) and torch.equal(found[..., 150:], image[..., 150:])
    assert (found - image)[..., 100:, 90:130].abs().mean() > 0.1, "the person is gone"
    assert found[..., 100:, 90:130].std() < image.std() / 3, "what is behind is smooth"
    assert found.min() >= 0 and found.max() <= 1


def test_a_fresh_mask_shows_next_to_nothing_of_the_plate():
    torch.manual_seed(0)
    frame, behind_it, grid = torch.rand(2, 3, 64, 64), torch.rand(2, 3, 64, 64), identity_grid(64, 64).expand(2, -1, -1, -1)
    occlusion, motion, person = torch.zeros(2, 2, 64, 64), torch.zeros(2, 8, 64, 64), torch.ones(2, 1, 64, 64)
    uncover = Uncover(8).eval()
    out, shown = uncover(frame, grid, occlusion, motion, behind_it, person)
    assert shown.shape == (2, 1, 64, 64) and shown.min() > 0 and shown.max() < 0.1
    assert torch.allclose(out, frame + shown * (behind_it - frame))
    torch.nn.init.constant_(uncover.head.bias, 10.0)
    assert (uncover(frame, grid, occlusion, motion, behind_it, person)[0] - behind_it).abs().max() < 0.01


def test_a_sharper_mask_says_the_same_with_less_doubt():
    torch.manual_seed(0)
    frame, behind_it, grid = torch.rand(1, 3, 64, 64), torch.rand(1, 3, 64, 64), identity_grid(64, 64)[None]
    occlusion, motion, person = torch.zeros(1, 2, 64, 64), torch.randn(1, 8, 64, 64), torch.rand(1, 1, 64, 64)
    uncover = Uncover(8).eval()
    torch.nn.init.normal_(uncover.head.weight, std=3.0)
    torch.nn.init.constant_(uncover.head.bias, 3.0)
    before = uncover(frame, grid, occlusion, motion, behind_it, person)[1].logit()
    uncover.sharpen(2.0)
    after = uncover(frame, grid, occlusion, motion, behind_it, person)[1].logit()
    assert before.std() > 0.1 and torch.allclose(after, 2 * before, atol=1e-3)


def test_calm_keeps_what_is_even_and_takes_a_checker_away():
    checker = (torch.arange(16)[:, None] + torch.arange(16)) % 2 * 2.0 - 1
    assert calm(checker[None, None])[..., 1:-1, 1:-1].abs().max() < 1e-6
    assert torch.allclose(calm(torch.full((1, 1, 8, 8), 0.3)), torch.full((1, 1, 8, 8), 0.3))


def test_the_loss_knows_where_nobody_is():
    before, now = box(80, 140), box(120, 180)
    right = 1 - now
    assert behind(right, before, now) < 1e-3
    assert behind(1 - right, before, now) > 5
    uncovered, elsewhere = right.clone(), right.clone()
    uncovered[..., 64:, 80:120] = 0.5
    elsewhere[..., 64:, 0:40] = 0.5  # as many pixels
    assert behind(uncovered, before, now) > 5 * behind(elsewhere, before, now) > 0
    given = (0.5 * torch.ones_like(now)).requires_grad_()
    behind(given, before, now).backward()
    assert given.grad[0, 0, 100, 100] < 0 < given.grad[0, 0, 100, 150], "more of the plate where nobody is, less where somebody"


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    return reenact.load(background="moved").encode_source(reenact.read_image(PORTRAIT)).image


def test_training_and_running_see_the_same_behind(crop: np.ndarray):
    image = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255
    found = Backdrop(weights_folder() / "person", opener("cpu", 0)).find(image)
    person, whole = (value.numpy() for value in networks()(torch.from_numpy(image)))
    assert np.abs(found["person"] - person).max() < 1e-3
    assert np.abs(found["plate"] - whole).mean() < 1e-3
    assert np.abs(whole - image)[np.broadcast_to(person < 0.01, whole.shape)].mean() < 0.02
    assert np.abs(whole - image)[np.broadcast_to(person > 0.99, whole.shape)].mean() > 0.1


def test_training_wants_no_more_than_its_extra():
    """`.[train]` brings no SciPy: what is behind is read without it."""
    code = "import sys; sys.modules['scipy'] = None; from reenact.recipes import mmfa; mmfa.build()"
    subprocess.run([sys.executable, "-c", code], check=True)
