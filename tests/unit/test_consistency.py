"""One picture read through two windows must be read the same (objectives/consistency.py)."""

from types import SimpleNamespace

import pytest
import torch
from torch import Tensor

from reenact.nn.keypoints import Pose
from reenact.objectives.consistency import UNSETTLED, consistency, two_windows, with_noise

ROWS = 400


class Looks:
    """A first pass that is off by .3 to the right, and a second that mends all of it."""

    def locate(self, image: Tensor) -> dict[str, Tensor]:
        return pose(len(image), 0.3)

    def settle(self, image: Tensor, rough: dict[str, Tensor]) -> dict[str, Tensor]:
        return pose(len(image), 0.0)


def pose(count: int, place: float) -> dict[str, Tensor]:
    return {"head_pose": torch.zeros(count, 3), "scale": torch.ones(count, 1), "translation": torch.full((count, 2), place)}


@pytest.fixture
def windows() -> list[dict[str, Tensor]]:
    torch.manual_seed(0)
    batch = {**pose(ROWS, 0.0), "wobble": torch.ones(ROWS, 6)}
    image = torch.rand(ROWS, 3, 4, 4)
    return two_windows(Looks(), [image, image], batch)


def test_the_first_window_is_where_the_second_look_will_stand(windows: list[dict[str, Tensor]]):
    assert windows[0]["translation"].abs().max() == 0


def test_some_second_windows_stay_off_so_that_mending_is_not_forgotten(windows: list[dict[str, Tensor]]):
    off = windows[1]["translation"][:, 0] != 0
    assert abs(off.float().mean() - UNSETTLED) < 0.1
    assert (windows[1]["scale"][off] != 1).all() and (windows[1]["scale"][~off] == 1).all(), "off as a whole, or not at all"


def test_what_is_read_twice_alike_is_consistent():
    def placed(person: Tensor, found: dict[str, Tensor]) -> Pose:
        return Pose(found["points"], found["points"] / 2, torch.eye(3)[None], found)

    model = SimpleNamespace(person="points", pose=placed)
    once = torch.rand(2, 5, 3)
    alike = consistency(model, {"points": torch.cat([once, once])})
    assert alike["consistency"] == 0 == alike["consistency_shape"]
    moved = consistency(model, {"points": torch.cat([once, once + 0.1])})
    assert moved["consistency"] == pytest.approx(0.1, rel=1e-4) and moved["consistency_shape"] == pytest.approx(0.05, rel=1e-4)
    swapped = consistency(model, {"points": torch.cat([once, once.flip(0)])})
    assert swapped["consistency"] > 0.1, "pictures are compared with themselves"


def test_grain_differs_from_picture_to_picture_and_stays_in_range():
    torch.manual_seed(0)
    grey = torch.full((8, 3, 32, 32), 0.5)
    one, other = with_noise(grey), with_noise(grey)
    spread = (one - grey).flatten(1).std(1)
    assert (one != other).any() and spread.max() > 2 * spread.min() > 0
    assert with_noise(torch.ones(1, 3, 8, 8)).max() <= 1
