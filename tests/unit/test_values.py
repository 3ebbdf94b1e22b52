"""Motions, portraits and takes as Python values: compared, copied, pickled, printed."""

from __future__ import annotations

import copy
import pickle
from dataclasses import replace
from fractions import Fraction

import numpy as np

from motions import STILL, talking
from reenact.core.types import Portrait
from reenact.motion.takes import Take

GAZE = np.float32([[0.1, 0], [0.1, 0]])


def portrait() -> Portrait:
    picture = np.zeros((256, 256, 3), np.uint8)
    return Portrait("mmfa", {"features": np.zeros((1, 64, 64), np.float32)}, STILL, picture, photo=picture.repeat(2, 1))


def take() -> Take:
    motions = [*(motion.replace(gaze=GAZE) for motion in talking(3)), None]
    return Take.of("mmfa", "", Fraction(25), tuple(Fraction(i, 25) for i in range(4)), motions)


def test_motions_are_equal_by_their_numbers() -> None:
    for made in (copy.copy(STILL), copy.deepcopy(STILL), pickle.loads(pickle.dumps(STILL)), STILL.replace()):
        assert made == STILL
    assert STILL.replace(gaze=GAZE) == STILL.replace(gaze=GAZE.copy())
    others = [STILL.replace(gaze=GAZE), STILL.replace(scale=np.float32([1.1])), STILL.replace(expression=np.zeros(5, np.float32))]
    assert all(other != STILL for other in others) and STILL not in others and others.index(others[2]) == 2
    assert STILL != 1 and STILL is not None


def test_takes_are_equal_by_what_they_hold() -> None:
    assert take() == copy.deepcopy(take()) and take() != replace(take(), weights="other")
    unknown = replace(take(), gazes=np.full((4, 2, 2), np.nan, np.float32))
    assert unknown == copy.deepcopy(unknown) != take()


def test_a_portrait_is_itself_alone_and_may_be_a_key() -> None:
    one, other = portrait(), portrait()
    assert one == one and one != other and {one: 1, other: 2}[other] == 2
    assert np.array_equal(pickle.loads(pickle.dumps(one)).photo, one.photo)


def test_each_is_said_in_a_line() -> None:
    for value in (STILL, STILL.replace(expression=np.ones(64, np.float32), gaze=GAZE), portrait(), take()):
        assert "\n" not in repr(value) and len(repr(value)) < 200
    assert "head_pose=[0.0, 0.0, 0.0]" in repr(STILL) and "gaze=None" in repr(STILL)
    assert "512x256" in repr(portrait()) and "1 without a face" in repr(take())


def test_a_notebook_shows_the_portrait() -> None:
    assert portrait()._repr_png_().startswith(b"\x89PNG")
