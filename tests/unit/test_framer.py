"""What a live picture shows of a tight photo: only what the photo has."""

from __future__ import annotations

import numpy as np

import reenact
from reenact.core.types import Motion, Placement, Portrait
from reenact.faces.crop import cut
from reenact.pipeline.portrait import framer

CROP = np.zeros((64, 64, 3), np.uint8)
CROP[..., 0] = np.arange(64) * 4
CROP[..., 1] = np.arange(64)[:, None] * 4


def portrait(width: int, height: int, place: Placement) -> Portrait:
    motion = Motion(np.zeros(3, np.float32), np.ones(1, np.float32), np.zeros(2, np.float32), np.zeros(4, np.float32))
    return Portrait("mmfa", {}, motion, CROP, place, np.zeros((height, width, 3), np.uint8))


def test_a_photo_with_room_around_the_head_is_shown_as_it_is():
    assert framer(portrait(400, 400, Placement(200, 200, 200)))(CROP) is CROP


def test_of_a_tight_photo_the_square_inside_it_is_shown():
    """The crop reaches 100 px beyond a photo of 400 px on each side but below, where it ends with it."""
    shown = framer(portrait(400, 400, Placement(200, 100, 600)))(CROP).astype(int)
    assert shown.shape == CROP.shape
    left, right = 64 * 100 / 600, 64 * 500 / 600
    top, bottom = 64 * 200 / 600, 64 * 600 / 600
    assert abs(shown[32, 0, 0] - 4 * left) < 6 and abs(shown[32, -1, 0] - 4 * (right - 1)) < 6
    assert abs(shown[0, 32, 1] - 4 * top) < 6 and abs(shown[-1, 32, 1] - 4 * (bottom - 1)) < 6


def test_a_high_photo_loses_more_below_than_above():
    shown = framer(portrait(400, 500, Placement(200, 250, 600)))(CROP).astype(int)
    assert abs(shown[0, 32, 1] - 4 * 64 * (50 + 20) / 600) < 6


def test_the_example_cut_through_the_hair_shows_the_photo_alone():
    method = reenact.load("mmfa", "cpu", 1)
    photo = np.ascontiguousarray(reenact.read_image("examples/portrait.jpg")[74:300, 110:340])
    tight = method.encode_source(photo)
    place = tight.placement
    assert place is not None and place.centre_y < place.side / 2 - 10
    left, bottom = max(0.0, place.centre_x - place.side / 2), min(226.0, place.centre_y + place.side / 2)
    right = min(230.0, place.centre_x + place.side / 2)
    side = min(right - left, bottom)
    x, y = left + (right - left - side) / 2, 0.2 * (bottom - side)
    expected = cut(photo, Placement(x + side / 2, y + side / 2, side), 256)
    assert np.abs(framer(tight)(tight.image).astype(int) - expected).mean() < 4
    assert np.abs(tight.image.astype(int) - expected).mean() > 12
