"""What the flow brings in from outside the square is the photo's, not the square's last row again and again."""

import numpy as np
import pytest

from reenact.core.types import Placement
from reenact.runtime.around import MARGIN, brought_in, surroundings

SIZE = 64
M = round(MARGIN * SIZE)


@pytest.fixture
def photo() -> np.ndarray:
    """Dark hair from row 40 on, a light wall above: the square's upper edge lies in the hair."""
    picture = np.full((160, 160, 3), 220, np.uint8)
    picture[40:] = 50
    return picture


PLACE = Placement(80, 76, SIZE)
"""rows 44 to 108"""


def moved_down(rows: float) -> np.ndarray:
    """Where each pixel comes from, the picture having sunk by so many rows."""
    at = (2 * np.arange(SIZE) + 1) / SIZE - 1
    x, y = np.meshgrid(at, at - 2 * rows / SIZE)
    return np.stack([x, y], -1)[None].astype(np.float32)


def frame_of(photo: np.ndarray) -> np.ndarray:
    return np.full((1, 3, SIZE, SIZE), 50 / 255, np.float32)


def test_a_sinking_head_shows_the_wall_above_it(photo: np.ndarray):
    around = surroundings(photo, PLACE, photo[44:108, 48:112])
    assert around.shape == (SIZE + 2 * M, SIZE + 2 * M, 3)
    frame = frame_of(photo)
    out, shares = brought_in(frame, moved_down(12), around, None)
    column = out[0, 0, :, 30] * 255
    assert np.allclose(column[:7], 220, atol=2), "eight rows of wall above the hair, that the square does not hold"
    assert np.allclose(column[9:], 50, atol=2)
    assert (frame == 50 / 255).all(), "the input stays"
    assert shares is not None and shares[0, 0, 0, 30] == 1 and shares[0, 0, 14:].max() == 0


def test_nothing_is_brought_in_where_nothing_moves(photo: np.ndarray):
    around = surroundings(photo, PLACE, photo[44:108, 48:112])
    frame = frame_of(photo)
    out, shares = brought_in(frame, moved_down(0), around, None)
    assert out is frame and shares is None


def test_what_stands_still_stays(photo: np.ndarray):
    around = surroundings(photo, PLACE, photo[44:108, 48:112])
    frame, still = frame_of(photo), np.ones((1, 1, SIZE, SIZE), np.float32)
    assert np.array_equal(brought_in(frame, moved_down(12), around, still)[0], frame)


def test_where_the_photo_ends_the_crop_s_own_top_goes_on(photo: np.ndarray):
    crop = np.full((SIZE, SIZE, 3), 90, np.uint8)
    crop[0] = 200
    around = surroundings(photo, Placement(80, 10, SIZE), crop)
    assert (around[: M + 1, M:-M] == 200).all() and (around[M + 1 : -M, M:-M] == 90).all()


def test_below_the_photo_the_squares_rim_goes_on():
    """The photo's last row is no line down to the rim: the square has been calmed there."""
    photo = np.zeros((100, 160, 3), np.uint8)
    photo[:, ::8] = 255
    place = Placement(80, 76, SIZE)
    crop = np.full((SIZE, SIZE, 3), 120, np.uint8)
    around = surroundings(photo, place, crop)
    np.testing.assert_array_equal(around[-M:, M:-M], 120)
