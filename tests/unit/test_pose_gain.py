"""A turn is asked for with what the weights need to show it; nothing else of an edit is touched."""

import json
from pathlib import Path

import numpy as np
import pytest

from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.motion.edit import YAW_MAX, edit
from reenact.motion.pose_gain import FILE, PoseGain

OWN = Motion(np.float32([0.1, -0.2, 0.3]), np.float32([1.1]), np.float32([0.0, 0.1]), np.zeros(4, np.float32))


def test_turns_alone_grow():
    wanted = edit(OWN, yaw=0.2, pitch=-0.1, roll=0.4, scale=1.2, shift=(0.1, 0.0))
    reached = PoseGain(1.5, 1.2).reached(OWN, wanted)
    assert np.allclose(reached.head_pose, [0.1 + 0.3, -0.2 - 0.12, 0.7])
    assert np.array_equal(reached.scale, wanted.scale) and np.array_equal(reached.translation, wanted.translation)
    assert reached.head_pose.dtype == np.float32


def test_absolute_turns_are_measured_from_the_portrait():
    reached = PoseGain(1.5, 1.0).reached(OWN, edit(OWN, yaw=-0.1, mode="absolute"))
    assert np.isclose(reached.head_pose[0], 0.1 - 0.3)


def test_yaw_stays_in_sight():
    assert PoseGain(2.0, 1.0).reached(OWN, edit(OWN, yaw=1.2)).head_pose[0] == pytest.approx(YAW_MAX)


def test_none_measured_changes_nothing(tmp_path: Path):
    wanted = edit(OWN, yaw=0.2)
    reached = PoseGain.load(tmp_path, "x").reached(OWN, wanted)
    assert np.allclose(reached.vector(), wanted.vector(), atol=1e-6)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "holds no gains"),
        (json.dumps({"weights": "x", "yaw": 1.2}), "holds no gains"),
        (json.dumps({"weights": "x", "yaw": 9.0, "pitch": 1.0}), "holds no gains"),
        (json.dumps({"weights": "x", "yaw": float("nan"), "pitch": 1.0}), "holds no gains"),
        (json.dumps({"weights": "y", "yaw": 1.2, "pitch": 1.0}), "other weights"),
        ("[]", "holds no gains"),
    ],
)
def test_a_bad_file_is_one_line(text: str, says: str, tmp_path: Path):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ReenactError, match=says) as raised:
        PoseGain.load(tmp_path, "x")
    assert "\n" not in str(raised.value)


def test_gains_that_name_no_weights_are_nobodys(tmp_path: Path):
    (tmp_path / FILE).write_text('{"weights": "", "yaw": 1.2, "pitch": 1.1}')
    with pytest.raises(ReenactError, match="other weights"):
        PoseGain.load(tmp_path, "x")
