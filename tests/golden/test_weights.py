"""The weights in the box: they draw what they drew, and the head goes where it is told."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import reenact
from places import EXAMPLES
from reenact import methods
from reenact.faces.landmarker import Landmarker
from reenact.faces.pose import fit_head
from reenact.media.video import VideoReader
from reenact.runtime.onnx_method import weights_folder

METHODS = [name for name in methods.METHODS if not methods.about(name).baseline]
GOLDEN = {name: Path(__file__).parent / f"{name}_yaw_15.png" for name in METHODS}
"""made by: REENACT_GOLDEN=1 pytest tests/golden/test_weights.py -k golden, after looking at the picture"""


@pytest.fixture(scope="module", params=METHODS)
def method(request):
    return reenact.load(request.param, device="cpu")


@pytest.fixture(scope="module")
def portrait(method):
    return method.encode_source(reenact.read_image(EXAMPLES / "portrait.jpg"))


@pytest.fixture(scope="module")
def at_rest(method, portrait):
    """The head pose of the frame that is the portrait, radians."""
    return posed(method.render(portrait, portrait.motion))


@pytest.fixture(scope="module")
def frames():
    with VideoReader(EXAMPLES / "driving.mp4") as reader:
        return [frame.image for _, frame in zip(range(8), reader, strict=False)]


def posed(frame: np.ndarray) -> np.ndarray:
    """The head pose that the landmarker finds."""
    return fit_head(Landmarker(1).detect(frame)[0].landmarks).head_pose


def turned(portrait, yaw: float = 0.0, pitch: float = 0.0, roll: float = 0.0):
    own = portrait.motion
    return replace(own, head_pose=own.head_pose + np.radians([yaw, pitch, roll]).astype(np.float32))


def test_golden_frame(method, portrait, monkeypatch):
    """Within 2 of 255 on average: another CPU rounds otherwise, another network draws otherwise."""
    import os

    frame = method.render(portrait, turned(portrait, yaw=15))
    golden_file = GOLDEN[method.name]
    if os.environ.get("REENACT_GOLDEN"):
        golden_file.parent.mkdir(exist_ok=True)
        PILImage.fromarray(frame).save(golden_file)
    golden = np.asarray(PILImage.open(golden_file), np.float32)
    assert np.abs(frame - golden).mean() < 2
    assert np.abs(portrait.image - golden).mean() > 4, "the golden frame must not be the portrait"


@pytest.mark.parametrize(("axis", "asked"), [(0, 15), (0, -15), (1, 8), (1, -8), (2, 15), (2, -15)])
def test_the_head_turns_as_asked(method, portrait, at_rest, axis: int, asked: float):
    """Re-read by the landmarker: at least half of the turn arrives, none of it the other way round."""
    angles = [0.0, 0.0, 0.0]
    angles[axis] = asked
    after = posed(method.render(portrait, turned(portrait, *angles)))
    arrived = np.degrees(after - at_rest)[axis] / asked
    assert 0.5 < arrived < 1.5, arrived


def test_a_turn_to_the_right_is_one_to_the_left_in_the_mirror(method, portrait):
    """Both are rendered alike, though the generator renders the left better."""
    here, there = (method.encode_crop(np.ascontiguousarray(crop)) for crop in (portrait.image, portrait.image[:, ::-1]))
    right, left = method.render(here, turned(here, yaw=22)), method.render(there, turned(there, yaw=-22))
    assert np.abs(right - left[:, ::-1].astype(np.float32)).mean() < 1


def test_a_part_of_the_frames_gives_a_part_of_the_whole(method, portrait, frames):
    """Streaming: what comes later cannot change what went before, and cutting a clip short changes nothing else."""
    whole = list(reenact.animate(portrait, frames, method=method))
    part = list(reenact.animate(portrait, iter(frames[:5]), method=method))
    assert len(whole) == 8 and len(part) == 5
    assert all(np.array_equal(a, b) for a, b in zip(whole, part, strict=False))


def test_the_first_relative_frame_is_the_portrait(method, portrait, frames):
    first = next(iter(reenact.animate(portrait, frames[:1], method=method, control="relative")))
    assert np.abs(first.astype(float) - portrait.image).mean() < 6


@pytest.mark.parametrize("name", METHODS)
def test_box_is_small_and_says_what_it_is(name: str):
    folder = weights_folder() / name
    assert sum(path.stat().st_size for path in folder.iterdir()) < 20e6
    config = json.loads((folder / "config.json").read_text())
    card = (folder / "README.md").read_text()
    assert "non-commercial" in card and config["images_seen"]
    for count in config["images_seen"].values():
        assert count > 0 and str(count) in card.replace(",", "")
