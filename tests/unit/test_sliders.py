"""Sliders ask for as much as the generator needs to show them, together as alone, and for no more than faces bear."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reenact.calibrate.sliders import solve
from reenact.core.errors import ReenactError
from reenact.evaluate.sliders import response
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion import expression
from reenact.motion.expression import ExpressionMap
from reenact.motion.sliders import FILE, GAIN_MAX, LENGTH, LENGTH_MAX, SliderResponse
from reenact.runtime.onnx_method import known_methods, weights_folder

JAW, SMILE, OTHER = (BLENDSHAPE_NAMES.index(name) for name in ("jawOpen", "mouthSmileLeft", "mouthSmileRight"))
SIZE = 4
MAPPED = [name for name in known_methods() if (weights_folder() / name / expression.FILE).is_file()]


def world(share: float = 0.5, spread: float = 1.0) -> SliderResponse:
    """A generator that shows `share` of the code's first number as jawOpen, and of its second as a smile on both sides."""
    random = np.random.default_rng(0)
    changes = random.normal(0, spread, (4000, SIZE))
    asked = changes * 1.2
    arrived = np.zeros((4000, 52))
    arrived[:, JAW] = share * asked[:, 0]
    arrived[:, SMILE] = arrived[:, OTHER] = share * asked[:, 1]
    return solve(asked, arrived + random.normal(0, 0.01, arrived.shape), changes)


def values(**given: float) -> np.ndarray:
    return np.array([given.get(name, 0.0) for name in BLENDSHAPE_NAMES], np.float32)


def test_what_arrives_by_half_is_asked_for_twice():
    change = world().change(values(jawOpen=1.0))
    assert change[0] == pytest.approx(2.0, rel=0.05)
    assert np.abs(change[1:]).max() < 0.2, "the smile is left alone"
    assert change.dtype == np.float32 and change.shape == (SIZE,)


def test_both_sides_together_are_not_twice_one_side():
    """One side alone pulls the other along; the sum of both sliders would be twice what was asked for."""
    made = world()
    both = made.change(values(mouthSmileLeft=1.0, mouthSmileRight=1.0))
    assert both[1] == pytest.approx(2.0, rel=0.05)
    assert made.change(values(mouthSmileLeft=1.0))[1] == pytest.approx(2.0, rel=0.05)


def test_half_of_a_value_is_half_of_the_way_and_nothing_is_nothing():
    made = world()
    assert np.allclose(made.change(values(jawOpen=0.5)) * 2, made.change(values(jawOpen=1.0)), atol=1e-5)
    assert np.allclose(made.change(values(jawOpen=-1.0)), -made.change(values(jawOpen=1.0)), atol=1e-5)
    assert not made.change(values()).any()


def test_no_slider_asks_for_more_than_faces_bear():
    made = world(share=0.5, spread=0.1)
    assert np.linalg.norm(made.change(values(jawOpen=1.0))) == pytest.approx(LENGTH * 0.1, rel=0.05)
    assert np.linalg.norm(made.change(values(jawOpen=2.0))) == pytest.approx(LENGTH_MAX * 0.1, rel=0.05)
    weak = world(share=0.01)
    assert np.abs(weak.change(values(jawOpen=1.0))).max() < GAIN_MAX / 0.01, "what hardly arrives is not pulled at"


def test_they_come_back_as_they_were_kept(tmp_path: Path):
    made = replace(world(), method="fake", weights="x")
    assert made.save(tmp_path) == tmp_path / FILE
    found = SliderResponse.load(tmp_path, SIZE, "x")
    assert found is not None
    assert np.allclose(found.change(values(jawOpen=1.0)), made.change(values(jawOpen=1.0)), atol=1e-2)
    assert SliderResponse.load(tmp_path / "none", SIZE) is None


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"response": [1.0]}, "holds no slider response"),
        ({"noise": [0.0] * 52}, "holds no slider response"),
        ({"covariance": [float("nan")] * SIZE**2}, "holds no slider response"),
        ({"weights": "y"}, "other weights"),
        (None, "holds no slider response"),
    ],
)
def test_a_bad_file_is_one_line(changed: dict[str, object] | None, says: str, tmp_path: Path):
    path = replace(world(), weights="x").save(tmp_path)
    path.write_text("{" if changed is None else json.dumps(json.loads(path.read_text()) | changed))
    with pytest.raises(ReenactError, match=says):
        SliderResponse.load(tmp_path, SIZE, "x")


def test_sliders_go_before_the_regression(tmp_path: Path):
    nothing, size = np.zeros(52, np.float32), np.zeros(SIZE, np.float32)
    to_code = np.ones((52, SIZE), np.float32)
    ExpressionMap(to_code, to_code.T.copy(), nothing, size, size, nothing + 1).save(tmp_path)
    assert np.array_equal(ExpressionMap.load(tmp_path, SIZE).code({"jawOpen": 1.0}), to_code[JAW])
    world().save(tmp_path)
    both = ExpressionMap.load(tmp_path, SIZE)
    assert both.code({"jawOpen": 1.0})[0] == pytest.approx(2.0, rel=0.05)
    assert both.save(tmp_path).is_file() and np.array_equal(ExpressionMap.load(tmp_path, SIZE).to_code, to_code)


@pytest.mark.parametrize("name", MAPPED)
def test_every_method_with_a_map_ships_them(name: str):
    assert (weights_folder() / name / FILE).is_file()


def test_response_of_a_slider_and_what_else_moved():
    moved = [np.zeros(52), np.zeros(52), np.zeros(52)]
    for one, value in zip(moved, (0.0, 0.5, 1.0), strict=True):
        one[3], one[7] = 0.4 * value, -0.6 * value
    found = response(3, [0.0, 0.5, 1.0], moved)
    assert found["slope"] == pytest.approx(0.4) and found["correlation"] == pytest.approx(1.0)
    assert found["most_moved_other"] == {BLENDSHAPE_NAMES[7]: -0.6}
    assert response(5, [0.0, 0.5, 1.0], moved)["correlation"] == 0.0  # nothing of it moved
