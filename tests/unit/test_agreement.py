"""A motion is believed where it is of the head that the landmarker follows."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from reenact.core.types import Motion, Placement
from reenact.faces.agreement import APART, Agreement, HeadPlace, place_in
from reenact.faces.landmarker import Face
from reenact.faces.points import MESH_POINTS
from reenact.faces.pose import canonical_face
from reenact.pipeline.heads import Head, read

PLACE = HeadPlace(0.6, 0.05, -0.02)
TAUGHT = {"mesh_keypoints": len(MESH_POINTS)}


def motion(scale: float = 0.6, x: float = 0.05, y: float = -0.02) -> Motion:
    zeros = np.zeros(3, np.float32)
    return Motion(zeros, np.array([scale], np.float32), np.array([x, y], np.float32), np.zeros(4, np.float32))


def test_where_a_face_lies_in_the_crop() -> None:
    points = canonical_face().points * 150 + np.array([320, 200, 0])
    face = Face(np.concatenate([points, np.zeros((10, 3))]).astype(np.float32), 1.0)
    place = place_in(face, Placement(300, 220, 400))
    assert place == pytest.approx((0.75, 0.1, -0.1), abs=1e-4)


@pytest.mark.parametrize("other", [motion(scale=0.3), motion(scale=1.2), motion(x=0.5), motion(y=-0.4)])
def test_another_size_or_place_is_another_head(other: Motion) -> None:
    agreement = Agreement(TAUGHT)
    assert agreement.believes(motion(), PLACE)
    assert not agreement.believes(other, PLACE)
    assert agreement.believes(motion(0.6 * float(np.exp(APART * 0.9)), 0.05 + APART * 0.9), PLACE)
    assert agreement.believes(other, None)


def test_a_method_with_sizes_of_its_own_is_believed() -> None:
    agreement = Agreement(TAUGHT)
    assert agreement.believes(motion(scale=5), PLACE)
    assert agreement.believes(motion(scale=2), PLACE)
    by_chance = Agreement({"mesh_keypoints": 20})
    assert by_chance.believes(motion(), PLACE)
    assert by_chance.believes(motion(scale=2), PLACE)


def test_the_last_motion_is_held_where_the_two_disagree() -> None:
    scales = [0.6, 0.3, 0.6]
    method: Any = SimpleNamespace(config=TAUGHT, encode_motion=lambda crop: motion(scales[int(crop[0, 0, 0])]))
    seen = [(Fraction(i), Head(np.full((2, 2, 3), i, np.uint8), None, PLACE)) for i in range(3)]
    assert [moved is None for _, moved in read(method, seen)] == [False, True, False]
