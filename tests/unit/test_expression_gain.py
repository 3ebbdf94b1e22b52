"""A driver's brows, eyes and mouth are asked for with what the weights need to show them; pose, scale and place as they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from reenact.calibrate.expression_gain import _error, add, least
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import REGION_PREFIXES, ExpressionMap, expression_map
from reenact.motion.expression_gain import FILE, MOST, ExpressionGain, Gains, reaching
from reenact.motion.transfer import transfer
from reenact.runtime.onnx_method import OnnxMethod, known_methods, weights_folder

GAINED = [name for name in known_methods() if (weights_folder() / name / FILE).is_file()]
NOTHING = np.zeros(52, np.float32)
DIRECT = ExpressionMap(np.eye(52, dtype=np.float32), np.eye(52, dtype=np.float32), NOTHING, NOTHING, NOTHING, NOTHING)
"""a code that is the blendshapes themselves"""


def motion(**values: float) -> Motion:
    code = np.array([values.get(name, 0.0) for name in BLENDSHAPE_NAMES], np.float32)
    return Motion(np.float32([0.1, -0.2, 0.3]), np.float32([1.1]), np.float32([0.0, 0.1]), code)


def test_each_part_grows_by_its_own_gain_and_nothing_else():
    own = motion(browInnerUp=0.2, jawOpen=0.1, cheekPuff=0.1)
    driven = motion(browInnerUp=0.4, jawOpen=0.6, eyeBlinkLeft=0.5, noseSneerLeft=0.3, cheekPuff=0.1)
    reached = ExpressionGain(Gains(brows=1.5, eyes=1.2, mouth=1.1).matrix(DIRECT)).reached(own, driven)
    wanted = motion(browInnerUp=0.5, jawOpen=0.65, eyeBlinkLeft=0.6, noseSneerLeft=0.3, cheekPuff=0.1)
    assert np.allclose(reached.vector(), wanted.vector(), atol=1e-6)
    assert reached.expression.dtype == np.float32


def test_a_still_driver_leaves_the_portrait_as_it_is():
    own, driving = motion(jawOpen=0.3), motion(browInnerUp=0.4)
    gain = ExpressionGain(Gains(2.0, 2.0, 2.0).matrix(DIRECT))
    still = gain.reached(own, transfer(own, driving, driving, "relative"))
    assert np.allclose(still.vector(), own.vector(), atol=1e-6)


def test_the_parts_share_no_blendshape():
    parts = [{name for name in BLENDSHAPE_NAMES if name.startswith(prefixes)} for prefixes in REGION_PREFIXES.values()]
    assert all(parts) and sum(map(len, parts)) == len(set.union(*parts))


@pytest.mark.parametrize("name", GAINED)
def test_what_ships_is_of_these_weights_and_asks_for_more(name: str):
    method = OnnxMethod(weights_folder() / name, "cpu", 1)
    gains = Gains.load(method.folder, method.fingerprint)
    assert max(gains.brows, gains.eyes, gains.mouth) > 1.1
    own = Motion(np.zeros(3, np.float32), np.ones(1, np.float32), np.zeros(2, np.float32), np.zeros(method.code_size, np.float32))
    map_, brow = expression_map(method), BLENDSHAPE_NAMES.index("browInnerUp")
    driven = Motion(own.head_pose, own.scale, own.translation, map_.to_code[brow] / 2)
    asked = reaching(method)(own, driven)
    read = map_.read(np.stack([one.expression for one in (own, driven, asked)]))[:, brow]
    assert read[0] < read[1] < read[2] < read[0] + MOST * (read[1] - read[0])


def test_some_ship():
    assert GAINED


def test_none_measured_changes_nothing(tmp_path: Path):
    assert Gains.load(tmp_path, "x") == Gains()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "holds no gains"),
        (json.dumps({"weights": "x", "brows": 1.2}), "holds no gains"),
        (json.dumps({"weights": "x", "brows": 9.0, "eyes": 1.0, "mouth": 1.0}), "holds no gains"),
        (json.dumps({"weights": "x", "brows": float("nan"), "eyes": 1.0, "mouth": 1.0}), "holds no gains"),
        (json.dumps({"weights": "y", "brows": 1.2, "eyes": 1.0, "mouth": 1.0}), "other weights"),
        ("[]", "holds no gains"),
    ],
)
def test_a_bad_file_is_one_line(text: str, says: str, tmp_path: Path):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ReenactError, match=says) as raised:
        Gains.load(tmp_path, "x")
    assert "\n" not in str(raised.value)


def test_a_clip_whose_face_a_factor_loses_is_left_out():
    """It has no error, and none is not the least."""
    face = (np.zeros(3), np.zeros((478, 3)), np.arange(52.0))
    wanted = np.zeros((3, 52))
    assert _error([face, None, None], wanted, "eyes") is None
    assert _error([face, face, None], wanted, "eyes") == 0.0
    total = {("eyes", 1.0): 0.5, ("eyes", 1.4): 0.4}
    assert not add(total, {("eyes", 1.0): 0.1, ("eyes", 1.4): None}) and total == {("eyes", 1.0): 0.5, ("eyes", 1.4): 0.4}
    assert add(total, {("eyes", 1.0): 0.1, ("eyes", 1.4): 0.2}) and total[("eyes", 1.0)] == pytest.approx(0.6)


def test_the_least_of_a_parabola():
    factors = (1.0, 1.4, 1.8, 2.2)
    assert least(factors, [(factor - 1.5) ** 2 for factor in factors]) == pytest.approx(1.5)
    assert least(factors, [1.0, 1.1, 1.2, 1.3]) == 1.0
