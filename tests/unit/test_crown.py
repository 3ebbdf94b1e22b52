"""A head that the photo cuts through the forehead: its top is closed instead of drawn out into a tower."""

import numpy as np
import pytest

import reenact
from reenact.core.types import Placement
from reenact.faces.crop import covered, points_in
from reenact.faces.crown import crowned

SIZE, EDGE = 128, 40
WALL, DARK, LIGHT = (200, 210, 220), (60, 40, 20), (110, 80, 50)


@pytest.fixture
def cut_head() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Crop, inside, person, mesh: a striped head of 60 columns before a wall, of which the photo has the rows from EDGE on."""
    person = np.zeros((SIZE, SIZE), np.float32)
    person[:, 34:94] = 1
    crop = np.full((SIZE, SIZE, 3), WALL, np.uint8)
    crop[:, 34:94] = DARK
    crop[:, 34:94:4] = LIGHT
    inside = np.zeros((SIZE, SIZE), bool)
    inside[EDGE:] = True
    return crop, inside, person, np.float32([[40, 50], [88, 50], [64, 110], [64, 50]])


def test_the_outline_closes_and_the_wall_goes_round_it(cut_head):
    crop, inside, person, points = cut_head
    made = crowned(crop, inside, person, points)
    assert np.array_equal(made[EDGE:], crop[EDGE:]), "what the photo has stays"
    head = (np.abs(made.astype(int) - WALL).sum(2) > 90)[:EDGE]
    widths = head.sum(1)
    assert widths[-1] >= 56, "as wide at the edge as what is below it"
    assert (np.diff(widths) >= 0).all() and widths[0] < 40, "and closing upwards"
    assert head[EDGE - 5, 64] and not head[:, :30].any() and not head[:, 98:].any()
    assert np.abs(made[:EDGE, :30].astype(int) - WALL).max() < 12, "nothing but wall beside it"


def test_no_bundle_of_lines(cut_head):
    crop, inside, person, points = cut_head
    top = EDGE - 25
    row = crowned(crop, inside, person, points)[top, 54:74].astype(float)
    assert row.std(0).max() < 0.3 * crop[top, 54:74].astype(float).std(0).max()


def test_left_alone_where_no_head_reaches_the_edge(cut_head):
    crop, inside, person, points = cut_head
    person[: EDGE + 10] = 0
    assert crowned(crop, inside, person, points) is crop
    assert crowned(crop, np.ones_like(inside), person, points) is crop


def test_points_and_pixels_of_a_square_are_where_the_cut_has_them():
    place = Placement(50, 20, 80)
    inside = covered(place, 40, np.zeros((100, 100, 3), np.uint8))
    assert not inside[:10].any() and inside[10:, 0:].all()
    np.testing.assert_allclose(points_in(np.float32([[50, 20], [10, 0]]), place, 40), [[20, 20], [0, 10]])


def test_a_real_head_cut_through_the_forehead_has_the_wall_above_it():
    """Example portrait, its photo beginning at the hair line."""
    method = reenact.load("mmfa", "cpu", 1)
    photo = reenact.read_image("examples/portrait.jpg")
    place = method.encode_source(photo).placement
    crop = method.encode_source(np.ascontiguousarray(photo[74:, 60:400])).image.astype(int)
    rows = int((place.side / 2 - (place.centre_y - 74)) / place.side * 256)
    assert rows > 40
    wall = crop[rows // 3, 8]
    assert np.abs(crop[2, [16, 240]] - wall).max() < 60
    assert crop[rows // 2, 110:146].std(0).max() < 0.5 * crop[rows + 1, 110:146].std(0).max(), "no lines go up from the edge"
    assert np.abs(crop[rows - 6, 128] - wall).max() > 60, "the head's cap above the edge"
