"""The backdrop stands still where nobody is, and nowhere else."""

from pathlib import Path

import numpy as np
import pytest
import torch

import reenact
from places import EXAMPLES
from reenact.calibrate.matting import steps
from reenact.cli import run as command
from reenact.core.types import Method
from reenact.geometry.grid import identity_grid
from reenact.motion.edit import edit
from reenact.nn.background import PersonNet, StillBackground, free

PORTRAIT = EXAMPLES / "portrait.jpg"


def moved_grid(pixels: int) -> torch.Tensor:
    """Everything moves to the right."""
    grid = identity_grid(256, 256)[None].clone()
    grid[..., 0] -= pixels * 2 / 256
    return grid


def box(left: int, right: int) -> torch.Tensor:
    person = torch.zeros(1, 1, 256, 256)
    person[..., 64:, left:right] = 1
    return person


def test_held_where_nobody_was_or_is():
    image, frame = torch.rand(1, 3, 256, 256), torch.rand(1, 3, 256, 256)
    person = box(80, 140)
    out = StillBackground()(frame, image, person, free(person), moved_grid(40))[0]
    assert torch.equal(out[..., :40], image[..., :40]), "far from everybody the portrait's own"
    assert torch.equal(out[..., 100:, 85:175], frame[..., 100:, 85:175]), "who was there, and where they have gone, is drawn"
    assert torch.equal(out[..., 100:, 110:120], frame[..., 100:, 110:120])


def test_the_edge_is_soft():
    image, frame = torch.zeros(1, 3, 256, 256), torch.ones(1, 3, 256, 256)
    person = box(80, 140)
    row = StillBackground()(frame, image, person, free(person), moved_grid(0))[0][0, 0, 160]
    assert row.diff().abs().max() < 0.2 and row[0] == 0 and row[110] == 1


def test_of_a_picture_of_any_light():
    network = PersonNet().eval()
    found = network(torch.rand(2, 3, 256, 256))
    assert found.shape == (2, 1, 256, 256) and found.min() >= 0 and found.max() <= 1


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return reenact.read_image(PORTRAIT)


@pytest.fixture(scope="module")
def methods() -> tuple[Method, Method]:
    """still, moved"""
    return reenact.load(background="still"), reenact.load(background="moved")


def test_a_turned_head_leaves_the_corners_alone(photo: np.ndarray, methods: tuple[Method, Method]):
    still, moved = methods
    one, other = still.encode_source(photo), moved.encode_source(photo)
    person, shown = one.tensors["person"][0, 0], one.tensors["free"][0, 0]
    assert person[128, 128] > 0.9, "the middle of a portrait is a person"
    assert shown.mean() > 0.1, "some of it is not"
    motion = edit(one.motion, yaw=0.4, roll=0.3)
    held, drawn = still.render(one, motion).astype(int), moved.render(other, motion).astype(int)
    clear = shown > 0.999
    wanted = one.image.astype(int)
    assert np.abs(held - wanted)[clear].mean() < np.abs(drawn - wanted)[clear].mean() / 2
    assert np.abs(held - drawn)[person > 0.9].max() <= 1, "the person is drawn as without it, rounding apart"


def test_a_portrait_without_it_is_drawn_all_the_same(photo: np.ndarray, methods: tuple[Method, Method]):
    still, moved = methods
    portrait = moved.encode_source(photo)
    assert np.array_equal(still.render(portrait, portrait.motion), moved.render(portrait, portrait.motion))


@pytest.mark.parametrize("name", ["animate", "edit", "decode", "evaluate"])
def test_an_unknown_background_is_one_line(name: str, capsys: pytest.CaptureFixture, tmp_path: Path):
    out = tmp_path / {"evaluate": "out.json", "edit": "out.png"}.get(name, "out.mp4")
    given = {
        "animate": [str(PORTRAIT), "driving.mp4"],
        "edit": [str(PORTRAIT), "--yaw", "3"],
        "decode": [str(PORTRAIT), "call.rnct"],
        "evaluate": ["--data", str(tmp_path)],
    }[name]
    assert command([name, *given, "--background", "beach", "-o", str(out)]) == 2
    said = capsys.readouterr().err
    assert "choose still or moved" in said and said.count("\n") == 1
    assert not out.exists()


def test_every_row_may_be_taught_from():
    assert steps(1) == {"train": 1, "strain": 1, "ptrain": 1}
    assert steps(18) == {"train": 18, "strain": 9, "ptrain": 1}
