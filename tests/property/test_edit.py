"""Laws of `edit` and `interpolate`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from motions import STILL, motions
from reenact.core.errors import ReenactError
from reenact.geometry.rotation import partial_turn, rotation_matrix
from reenact.motion.edit import eased, edit, interpolate, there_and_back

angles = st.floats(-1.5, 1.5)


@given(motions())
def test_no_edit_changes_nothing(motion):
    for mode in ("relative", "absolute"):
        np.testing.assert_array_equal(edit(motion, mode=mode).vector(), motion.vector())


@given(motions())
def test_relative_adds_and_absolute_replaces(motion):
    code = np.float32([1, 2, 3, 4])
    asked = {"yaw": 0.1, "roll": -0.2, "scale": 1.5, "shift": (0.1, -0.1), "expression": code}
    added = edit(motion, **asked)
    np.testing.assert_allclose(added.head_pose, motion.head_pose + np.float32([0.1, 0, -0.2]), atol=1e-6)
    np.testing.assert_allclose(added.scale, motion.scale * 1.5, rtol=1e-6)
    np.testing.assert_allclose(added.translation, motion.translation + np.float32([0.1, -0.1]), atol=1e-6)
    np.testing.assert_allclose(added.expression, motion.expression + code, atol=1e-6)
    replaced = edit(motion, **asked, mode="absolute")
    np.testing.assert_allclose(replaced.vector(), [0.1, motion.head_pose[1], -0.2, 1.5, 0.1, -0.1, *code], atol=1e-6)


def test_strength_goes_a_part_of_the_way():
    code = np.float32([2, 0, 0, 0])
    own = STILL.replace(expression=np.float32([1, 0, 0, 0]))
    assert edit(own, expression=code, strength=0.5).expression[0] == 2
    assert edit(own, expression=code, strength=0.5, mode="absolute").expression[0] == 1.5


@pytest.mark.parametrize(
    "asked", [{"yaw": 1.6}, {"scale": 9.0}, {"scale": 0.0}, {"pitch": float("nan")}, {"shift": (0, float("inf"))}]
)
def test_out_of_bounds_is_one_line(asked):
    with pytest.raises(ReenactError) as caught:
        edit(STILL, **asked)
    assert "\n" not in str(caught.value)


@given(motions(), motions(), st.sampled_from(["lerp", "slerp"]))
def test_interpolation_begins_and_ends_where_asked(start, end, path):
    for share, wanted in ((0, start), (1, end)):
        made = interpolate(start, end, share, path)
        np.testing.assert_allclose(rotation_matrix(made.head_pose), rotation_matrix(wanted.head_pose), atol=1e-5)
        np.testing.assert_allclose(made.vector()[3:], wanted.vector()[3:], atol=1e-5)


@given(motions(), motions(), st.floats(0, 1), st.sampled_from(["lerp", "slerp"]))
def test_the_way_back_is_the_way(start, end, share, path):
    there, back = interpolate(start, end, share, path), interpolate(end, start, 1 - share, path)
    np.testing.assert_allclose(rotation_matrix(there.head_pose), rotation_matrix(back.head_pose), atol=1e-4)
    np.testing.assert_allclose(there.vector()[3:], back.vector()[3:], atol=1e-4)


@given(motions(), motions())
def test_equal_shares_turn_by_equal_angles(start, end):
    poses = [rotation_matrix(interpolate(start, end, share).head_pose) for share in (0, 0.25, 0.5, 0.75, 1)]
    steps = [np.arccos(np.clip((np.trace(b @ a.T) - 1) / 2, -1, 1)) for a, b in zip(poses, poses[1:], strict=False)]
    np.testing.assert_allclose(steps, np.mean(steps), atol=2e-3)


def test_slerp_keeps_the_length_and_the_angle_even():
    start = STILL.replace(expression=np.float32([2, 0, 0, 0]))
    end = STILL.replace(expression=np.float32([0, 2, 0, 0]))
    codes = np.array([interpolate(start, end, share, "slerp").expression for share in np.linspace(0, 1, 5)])
    np.testing.assert_allclose(np.linalg.norm(codes, axis=1), 2, atol=1e-5)
    np.testing.assert_allclose(np.degrees(np.arctan2(codes[:, 1], codes[:, 0])), [0, 22.5, 45, 67.5, 90], atol=1e-3)
    assert np.linalg.norm(interpolate(start, end, 0.5, "lerp").expression) < 1.5


def test_slerp_of_opposite_or_zero_codes_is_a_line():
    start, end = (STILL.replace(expression=np.float32([x, 0, 0, 0])) for x in (1, -1))
    np.testing.assert_allclose(interpolate(start, end, 0.5, "slerp").expression, 0, atol=1e-6)
    np.testing.assert_allclose(interpolate(STILL, end, 0.5, "slerp").expression, [-0.5, 0, 0, 0], atol=1e-6)


@given(angles, angles, angles, st.floats(-1, 2))
def test_a_partial_turn_is_a_rotation_and_adds_up(yaw, pitch, roll, share):
    turn = rotation_matrix(np.array([yaw, pitch, roll]))
    part, rest = partial_turn(turn, share), partial_turn(turn, 1 - share)
    np.testing.assert_allclose(part @ part.T, np.eye(3), atol=1e-9)
    np.testing.assert_allclose(part @ rest, turn, atol=1e-6)


def test_a_half_turn_can_be_parted():
    for axis in range(3):
        turn = -np.eye(3)
        turn[axis, axis] = 1
        np.testing.assert_allclose(partial_turn(turn, 0.5) @ partial_turn(turn, 0.5), turn, atol=1e-9)


def test_eased_time_and_the_way_back():
    assert [eased(t) for t in (0, 0.5, 1)] == [0, 0.5, 1]
    assert eased(0.1) < 0.1 < 0.9 < eased(0.9)
    assert eased(0.1, "linear") == 0.1
    shares = there_and_back(10, "linear")
    np.testing.assert_allclose(shares, [0, 0.2, 0.4, 0.6, 0.8, 1, 0.8, 0.6, 0.4, 0.2])
    with pytest.raises(ReenactError, match="smooth"):
        eased(0.5, "bouncy")
    with pytest.raises(ReenactError, match="slerp"):
        interpolate(STILL, STILL, 0.5, "spline")
