"""However strongly it is asked, a lid goes no further than shut."""

import numpy as np
import pytest

import reenact
from reenact.core.types import Portrait
from reenact.pipeline.editing import Edit, Editor, shut_at_most
from reenact.runtime.onnx_method import OnnxMethod


@pytest.fixture(scope="module")
def method() -> OnnxMethod:
    return reenact.load("mmfa", "cpu", 1)


@pytest.fixture(scope="module")
def portrait(method: OnnxMethod) -> Portrait:
    return method.encode_crop(np.full((256, 256, 3), 128, np.uint8))


def test_lids_alone_are_held_and_only_beyond_shut():
    values = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": -0.5, "jawOpen": 1.0}
    assert shut_at_most(values, 1.0) == shut_at_most(values, 0.5) == values
    assert shut_at_most(values, 2.0) == {"eyeBlinkLeft": 0.5, "eyeBlinkRight": -0.5, "jawOpen": 1.0}


def test_shut_eyes_that_look_up_stay_shut():
    shut = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 0.25, "eyeLookUpLeft": 2.0, "eyeLookUpRight": 2.0, "eyeWideRight": -1.0}
    assert shut_at_most(shut, 1.0) == shut | {"eyeLookUpLeft": 0.0, "eyeLookUpRight": 1.5}
    assert shut_at_most(shut, 2.0)["eyeLookUpLeft"] == 0.0
    assert shut_at_most({"eyeLookUpLeft": 1.0}, 1.0) == {"eyeLookUpLeft": 1.0}


@pytest.mark.parametrize("wanted", [{"expression": "blink"}, {"blendshapes": {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}}])
def test_a_blink_of_twice_the_strength_is_a_blink(method: OnnxMethod, portrait: Portrait, wanted: dict):
    once, twice = (Editor(method).apply(portrait.motion, Edit(**wanted, strength=strength)).expression for strength in (1, 2))
    assert np.abs(once - portrait.motion.expression).max() > 0.1
    np.testing.assert_allclose(twice, once, atol=1e-5)


def test_a_jaw_opens_further(method: OnnxMethod, portrait: Portrait):
    own = portrait.motion.expression
    once, twice = (
        Editor(method).apply(portrait.motion, Edit(expression="jaw_open", strength=strength)).expression for strength in (1, 2)
    )
    np.testing.assert_allclose(twice - own, 2 * (once - own), atol=1e-5)
