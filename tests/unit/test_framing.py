"""How much of the photo a portrait's square holds."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import reenact
from reenact.core.types import AS_USUAL, Framing, Motion, Placement
from reenact.faces.crop import cut, head_crop
from reenact.faces.framing import ABOVE, LOOKED, WIDEST, framing, looked_at, roomy
from reenact.faces.landmarker import Face

SIDE = 256
BOX = (170.0, 180.0, 230.0, 260.0)
"""a face 60 px wide and 80 high"""


@pytest.fixture
def face() -> Face:
    points = np.full((478, 3), 200, np.float32)
    points[:2, :2] = [BOX[:2], BOX[2:]]
    return Face(points, 1.0)


def matte(usual: Placement, boxes: list[tuple[float, float, float, float]]) -> np.ndarray:
    """Of these boxes in the photo, as `roomy` takes it."""
    seen = looked_at(usual)
    left, top, unit = seen.centre_x - seen.side / 2, seen.centre_y - seen.side / 2, seen.side / SIDE
    x, y = left + (np.arange(SIDE) + 0.5) * unit, top + (np.arange(SIDE)[:, None] + 0.5) * unit
    return np.float32(sum((x >= a) & (x < c) & (y >= b) & (y < d) for a, b, c, d in boxes) > 0)


BODY = (100.0, 262.0, 300.0, 999.0)
PHOTO = np.zeros((400, 400, 3), np.uint8)


def inside(inner: Placement, outer: Placement) -> bool:
    out = outer.side / 2 - inner.side / 2 + 1e-6
    return abs(inner.centre_x - outer.centre_x) <= out and abs(inner.centre_y - outer.centre_y) <= out


def test_a_bald_head_far_below_the_squares_edge_stays_as_it_is(face: Face):
    usual = head_crop(face)
    assert roomy(usual, face, PHOTO, matte(usual, [(165, 172, 235, 265), BODY])) == usual


def test_high_hair_has_room_above(face: Face):
    usual = head_crop(face)
    crown = usual.centre_y - usual.side / 2
    found = roomy(usual, face, PHOTO, matte(usual, [(160, crown, 240, 265), BODY]))
    assert found.side == pytest.approx(usual.side / (1 - ABOVE), rel=0.01)
    assert inside(usual, found)
    assert crown - (found.centre_y - found.side / 2) == pytest.approx(ABOVE * found.side, abs=2)
    assert found.centre_y + found.side / 2 == pytest.approx(usual.centre_y + usual.side / 2)


def test_wide_hair_lies_whole_in_it_and_nothing_is_wider_than_the_widest(face: Face):
    usual = head_crop(face)
    found = roomy(usual, face, PHOTO, matte(usual, [(125, 140, 250, 250), BODY]))
    assert inside(usual, found) and found.centre_x - found.side / 2 < 125
    vast = roomy(usual, face, PHOTO, matte(usual, [(0, 0, 400, 400)]))
    assert vast.side == pytest.approx(WIDEST * usual.side) and inside(usual, vast)


def test_shoulders_and_other_people_are_no_hair(face: Face):
    usual = head_crop(face)
    alone = matte(usual, [(165, 172, 235, 265), BODY])
    beside = matte(usual, [(165, 172, 235, 265), BODY, (280, 90, 320, 400)])
    assert roomy(usual, face, PHOTO, beside) == roomy(usual, face, PHOTO, alone) == usual


def test_what_the_photo_cuts_off_is_left_to_the_crown(face: Face):
    usual = head_crop(face)
    photo = PHOTO[:, :, :]
    lower = replace(usual, centre_y=usual.side / 2 - 20)
    moved = Face(face.landmarks - np.float32([0, usual.centre_y - lower.centre_y, 0]), 1.0)
    assert roomy(lower, moved, photo, matte(lower, [(160, -99, 240, 150), (100, 150, 300, 400)])) == lower


def test_it_goes_no_farther_beside_the_photo_than_the_usual_square(face: Face):
    usual = head_crop(face)
    narrow = np.zeros((400, 270, 3), np.uint8)
    found = roomy(usual, face, narrow, matte(usual, [(160, 90, 240, 265), BODY]))
    ends = min(usual.centre_x - usual.side / 2, 0), max(usual.centre_x + usual.side / 2, 270)
    assert found.side > usual.side
    assert found.centre_x - found.side / 2 >= ends[0] - 1e-6 and found.centre_x + found.side / 2 <= ends[1] + 1e-6


def test_motion_is_said_in_the_usual_square():
    usual, square = Placement(100, 100, 80), Placement(104, 92, 100)
    found = framing(square, usual)
    assert found.usual(square) == usual and framing(usual, usual) == AS_USUAL
    motion = Motion(np.zeros(3, np.float32), np.float32([1.2]), np.float32([0.1, -0.2]), np.zeros(4, np.float32))
    seen = found.seen(motion)
    photo = [np.array([p.centre_x, p.centre_y]) + m.translation * p.side / 2 for p, m in ((usual, motion), (square, seen))]
    np.testing.assert_allclose(photo[0], photo[1], rtol=1e-5)
    assert motion.scale * usual.side == pytest.approx(seen.scale * square.side)
    assert AS_USUAL.seen(motion).vector().tolist() == motion.vector().tolist()


def test_the_example_is_cut_wider_and_its_motion_is_the_usual_squares():
    method = reenact.load("mmfa", "cpu", 1)
    photo = reenact.read_image("examples/portrait.jpg")
    portrait = method.encode_source(photo)
    assert portrait.placement is not None and 1.1 < portrait.framing.side < 1.25
    usual = portrait.framing.usual(portrait.placement)
    own = method.encode_crop(cut(photo, usual, method.size, calm=True))
    np.testing.assert_allclose(portrait.motion.vector(), own.motion.vector(), atol=1e-4)
    assert LOOKED > WIDEST


def test_a_smaller_head_leaves_no_crown_where_the_photo_has_it():
    """Above a head that is a sixth smaller is the wall; in the usual square the crown stayed."""
    method = reenact.load("mmfa", "cpu", 1)
    photo = reenact.read_image("examples/portrait.jpg")
    portrait = method.encode_source(photo)
    smaller = method.render(portrait, portrait.motion.replace(scale=portrait.motion.scale * np.float32(0.83)))
    at_rest = portrait.image.astype(int)
    column = at_rest[:, 120:136].mean((1, 2))
    crown = int((np.abs(np.diff(column)) > 12).argmax())
    assert 10 < crown < 60
    wall = at_rest[: crown - 4, 120:136].mean((0, 1))
    shown = smaller[crown + 2 : crown + 8, 120:136].mean((0, 1))
    assert np.abs(shown - wall).max() < 25, "the wall, where the crown was"


def test_a_plain_framing_changes_nothing():
    assert Framing() == AS_USUAL == Framing(1.0, 0.0, 0.0)
