"""Known values and failing cases: action units, gaze, correlations, steadiness, FID and KID, control."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact.evaluate import control, distribution, expression, steadiness
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.faces.pose import canonical_face


def shapes(**values: float) -> np.ndarray:
    out = np.zeros(52)
    for name, value in values.items():
        out[BLENDSHAPE_NAMES.index(name)] = value
    return out


def test_action_units_of_a_smile():
    smile = shapes(mouthSmileLeft=0.9, mouthSmileRight=0.3, jawOpen=0.6)
    on = dict(zip(expression.ACTION_UNITS, expression.action_units(smile), strict=True))
    assert {unit for unit, value in on.items() if value} == {12, 26}
    other = shapes(mouthSmileLeft=1.0, mouthSmileRight=1.0, browInnerUp=0.7)
    assert expression.au_agreement(smile, other) == pytest.approx(18 / 20)
    assert expression.au_overlap(smile, other) == pytest.approx(1 / 3)
    assert expression.au_overlap(shapes(), shapes()) is None
    with pytest.raises(ValueError, match="52"):
        expression.au_agreement(smile[:51], other)


def head(iris_shift: tuple[float, float] = (0, 0)) -> np.ndarray:
    points = np.concatenate([canonical_face().points, np.zeros((10, 3))])
    for outer, inner, _, _, iris in expression._EYES:
        width = np.linalg.norm(points[outer, :2] - points[inner, :2])
        points[iris, :2] = (points[outer, :2] + points[inner, :2]) / 2 + np.array(iris_shift) * width * expression.EYEBALL_RADIUS
    return points


def test_gaze_in_degrees():
    np.testing.assert_allclose(expression.gaze(head()), 0, atol=1e-6)
    np.testing.assert_allclose(expression.gaze(head((0.5, 0))), [[30, 0], [30, 0]], atol=1e-6)
    np.testing.assert_allclose(expression.gaze(head((0, -0.5))), [[0, 30], [0, 30]], atol=1e-6)  # y is down
    assert expression.gaze_error(head((0.5, 0)), head()) == pytest.approx(30)
    with pytest.raises(ValueError, match="478"):
        expression.gaze(head()[:468])


def test_blink_and_mouth():
    assert expression.blink(shapes(eyeBlinkLeft=1.0)) == pytest.approx(0.5)
    assert expression.eyes_open(shapes(eyeBlinkLeft=0.4)) and not expression.eyes_open(shapes(eyeBlinkRight=0.6))
    points = np.zeros((478, 3))
    points[152] = [0, 100, 0]
    points[14] = [0, 10, 0]
    assert expression.mouth_opening(points) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="mouth"):
        expression.mouth_opening(np.zeros((478, 3)))


def test_correlation():
    rise = [0.0, 0.1, 0.2, 0.3, 0.4]
    assert expression.correlation([2 * value + 1 for value in rise], rise) == pytest.approx(1.0)
    assert expression.correlation(rise[::-1], rise) == pytest.approx(-1.0)
    assert expression.correlation([0.5] * 5, rise) == 0.0, "a still face has missed the motion"
    assert expression.correlation(rise, [0.5] * 5) is None, "a driver that does not move says nothing"
    assert expression.correlation(rise[:3], rise[:3]) is None
    with pytest.raises(ValueError, match="one length"):
        expression.correlation(rise, rise[:4])


def test_acceleration_of_even_motion_is_nothing():
    points = np.random.default_rng(0).random((478, 2)) * 256
    assert steadiness.acceleration(points, points + 3, points + 6) == pytest.approx(0)
    assert steadiness.acceleration(points, points + [3, 4], points) == pytest.approx(10)
    assert steadiness.acceleration(points, points + [3, 4], points, side=512) == pytest.approx(5)
    with pytest.raises(ValueError, match="468"):
        steadiness.acceleration(points[:68], points, points)


def test_background_and_seam():
    mesh = np.random.default_rng(0).random((468, 2)) * 16 + [24, 30]
    mask = steadiness.background_mask(64, mesh)
    assert mask[0, 0] and not mask[35, 32] and not mask[60].any(), "corner yes; head and shoulders no"
    source, changed = np.zeros((64, 64, 3), np.float32), np.zeros((64, 64, 3), np.float32)
    changed[~mask] = 1
    assert steadiness.background_change(changed, source, mask) == 0
    assert steadiness.background_change(source + 0.25, source, mask) == pytest.approx(0.25)
    assert steadiness.background_change(source, source, np.zeros((64, 64), bool)) is None
    inner = source.copy()
    inner[2:-2, 2:-2] = 1
    assert steadiness.seam_change(inner, source) == 0
    assert steadiness.seam_change(source + 0.5, source) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="one shape"):
        steadiness.background_change(source, source[:32], mask)
    with pytest.raises(ValueError, match="one shape"):
        steadiness.seam_change(source, source[:32])


def test_fid_of_gaussians_as_the_formula_has_it():
    random = np.random.default_rng(0)
    a, b = random.normal(0, 1, (40, 6)), random.normal(0.5, 2, (30, 6))
    from scipy.linalg import sqrtm

    one, two = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    expected = ((a.mean(0) - b.mean(0)) ** 2).sum() + np.trace(one + two - 2 * sqrtm(one @ two).real)
    assert distribution.fid(a, b) == pytest.approx(expected, rel=1e-6)
    assert distribution.fid(a, a) == pytest.approx(0, abs=1e-9)
    assert distribution.fid(a, a + 3) == pytest.approx(6 * 9)
    with pytest.raises(ValueError, match="2 pictures"):
        distribution.fid(a[:1], b)
    with pytest.raises(ValueError, match="one width"):
        distribution.fid(a[:, :3], b)


@settings(max_examples=20)
@given(st.integers(2, 12), st.integers(2, 12), st.integers(0, 99))
def test_fid_is_symmetric_and_not_negative_with_few_pictures(n, m, seed):
    random = np.random.default_rng(seed)
    a, b = random.normal(size=(n, 8)), random.normal(size=(m, 8))
    assert distribution.fid(a, b) == pytest.approx(distribution.fid(b, a), abs=1e-9)
    assert distribution.fid(a, b) >= 0


def test_kid():
    random = np.random.default_rng(0)
    a, b = random.normal(size=(400, 4)), random.normal(size=(400, 4))
    assert abs(distribution.kid(a, b)) < 0.1 < distribution.kid(a, b + 1)
    # one dimension, two points: kernels by hand
    x, y = np.array([[0.0], [1.0]]), np.array([[0.0], [2.0]])
    assert distribution.kid(x, y) == pytest.approx(1 + 1 - 2 * (1 + 1 + 1 + 27) / 4)
    with pytest.raises(ValueError, match="2 pictures"):
        distribution.kid(x[:1], y)


def test_arrival_is_the_projection():
    asked = np.array([1.0, 0.0, 2.0])
    assert control.arrival(asked * 0.5 + [0, 3, 0], asked) == pytest.approx(0.5)
    assert control.arrival(asked, np.zeros(3)) is None


def test_leakage_leaves_the_asked_axis_out():
    moved = np.array([np.radians(30), np.radians(4), 0, 0.1, 0, np.log(1.1)])
    leak = control.leakage(moved, "yaw")
    assert leak["leak_degrees"] == pytest.approx(2) and leak["leak_shift"] == pytest.approx(2.5)
    assert leak["leak_scale"] == pytest.approx(10)
    assert control.leakage(moved, "pitch")["leak_degrees"] == pytest.approx(15)
    assert "leak_scale" not in control.leakage(moved, "scale")
