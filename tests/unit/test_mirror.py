"""Turns to the right are rendered of the mirrored portrait, and are the same motion."""

import json
from pathlib import Path

import numpy as np
import pytest

from fake_method import write_fake_method
from reenact.calibrate.mirror import fit
from reenact.core.errors import ReenactError
from reenact.core.types import Motion, Portrait
from reenact.motion.mirror import BEGINS, FILE, WHOLE, Mirror, share_of_mirrored
from reenact.runtime.onnx_method import OnnxMethod, load

OWN = Motion(np.float32([0.1, -0.2, 0.3]), np.float32([1.1]), np.float32([0.02, 0.1]), np.float32([0.1, 0.2]))
THERE = Motion(np.float32([-0.11, -0.2, -0.29]), np.float32([1.1]), np.float32([-0.02, 0.1]), np.float32([0.2, 0.1]))
SWAP = Mirror(np.eye(2, dtype=np.float32)[::-1])


def turned(own: Motion, degrees: float, **changes: np.ndarray) -> Motion:
    return own.replace(head_pose=own.head_pose + np.radians([degrees, 0, 0]).astype(np.float32), **changes)


def test_a_portrait_at_rest_is_at_rest_in_the_mirror():
    np.testing.assert_allclose(SWAP.seen(OWN, OWN, THERE).vector(), THERE.vector(), atol=1e-6)


def test_sides_are_swapped():
    moved = Motion(OWN.head_pose + np.float32([0.2, 0.1, -0.1]), 2 * OWN.scale, OWN.translation + 0.1, OWN.expression + [0.5, 0])
    seen = SWAP.seen(moved, OWN, THERE)
    np.testing.assert_allclose(seen.head_pose - THERE.head_pose, [-0.2, 0.1, 0.1], atol=1e-6)
    np.testing.assert_allclose(seen.scale, 2 * THERE.scale, rtol=1e-6)
    np.testing.assert_allclose(seen.translation - THERE.translation, [-0.1, 0.1], atol=1e-6)
    np.testing.assert_allclose(seen.expression - THERE.expression, [0, 0.5], atol=1e-6)


def test_only_turns_to_the_right_are_mirrored_and_none_jumps():
    angles = np.linspace(-60, 60, 1201)
    shares = np.array([share_of_mirrored(turned(OWN, angle), OWN) for angle in angles])
    assert not shares[angles < np.degrees(BEGINS)].any() and (shares[angles > np.degrees(WHOLE) + 0.1] == 1).all()
    assert np.diff(shares).min() >= 0 and np.diff(shares).max() < 0.05


@pytest.fixture
def method(tmp_path: Path) -> OnnxMethod:
    """In its mirror every change of the code is twice as large."""
    folder = write_fake_method(tmp_path / "fake")
    about = {"weights": load(str(folder), "cpu", 1).fingerprint, "code": (2 * np.eye(3)).tolist()}
    (folder / FILE).write_text(json.dumps(about))
    return load(str(folder), "cpu", 1)


@pytest.fixture
def portrait(method: OnnxMethod) -> Portrait:
    crop = np.zeros((256, 256, 3), np.uint8) + np.arange(0, 128, 0.5).astype(np.uint8)[:, None]
    return method.encode_crop(crop)


@pytest.mark.parametrize(("angle", "times"), [(-30, 1.0), (0, 1.0), (13.9, 1.0), (17, 1.5), (20.1, 2.0), (40, 2.0)])
def test_frames_come_from_the_portrait_its_mirror_image_or_both(
    method: OnnxMethod, portrait: Portrait, angle: float, times: float
):
    moved = turned(portrait.motion, angle, expression=portrait.motion.expression + np.float32(0.2))
    wanted = np.minimum(portrait.image + times * 0.2 * 255, 255)
    assert np.abs(method.render(portrait, moved) - wanted).max() <= 1


def test_a_frame_does_not_depend_on_the_one_before(method: OnnxMethod, portrait: Portrait):
    moved = [turned(portrait.motion, angle, expression=portrait.motion.expression + np.float32(0.2)) for angle in (30, 17, 0)]
    alone = [method.render(portrait, motion) for motion in moved]
    back = [method.render(portrait, motion) for motion in moved[::-1]][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(alone, back, strict=True))


def test_weights_without_a_mirror_render_all_of_the_portrait(tmp_path: Path):
    assert (
        load(str(write_fake_method(tmp_path / "plain")), "cpu", 1).encode_crop(np.zeros((256, 256, 3), np.uint8)).mirrored is None
    )


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "holds no mirrored codes"),
        (json.dumps({"weights": "x", "code": [[1.0, 0.0]]}), "holds no mirrored codes"),
        (json.dumps({"weights": "x", "code": [[float("nan")]]}), "holds no mirrored codes"),
        (json.dumps({"weights": "y", "code": [[1.0]]}), "other weights"),
    ],
)
def test_a_bad_file_is_one_line(text: str, says: str, tmp_path: Path):
    (tmp_path / FILE).write_text(text)
    with pytest.raises(ReenactError, match=says) as raised:
        Mirror.load(tmp_path, "x")
    assert "\n" not in str(raised.value)


def test_the_fit_finds_what_the_mirror_does():
    random = np.random.default_rng(0)
    code, clip, swap = random.normal(size=(600, 4)), np.repeat(np.arange(30), 20), np.eye(4)[[1, 0, 3, 2]]
    mirrored = code @ swap + random.normal(size=(30, 4))[clip] + 0.01 * random.normal(size=(600, 4))
    found = fit(code, mirrored, clip, clip >= 25)
    assert np.abs(found.code - swap).max() < 0.05 and found.explained > 0.99


def test_a_fit_wants_people_to_fit_on():
    with pytest.raises(ReenactError, match="frames of people to fit on"):
        fit(np.zeros((4, 2)), np.zeros((4, 2)), np.zeros(4), np.ones(4, bool))
