"""The temporal filter does what it states: less jitter when still, no more delay than said when moving."""

from fractions import Fraction

import numpy as np
import pytest

from motions import STILL
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.motion.smooth import MotionFilter, both_ways, delay_ms

RATES = (Fraction(25), Fraction(30000, 1001), Fraction(60))
NOISE = np.float32([0.0025, 0.0025, 0.0025, 0.002, 0.0015, 0.0015, 0.03, 0.03, 0.03, 0.03])
"""what the shipped encoder makes of a still photo under sensor noise (code in units of its spread)"""


def run(rows: np.ndarray, rate: Fraction, strength: float = 1.0) -> np.ndarray:
    smooth = MotionFilter(rate, strength)
    return np.array([smooth.step(Motion.from_vector(row)).vector() for row in rows])


@pytest.mark.parametrize("rate", RATES)
def test_a_still_head_jitters_at_most_six_tenths_as_much(rate):
    noise = np.random.default_rng(1).normal(size=(600, 10)) * NOISE
    rows = (STILL.vector() + noise).astype(np.float32)
    left = run(rows, rate)[50:].std(0) / rows[50:].std(0)
    assert (left < 0.6).all(), left
    assert (run(rows, rate, 2.0)[50:].std(0) / rows[50:].std(0) < 0.45).all()


def from_both(rows: np.ndarray, rate: Fraction, reach: int = 5) -> np.ndarray:
    motions = [Motion.from_vector(row) for row in rows]
    return np.array([motion.vector() for motion in both_ways(motions, lambda: MotionFilter(rate), reach) if motion is not None])


def test_from_both_sides_a_still_head_is_as_steady():
    noise = np.random.default_rng(1).normal(size=(300, 10)) * NOISE
    rows = (STILL.vector() + noise).astype(np.float32)
    left = from_both(rows, Fraction(25))[50:].std(0) / rows[50:].std(0)
    assert (left < 0.6).all(), left


def test_from_both_sides_a_ramp_is_not_late():
    rows = np.repeat(STILL.vector()[None], 80, 0)
    rows[:, 6:] = (np.arange(80) / 25)[:, None]
    once, both = run(rows, Fraction(25)), from_both(rows, Fraction(25))
    assert len(both) == 80
    late = rows[20:60, 6] - once[20:60, 6]
    assert np.abs(rows[20:60, 6] - both[20:60, 6]).max() < 0.25 * late.min()


def test_from_both_sides_frames_without_a_face_stay_in_place():
    rows = np.repeat(STILL.vector()[None], 12, 0)
    motions = [None if i in (0, 5, 11) else Motion.from_vector(row) for i, row in enumerate(rows)]
    asked = []

    def coming():
        for motion in motions:
            asked.append(motion)
            yield motion

    made = both_ways(coming(), lambda: MotionFilter(25), 3)
    assert next(made) is None and len(asked) == 4, "no more is read than is looked ahead"
    rest = list(made)
    assert [i + 1 for i, motion in enumerate(rest) if motion is None] == [5, 11] and len(rest) == 11
    np.testing.assert_allclose(rest[0].vector(), rows[0], atol=1e-5)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("speed", [0.1, 1.0, 5.0])
def test_a_ramp_is_late_by_no_more_than_stated(rate, speed):
    """speed: in unit speeds of each group (smooth.py: UNIT_SPEED)."""
    seconds = np.arange(80) / float(rate)
    rows = np.repeat(STILL.vector()[None], len(seconds), 0)
    rows[:, 0] = 0.25 * speed * seconds / 2
    rows[:, 4] = 0.15 * speed * seconds / 8
    rows[:, 6:] = (1.0 * speed * seconds)[:, None]
    made = run(rows, rate)
    for column, slope in ((0, 0.125 * speed), (4, 0.15 * speed / 8), (6, speed)):
        late = 1000 * (rows[40:, column] - made[40:, column]) / slope
        assert (late <= delay_ms() * 1.02).all() and (late > -1).all()
    late = 1000 * (rows[-1, 6] - made[-1, 6]) / speed
    assert late == pytest.approx(delay_ms() / (1 + speed), rel=0.1)


def test_a_blink_still_closes():
    rows = np.repeat(STILL.vector()[None], 40, 0)
    rows[20:24, 6:8] = [[2, 2], [4, 4], [4, 4], [2, 2]]  # a tenth of a second shut, in units of the code's spread
    assert run(rows, Fraction(25))[:, 6].max() > 0.85 * 4


def test_off_is_exact_and_the_first_frame_too():
    rows = np.random.default_rng(2).normal(size=(5, 10)).astype(np.float32)
    rows[:, 3] = 1.2
    np.testing.assert_array_equal(run(rows, Fraction(25), 0.0), rows)
    np.testing.assert_allclose(run(rows, Fraction(25))[0], rows[0], rtol=1e-6)


def test_a_gap_counts_as_time():
    after = STILL.replace(head_pose=np.float32([0.3, 0, 0]))
    angles = []
    for seconds in (None, 1):
        smooth = MotionFilter(25)
        smooth.step(STILL)
        angles.append(float(smooth.step(after, seconds).head_pose[0]))
    assert angles[0] < angles[1] and angles[1] > 0.9 * 0.3


@pytest.mark.parametrize("rate", [Fraction(30000, 1001), Fraction(24), Fraction(25), Fraction(60)])
def test_a_constant_rate_gives_the_same_bytes_with_and_without_times(rate):
    rows = np.random.default_rng(3).normal(size=(60, 10)).astype(np.float32)
    rows[:, 3] = np.exp(0.1 * rows[:, 3])
    timed = MotionFilter(rate)
    made = np.array([timed.step(Motion.from_vector(row), 1 / rate).vector() for row in rows])
    assert made.tobytes() == run(rows, rate).tobytes()


def test_seconds_decide_and_not_the_number_of_frames():
    """A slow turn read 10 or 100 times a second comes out alike."""
    ends = []
    for rate in (10, 100):
        smooth = MotionFilter(25)
        turn = [STILL.replace(head_pose=np.float32([0.1 * i / rate, 0, 0])) for i in range(3 * rate + 1)]
        ends.append([float(smooth.step(motion, Fraction(1, rate)).head_pose[0]) for motion in turn][-1])
    assert ends[0] == pytest.approx(ends[1], abs=0.1 * delay_ms() / 1000 / 5)


def test_time_runs_forwards():
    smooth = MotionFilter(25)
    smooth.step(STILL)
    for seconds in (0, -0.1, float("nan"), float("inf")):
        with pytest.raises(ValueError, match="time"):
            smooth.step(STILL, seconds)


def test_strength_may_be_exchanged_and_a_pause_leaves_no_trace():
    after = STILL.replace(head_pose=np.float32([0.3, 0, 0]))
    smooth = MotionFilter(25)
    smooth.step(STILL)
    smooth.strength = 0
    smooth.step(after)
    smooth.strength = 2
    np.testing.assert_allclose(smooth.step(after).vector(), after.vector(), rtol=1e-6)
    assert 0 < float(smooth.step(STILL).head_pose[0]) < 0.3


@pytest.mark.parametrize("strength", [-1.0, 99.0, float("nan")])
def test_a_bad_strength_is_one_line(strength):
    with pytest.raises(ReenactError, match="`smooth`"):
        MotionFilter(25, strength)
