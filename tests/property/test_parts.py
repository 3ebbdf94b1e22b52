"""Laws of parts: pose, scale, place, expression, eyes and mouth, each from whom it was asked of."""

import numpy as np
import pytest
from hypothesis import given

from motions import STILL, motions, small_map
from reenact.core.errors import ReenactError
from reenact.geometry.rotation import rotation_matrix
from reenact.motion.compose import ALL_DRIVEN, Parts, compose, locked, parse_parts
from reenact.motion.transfer import transfer


def same(a, b):
    np.testing.assert_allclose(rotation_matrix(a.head_pose), rotation_matrix(b.head_pose), atol=1e-5)
    np.testing.assert_allclose(a.vector()[3:], b.vector()[3:], atol=1e-5)


@given(motions(), motions())
def test_all_from_one_is_that_one(source, moved):
    same(compose(source, moved), moved)
    same(compose(source, moved, parse_parts("pose=source,scale=source,translation=source,expression=source")), source)
    same(compose(source, moved, ALL_DRIVEN, strength=0), source)
    same(compose(source, moved, parse_parts("eyes=driver,mouth=driver"), 1.0, small_map()), moved)


@given(motions(), motions())
def test_a_part_from_the_source_leaves_the_others(source, moved):
    made = compose(source, moved, parse_parts("scale=source"))
    np.testing.assert_allclose(made.scale, source.scale, rtol=1e-6)
    same(made.replace(scale=moved.scale), moved)
    same(compose(source, moved, locked(ALL_DRIVEN, ["scale"])), made)


@given(motions(), motions())
def test_only_the_mouth_moves_the_mouth(source, moved):
    made = compose(source, moved, parse_parts("expression=source,mouth=driver"), 1.0, small_map())
    np.testing.assert_allclose(made.expression[0], moved.expression[0], atol=1e-5)  # jawOpen
    np.testing.assert_allclose(made.expression[1:], source.expression[1:], atol=1e-5)
    kept = compose(source, moved, parse_parts("eyes=source"), 1.0, small_map())
    np.testing.assert_allclose(kept.expression[1], source.expression[1], atol=1e-5)  # both blinks
    np.testing.assert_allclose(kept.expression[[0, 2, 3]], moved.expression[[0, 2, 3]], atol=1e-5)


def test_constants_and_factors():
    moved = STILL.replace(head_pose=np.float32([0.4, 0, 0]), scale=np.float32([1.21]), expression=np.float32([1, 1, 1, 1]))
    made = compose(STILL, moved, parse_parts("pose=10/0/-20, scale=1.1, translation=0/0.2, expression=driver*0.5"))
    np.testing.assert_allclose(np.degrees(made.head_pose), [10, 0, -20], atol=1e-4)
    np.testing.assert_allclose(made.vector()[3:], [1.1, 0, 0.2, 0.5, 0.5, 0.5, 0.5], atol=1e-6)
    half = compose(STILL, moved, ALL_DRIVEN, strength=0.5)
    np.testing.assert_allclose([half.head_pose[0], half.scale[0]], [0.2, 1.1], atol=1e-6)


def test_a_named_expression_replaces_the_own_one():
    own = STILL.replace(expression=np.float32([0.9, 0, 0, 5]))
    made = compose(own, own, parse_parts("expression=blink"), 1.0, small_map())
    np.testing.assert_allclose(made.expression, [0, 1, 0, 5], atol=1e-5)  # the jaw closes; what is no blendshape's stays


def test_eyes_without_a_map_say_so():
    with pytest.raises(ReenactError, match="expression map"):
        compose(STILL, STILL, parse_parts("eyes=source"))


@pytest.mark.parametrize(
    "text",
    [
        "pose",
        "nose=driver",
        "pose=driver,pose=source",
        "pose=1/2",
        "scale=big",
        "scale=99",
        "expression=0.3",
        "mouth=driver*9",
        "pose=nan/0/0",
    ],
)
def test_bad_parts_are_one_line(text):
    with pytest.raises(ReenactError) as caught:
        parse_parts(text)
    assert "\n" not in str(caught.value) and text.split("=")[0] in str(caught.value) or "expression" in str(caught.value)


def test_bad_lock_and_strength():
    with pytest.raises(ReenactError, match="scale"):
        locked(ALL_DRIVEN, ["size"])
    with pytest.raises(ReenactError, match="strength"):
        compose(STILL, STILL, Parts(), 7.0)


@given(motions(), motions(), motions())
def test_transfer_takes_parts(source, driving, reference):
    made = transfer(source, driving, reference, "relative", parse_parts("pose=source"))
    np.testing.assert_allclose(rotation_matrix(made.head_pose), rotation_matrix(source.head_pose), atol=1e-5)
    np.testing.assert_allclose(made.vector()[3:], transfer(source, driving, reference, "relative").vector()[3:], atol=1e-5)
