"""Laws of `transfer`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.geometry.rotation import rotation_matrix
from reenact.motion.transfer import transfer

small = st.floats(-0.6875, 0.6875, width=32)


@st.composite
def motions(draw) -> Motion:
    row = [draw(small) for _ in range(10)]
    row[3] = draw(st.floats(0.5, 2.0, width=32))
    return Motion.from_vector(np.array(row, np.float32))


@given(motions(), motions())
def test_a_driver_at_the_reference_leaves_the_portrait_as_it_is(source, driving):
    moved = transfer(source, driving, driving, "relative")
    np.testing.assert_allclose(moved.vector(), source.vector(), atol=1e-5)


@given(motions(), motions(), motions())
def test_a_source_at_the_reference_takes_on_the_drivers_motion(source, driving, reference):
    moved = transfer(reference, driving, reference, "relative")
    np.testing.assert_allclose(rotation_matrix(moved.head_pose), rotation_matrix(driving.head_pose), atol=1e-5)
    np.testing.assert_allclose(moved.vector()[3:], driving.vector()[3:], atol=1e-5)


@given(motions(), motions(), motions())
def test_relative_turns_by_the_drivers_turn(source, driving, reference):
    moved = rotation_matrix(transfer(source, driving, reference, "relative").head_pose)
    turn = rotation_matrix(driving.head_pose) @ rotation_matrix(reference.head_pose).T
    np.testing.assert_allclose(moved, turn @ rotation_matrix(source.head_pose), atol=1e-4)


def test_a_turn_to_the_right_turns_a_frontal_portrait_right_by_as_much():
    still = Motion.from_vector(np.float32([0, 0, 0, 1, 0, 0, 0]))
    right = still.replace(head_pose=np.float32([0.3, 0, 0]))
    np.testing.assert_allclose(transfer(still, right, still, "relative").head_pose, [0.3, 0, 0], atol=1e-6)


@given(motions(), motions())
def test_absolute_is_the_driver(source, driving):
    np.testing.assert_array_equal(transfer(source, driving, None, "absolute").vector(), driving.vector())


def test_unknown_mode_and_missing_reference():
    still = Motion.from_vector(np.float32([0, 0, 0, 1, 0, 0, 0]))
    with pytest.raises(ReenactError, match="relative, absolute"):
        transfer(still, still, still, "both")
    with pytest.raises(ReenactError, match="reference"):
        transfer(still, still, None, "relative")
