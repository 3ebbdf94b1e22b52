"""The protocol `path`: every step of animate beside the verbs alone, frame by frame."""

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from fake_method import write_fake_method
from places import EXAMPLES
from reenact.evaluate import path
from reenact.evaluate.baselines import Stepping
from reenact.evaluate.protocols import Item
from reenact.evaluate.results import markdown
from reenact.evaluate.runner import ItemRun, Outcome, run_item
from reenact.evaluate.shots import Shot
from reenact.media.image import read_image
from reenact.media.video import VideoWriter
from reenact.runtime.onnx_method import load

PORTRAIT = EXAMPLES / "portrait.jpg"
BRIGHTER = (0, 10, 20, 30, 40, 50)


@pytest.fixture(scope="module")
def method(tmp_path_factory):
    return load(str(write_fake_method(tmp_path_factory.mktemp("weights") / "fake")), threads=1, background="moved")


@pytest.fixture(scope="module")
def clip(tmp_path_factory) -> Path:
    """The example portrait as a head crop that grows brighter, which is the fake method's expression."""
    photo = read_image(PORTRAIT)
    side = min(photo.shape[:2])
    square = photo[:side, :side][:: side // 256, :: side // 256][:256, :256]
    file = tmp_path_factory.mktemp("clip") / "clip.mp4"
    with VideoWriter(file, 25) as video:
        for more in BRIGHTER:
            video.write(np.clip(square.astype(int) + more, 0, 255).astype(np.uint8))
    return file


class Nobody:
    """A scorer's reader and networks that see nothing: what is drawn is looked at here."""

    lpips: dict = {}
    dists = inception = None

    def __init__(self) -> None:
        self.reader = self
        self.landmarker = None

    def read(self, image, felt=True):
        return None

    find = read


def test_every_step_draws_the_frames_that_are_asked_for(method, clip):
    item = Item("clip", Shot(clip), clip, clip, first=False)
    starters = path.step_starters({"fake": method}, item)
    assert list(starters) == [f"fake, {name}" for name in path.STEPS]
    outcome = run_item(item, starters, Nobody(), 256, every=2)  # type: ignore[arg-type]
    assert isinstance(outcome, Outcome)
    assert {tally.frames for tally in outcome.tallies.values()} == {2}


def test_what_is_skipped_is_seen_by_the_filter(method, clip):
    item = Item("clip", Shot(clip), clip, clip, first=False)
    starters = path.step_starters({"fake": method}, item, ("direct", "filtered live"))
    run = ItemRun(item, starters, Nobody(), 256, every=1)  # type: ignore[arg-type]
    drawn = {}
    for index in range(len(BRIGHTER)):
        if index in (0, 5):
            drawn = run._drawn(run.source, None, None)
        else:
            run.skip()
    assert all(isinstance(driver, Stepping) for driver in run.drivers.values())
    direct = drawn["fake, direct"].astype(float).mean() - run.source.mean()
    filtered = drawn["fake, filtered live"].astype(float).mean() - run.source.mean()
    assert direct == pytest.approx(50, abs=6), "absolute motion: the last frame's own"
    assert 10 < filtered < direct - 3, "the filter is late, and has seen the frames between"


def test_a_pasted_head_leaves_the_photos_rim(method, clip):
    item = Item("clip", Shot(clip), clip, clip, first=False)
    run = ItemRun(item, path.step_starters({"fake": method}, item, ("pasted", "cropped")), Nobody(), 256, 1)  # type: ignore[arg-type]
    for _ in range(5):
        run.skip()
    drawn = run._drawn(run.source, None, None)
    for name, image in drawn.items():
        assert np.abs(image[:2].astype(int) - run.source[:2]).max() <= 2, name
        changed = np.abs(image.astype(int) - run.source).max(2) > 20
        assert 0.02 < changed.mean() < 0.9, f"{name}: the head is brighter, what lies around it is the photo's"


def test_a_frame_without_a_face_holds_the_motion(method, clip):
    source = read_image(PORTRAIT)[:256, :256]
    portrait = method.encode_crop(np.ascontiguousarray(source))
    motion = method.encode_motion(np.full((256, 256, 3), 255, np.uint8))
    driver = path.PathDriver(method, portrait, path.STEPS["direct"], [motion, None], Fraction(25))
    first, second = driver(source, None), driver(source, None)
    assert (first == second).all() and not (first == source).all()


def test_losses_are_shares_of_the_direct_figures():
    mean = {
        "truth": {"dists": 0.0},
        "a, direct": {"dists": 0.1, "akd_106": 2.0},
        "a, whole": {"dists": 0.105, "akd_106": 1.0, "akd_mesh": None},
    }
    found = path.losses(mean)
    assert found == {"a, direct": {"dists": 0.0, "akd_106": 0.0}, "a, whole": {"dists": 0.05, "akd_106": -0.5}}
    assert "+5.0" in markdown(list(path.loss_table(found))) and "-50.0" in markdown(list(path.loss_table(found)))
