"""The crop: cut and paste are inverse, nothing outside is touched, the tracker is steady and uses the detector once."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image as PILImage

from reenact.core.types import Placement
from reenact.faces import crop as crops
from reenact.faces.crop import CropTracker, cut, head_crop, paste, soft_mask
from reenact.faces.landmarker import Face, Landmarker, _tilings, around, extract


def picture(height: int, width: int) -> np.ndarray:
    """Smooth, different in every channel and direction."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin(x / 17), np.sin(y / 13), np.sin((x + 2 * y) / 23)]
    return (127 + 100 * np.stack(waves, -1)).astype(np.uint8)


def face_at(x: float, y: float, size: float) -> Face:
    """478 points whose box is size x size around x, y, with level eyes."""
    points = np.random.default_rng(0).uniform(-0.5, 0.5, (478, 3)).astype(np.float32)
    points[0, :2], points[1, :2] = -0.5, 0.5
    points[33, :2], points[263, :2] = (-0.2, 0), (0.2, 0)
    return Face(points * size + np.float32([x, y, 0]), 1.0)


class ScriptedLandmarker(Landmarker):
    """Answers from a list: one Face or None for each frame; counts detector runs."""

    def __init__(self, faces: list[Face | None]) -> None:
        self.faces, self.detected, self.frame = faces, 0, -1
        self.sought: list[float] = []
        """the side of the smallest tiles, of each search"""

    def track(self, image: np.ndarray, last: Face) -> Face | None:
        return self.faces[int(image[0, 0, 0])]

    def detect(self, image: np.ndarray, least: float = 0.0) -> list[Face]:
        self.detected += 1
        self.sought.append(least)
        face = self.faces[int(image[0, 0, 0])]
        return [face] if face else []


def follow(faces: list[Face | None]) -> tuple[list[Placement | None], ScriptedLandmarker]:
    landmarker = ScriptedLandmarker(faces)
    tracker = CropTracker(landmarker)
    found = [tracker.update(np.full((2, 2, 3), i, np.uint8)) for i in range(len(faces))]
    return [pair[0] if pair else None for pair in found], landmarker


def test_head_crop_has_the_measured_ratio_and_is_upright() -> None:
    place = head_crop(face_at(100, 120, 80))
    assert place.side == pytest.approx(crops.CROP_SCALE * 80, rel=1e-4)
    assert place.centre_x == pytest.approx(100, abs=0.01)
    assert place.centre_y == pytest.approx(120 - crops.CROP_RISE * 80, abs=0.01)
    assert place.angle == 0


def test_cut_of_whole_pixels_is_the_pixels() -> None:
    image = picture(200, 300)
    assert np.array_equal(cut(image, Placement(150, 100, 64), 64), image[68:132, 118:182])


@pytest.mark.parametrize("angle", [0.0, 0.2])
def test_cut_outside_continues_the_edge(angle: float) -> None:
    image = np.full((50, 50, 3), 90, np.uint8)
    assert np.abs(cut(image, Placement(0, 0, 80, angle), 128).astype(int) - 90).max() <= 1


@pytest.mark.parametrize("place", [Placement(150, 100, 150), Placement(149.3, 101.6, 333), Placement(20, 15, 120.5)])
def test_paste_of_cut_gives_the_photo_back(place: Placement) -> None:
    photo = picture(200, 300)
    back = paste(photo, cut(photo, place), place, soft_mask(256))
    assert np.abs(back.astype(int) - photo).mean() < 0.5
    assert np.abs(back.astype(int) - photo).max() <= 8


def test_paste_of_a_turned_cut_gives_the_photo_back() -> None:
    photo, place = picture(200, 300), Placement(150, 100, 150, 0.3)
    back = paste(photo, cut(photo, place), place, soft_mask(256))
    assert np.abs(back.astype(int) - photo).mean() < 0.5
    wrong = paste(photo, cut(photo, place), Placement(150, 100, 150, -0.3), soft_mask(256))
    assert np.abs(wrong.astype(int) - photo).mean() > 5


def test_paste_touches_only_the_square_and_not_its_arguments() -> None:
    photo = picture(200, 300)
    before = photo.copy()
    out = paste(photo, np.zeros((256, 256, 3), np.uint8), Placement(150, 100, 60), soft_mask(256))
    assert np.array_equal(photo, before)
    outside = np.ones(photo.shape[:2], bool)
    outside[70:130, 120:180] = False
    assert np.array_equal(out[outside], photo[outside])
    assert out[100, 150].max() == 0


def test_paste_wholly_outside_returns_the_photo() -> None:
    photo = picture(20, 30)
    out = paste(photo, np.zeros((256, 256, 3), np.uint8), Placement(-50, -50, 10), soft_mask(256))
    assert np.array_equal(out, photo)


def test_soft_mask_is_full_inside_nothing_at_the_border_and_symmetric() -> None:
    mask = soft_mask(256)
    assert mask.dtype == np.float32 and mask.max() == 1 and mask.min() == 0
    assert mask[60:196, 60:196].min() == 1
    assert max(mask[0].max(), mask[:, -1].max()) < 0.01
    assert np.array_equal(mask, mask.T) and np.allclose(mask, mask[::-1])
    assert np.abs(np.diff(mask, axis=0)).max() < 0.06


def test_small_movements_leave_the_crop_where_it_is() -> None:
    places, landmarker = follow([face_at(100 + 5 * np.sin(i), 100, 80 + i % 3) for i in range(40)])
    assert len(set(places)) == 1
    assert landmarker.detected == 1


def test_the_crop_follows_a_far_move_slowly_and_stays_in_reach() -> None:
    places, _ = follow([face_at(100, 100, 80)] + [face_at(128, 100, 80)] * 80)
    steps = np.diff([place.centre_x for place in places])
    assert 0 < steps.max() < 0.03 * places[0].side
    assert abs(places[-1].centre_x - 128) <= (crops.FREE_SHIFT + 0.01) * places[-1].side


def test_lost_face_is_none_and_the_detector_finds_it_again() -> None:
    face = face_at(100, 100, 80)
    places, landmarker = follow([None, face, face, None, None, face, face])
    assert [place is None for place in places] == [True, False, False, True, True, False, False]
    assert landmarker.detected == 5  # frames 0, 1, and 3 to 5
    assert places[5] == places[2]


def test_a_face_elsewhere_gets_a_new_crop_at_once() -> None:
    places, _ = follow([face_at(100, 100, 80), None, face_at(500, 100, 80)])
    assert places[2] == head_crop(face_at(500, 100, 80))


@pytest.mark.parametrize("size", [25, 45, 125, 320])
def test_a_head_at_another_size_at_once_gets_a_new_crop(size: float) -> None:
    """A cut to a close-up or a wide shot, the head at the same place; found by following, or again after a frame without."""
    for gap in ([], [None] if size > 40 else []):
        places, _ = follow([face_at(300, 300, 80)] * 3 + gap + [face_at(300, 300, size)] * 2)
        assert places[-2:] == [head_crop(face_at(300, 300, size))] * 2


@pytest.mark.parametrize("times", [2.0, 0.5])
def test_a_head_that_comes_to_the_camera_fast_is_followed_without_jumps(times: float) -> None:
    """Twice the size within half a second of 10 frames/s, then still."""
    sizes = [80.0] * 3 + [80 * times ** (i / 5) for i in range(1, 6)] + [80 * times] * 40
    places, _ = follow([face_at(300, 300, size) for size in sizes])
    steps = np.abs(np.diff(np.log([place.side for place in places if place is not None])))
    assert 0 < steps.max() < crops.FOLLOW * np.log(2)
    assert abs(np.log(places[-1].side / head_crop(face_at(300, 300, 80 * times)).side)) < crops.FREE_ZOOM + 0.02


def test_while_no_face_is_seen_small_ones_are_sought_now_and_then() -> None:
    """Each search at every scale takes the time of several frames."""
    face = face_at(100, 100, 80)
    landmarker = ScriptedLandmarker([None, None, face] + [None] * (2 * crops.SEARCH_EVERY + 1))
    tracker = CropTracker(landmarker)
    for i in range(len(landmarker.faces)):
        tracker.update(np.full((600, 900, 3), i, np.uint8))
    beginning, lost = landmarker.sought[:3], landmarker.sought[3:]
    assert beginning == [0, 600, 600], "the first frame at every scale, then by tiles of the picture's shorter side"
    assert [least for least in lost if least != crops.TILE * head_crop(face).side] == [0, 0, 0]
    assert lost[0] == lost[crops.SEARCH_EVERY] == lost[-1] == 0


def test_tiles_are_no_smaller_than_asked() -> None:
    every, large = list(_tilings(1280, 720)), list(_tilings(1280, 720, 330))
    assert large == every[: len(large)] and len(every) > len(large) == 3
    assert all(right - left >= 330 for boxes in large for left, _, right, _ in boxes)


@pytest.mark.parametrize("cut_to", [0, 200])
def test_somebody_in_the_background_is_not_followed_at_once(cut_to: int) -> None:
    """Where a head far smaller is seen in place of the one that is gone; at once where it is another shot."""
    small, shades = face_at(500, 100, 30), [0, 0] + [cut_to] * 30

    class Left(ScriptedLandmarker):
        def track(self, image: np.ndarray, last: Face) -> Face | None:
            return None if last is not small else small

        def detect(self, image: np.ndarray, least: float = 0.0) -> list[Face]:
            self.detected += 1
            return [face_at(100, 100, 80)] if self.detected == 1 else [small]

    tracker = CropTracker(Left([]))
    found = [tracker.update(np.full((20, 20, 3), shade, np.uint8)) for shade in shades]
    first = next(i for i, pair in enumerate(found[1:], 1) if pair is not None)
    assert first == (2 if cut_to else 1 + crops.SEARCH_EVERY)
    assert found[-1] == (head_crop(small), small)


def test_a_square_is_the_same_from_the_part_around_it() -> None:
    random = np.random.default_rng(0)
    image = random.integers(0, 256, (120, 160, 3), np.uint8)
    for side in (6, 30, 80, 150, 300):
        for x, y, angle in random.uniform((-40, -40, -3), (200, 160, 3), (20, 3)):
            place = Placement(x, y, side * random.uniform(0.9, 1.1), angle)
            part, left, top = around(image, place)
            shown = Placement(x - left, y - top, place.side, angle)
            whole = np.asarray(extract(PILImage.fromarray(image), place, 32))
            assert np.array_equal(np.asarray(extract(part, shown, 32)), whole)
    assert around(image, Placement(60, 60, 20))[0].size == (35, 35)


def test_face_index_beyond_the_faces_is_none() -> None:
    landmarker = ScriptedLandmarker([face_at(100, 100, 80)])
    assert CropTracker(landmarker, face_index=1).update(np.zeros((2, 2, 3), np.uint8)) is None


def test_heads_beside_the_followed_one_are_counted() -> None:
    class Several(ScriptedLandmarker):
        def detect(self, image: np.ndarray, least: float = 0.0) -> list[Face]:
            return [face_at(60, 60, 80), face_at(160, 60, 50), face_at(20, 20, 30)]

    tracker = CropTracker(Several([face_at(60, 60, 80)] * 2))
    assert tracker.beside == 0
    tracker.update(np.zeros((200, 200, 3), np.uint8))
    assert tracker.beside == 1, "the third is in the background"


def test_a_fast_head_never_leaves_the_crop() -> None:
    faces: list[Face | None] = [face_at(100 + 30 * i, 120, 80) for i in range(12)]
    found, _ = follow(faces)
    for face, crop in zip(faces, found, strict=True):
        assert face is not None and crop is not None
        left, _, right, _ = face.box
        assert crop.centre_x - crop.side / 2 < left and right < crop.centre_x + crop.side / 2
