"""A head that the photo cuts through the forehead: its top is closed instead of drawn out into a tower."""

import numpy as np
import pytest

import reenact
from reenact.core.types import Placement
from reenact.faces.crop import covered, points_in
from reenact.faces.crown import closed_beside, crowned, cut_off_beside

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


def test_a_head_that_narrows_already_lacks_little():
    """A round head of which the photo lacks the uppermost tenth: no second head on top of it."""
    y, x = np.mgrid[:SIZE, :SIZE] + 0.5
    head = np.hypot((x - 64) / 36, (y - 72) / 45) < 1
    crop = np.where(head[..., None], np.uint8(DARK), np.uint8(WALL))
    top, edge = 27, 36
    crop[:edge] = crop[edge]
    inside = np.zeros((SIZE, SIZE), bool)
    inside[edge:] = True
    made = crowned(crop, inside, head.astype(np.float32), np.float32([[40, 50], [88, 50], [64, 110], [64, 50]]))
    closed = np.abs(made.astype(int) - WALL).sum(2) > 200
    assert abs(int(closed.any(1).argmax()) - top) <= 2, "it ends where the head does"
    assert (closed != head)[:edge].mean() < 0.02


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
    whole = method.encode_source(photo)
    assert whole.placement is not None
    place = whole.framing.usual(whole.placement)
    crop = method.encode_source(np.ascontiguousarray(photo[74:, 60:400])).image.astype(int)
    rows = int((place.side / 2 - (place.centre_y - 74)) / place.side * 256)
    assert rows > 40
    wall = crop[rows // 3, 8]
    assert np.abs(crop[2, [16, 240]] - wall).max() < 60
    assert crop[rows // 2, 110:146].std(0).max() < 0.5 * crop[rows + 1, 110:146].std(0).max(), "no lines go up from the edge"
    assert np.abs(crop[rows - 6, 128] - wall).max() > 60, "the head's cap above the edge"


@pytest.mark.parametrize("left", [False, True])
def test_a_cheek_that_the_photos_side_cuts_is_closed_down_to_the_jaw(left: bool):
    person = np.zeros((SIZE, SIZE), np.float32)
    person[20:, 30:98] = 1
    crop = np.full((SIZE, SIZE, 3), WALL, np.uint8)
    crop[20:, 30:] = LIGHT  # the photo ends at column 80 and its edge has gone on
    inside = np.zeros((SIZE, SIZE), bool)
    inside[:, :80] = True
    points = np.float32([[36, 40], [88, 60], [62, 90], [62, 30]])
    given = crop, inside, person
    if left:
        given = tuple(part[:, ::-1].copy() for part in given)
        points[:, 0] = SIZE - points[:, 0]
    made = closed_beside(*given, points)
    if left:
        made = made[:, ::-1]
    assert np.array_equal(made[:, :80], crop[:, :80]), "what the photo has stays"
    skin = np.abs(made[:, 80:].astype(int) - LIGHT).sum(2) < 60
    reach = skin.sum(1)
    assert 10 <= reach[55] <= 18 and reach[25] < reach[55] > reach[88], "an outline that bulges beyond the mesh and comes back"
    assert np.abs(made[30:80, 110:].astype(int) - WALL).max() < 12, "wall beside it"
    assert (reach[110:] == SIZE - 80).all(), "shoulders go on"


def test_nothing_to_close_beside(cut_head):
    crop, inside, person, points = cut_head
    assert np.array_equal(closed_beside(crop, inside, person, points), crop)
    place = Placement(50, 50, 80)
    assert cut_off_beside(place, np.zeros((100, 100, 3), np.uint8)) == (False, False)
    assert cut_off_beside(place, np.zeros((100, 80, 3), np.uint8)) == (False, True)
    assert cut_off_beside(Placement(30, 50, 80), np.zeros((100, 100, 3), np.uint8)) == (True, False)


def test_a_real_cheek_cut_by_the_side_has_the_wall_beside_it():
    """Example portrait, its photo ending in the cheek: no bars from the cut to the rim."""
    method = reenact.load("mmfa", "cpu", 1)
    photo = reenact.read_image("examples/portrait.jpg")
    face = method.landmarker.detect(photo)[0]
    left, top, right, bottom = face.box
    portrait = method.encode_source(np.ascontiguousarray(photo[:, : int(right - 0.05 * (right - left))]))
    crop, place = portrait.image.astype(int), portrait.placement
    row = int(256 * ((top + bottom) / 2 - place.centre_y + place.side / 2) / place.side)
    assert np.abs(crop[row, 250] - crop[8, 20]).max() < 40, "wall at the rim beside the cheek"
    assert np.abs(crop[row - 40 : row + 40, 250] - crop[row, 250]).max() < 40
    assert portrait.around is not None and np.array_equal(portrait.around[128, -10], portrait.around[128, -64])
