"""A look at a video's first seconds, for the driver's calmest face."""

from __future__ import annotations

import sys
import threading
import warnings
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from clips import face, moving_face, scenery, write_clip
from fake_method import write_fake_method
from reenact.faces.crop import CropTracker, head_crop
from reenact.faces.landmarker import Landmarker
from reenact.media.video import VideoReader
from reenact.motion.reference import SAMPLED, SEARCH, sampled_every
from reenact.pipeline.control import Control
from reenact.pipeline.options import Clip
from reenact.pipeline.sources import DrivingFile, open_source
from reenact.runtime.onnx_method import OnnxMethod, load


@pytest.fixture(scope="module")
def method(tmp_path_factory: pytest.TempPathFactory) -> OnnxMethod:
    return load(str(write_fake_method(tmp_path_factory.mktemp("weights") / "fake")), "cpu", threads=1)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clip") / "driving.mp4", moving_face(12))


@pytest.mark.parametrize(("rate", "every"), [(24, 4), (25, 4), (Fraction(30000, 1001), 5), (60, 10), (15, 2), (8, 1), (1, 1)])
def test_some_six_faces_a_second_are_looked_at(rate: int | Fraction, every: int) -> None:
    assert sampled_every(Fraction(rate)) == every
    assert rate < SAMPLED or 0.7 < float(rate) / every / SAMPLED < 1.4


def glimpsed(method: OnnxMethod, path: Path, clip: Clip = Clip()) -> list[np.ndarray]:  # noqa: B008
    with DrivingFile(path, clip) as file:
        source = file.glimpsed(file.source(method, method.landmarker), method, method.landmarker)
        return [motion.vector() for motion in source.glimpse]


def test_every_fourth_face_is_that_of_the_clip(method: OnnxMethod, clip: Path) -> None:
    with open_source(clip, method, method.landmarker) as source:
        rows = [motion.vector() for _, motion in source if motion is not None]
    np.testing.assert_allclose(glimpsed(method, clip), rows[::4], atol=1e-5)
    part = Clip(start=Fraction(3, 25), end=Fraction(9, 25))
    with DrivingFile(clip, part) as file:
        rows = [motion.vector() for _, motion in file.source(method, method.landmarker) if motion is not None]
    np.testing.assert_allclose(glimpsed(method, clip, part), rows[::4], atol=1e-5)


def test_no_more_than_the_first_seconds_are_looked_at(method: OnnxMethod, tmp_path: Path) -> None:
    count = round((SEARCH + 1) * 25)
    path = write_clip(tmp_path / "long.mp4", [face(128)] * count)
    assert len(glimpsed(method, path)) == -(-SEARCH * 25 // 4)


def test_what_shows_no_face_gives_none_and_is_said_by_who_follows(method: OnnxMethod, tmp_path: Path) -> None:
    path = write_clip(tmp_path / "empty.mp4", [scenery(128, 128)] * 6)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert glimpsed(method, path) == []


def test_a_head_that_lies_is_turned_without_a_word(method: OnnxMethod, tmp_path: Path) -> None:
    upright, lying = moving_face(7), [np.ascontiguousarray(np.rot90(frame)) for frame in moving_face(7)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows = glimpsed(method, write_clip(tmp_path / "lying.mp4", lying))
    wanted = glimpsed(method, write_clip(tmp_path / "upright.mp4", upright))
    np.testing.assert_allclose(rows, wanted, atol=0.02)


def test_slow_videos_are_not_looked_at(method: OnnxMethod, clip: Path) -> None:
    assert glimpsed(method, clip, Clip(fps=8)) == []


def test_leaving_early_ends_the_threads(method: OnnxMethod, clip: Path) -> None:
    before = threading.active_count()
    with DrivingFile(clip) as file:
        source = file.glimpsed(file.source(method, method.landmarker), method, method.landmarker)
        assert source.glimpse
        assert threading.active_count() == before + 2
    assert threading.active_count() == before


@pytest.mark.parametrize(
    ("control", "searched"),
    [(Control(), True), (Control(reference="calm"), True), (Control(reference="first"), False), (Control(reference=1.0), False),
     (Control("absolute"), False), (Control("decaying"), False)],
)  # fmt: skip
def test_only_what_counts_from_the_calmest_face_looks(method: OnnxMethod, control: Control, searched: bool) -> None:
    assert control.searches(method) == searched


def test_frames_that_lie_apart(clip: Path) -> None:
    with VideoReader(clip) as reader:
        frames = list(reader)
    with VideoReader(clip, Fraction(2, 25), Fraction(11, 25), apart=Fraction(5, 50)) as reader:
        found = list(reader)
    assert [frame.time for frame in found] == [Fraction(i, 25) for i in (2, 5, 8)]
    assert all(later.time - earlier.time >= Fraction(5, 50) for earlier, later in pairwise(found))
    for frame in found:
        np.testing.assert_array_equal(frame.image, frames[int(frame.time * 25)].image)


def test_a_crop_follows_in_frames_that_were_not_seen() -> None:
    """A head that stands still, away from the crop's centre: as far as if each frame had been seen."""
    landmarker, image = Landmarker(1), face(256)
    (seen,) = landmarker.detect(image)
    wanted, target = head_crop(seen), head_crop(seen)
    trackers = [CropTracker(landmarker) for _ in range(2)]
    for tracker in trackers:
        tracker.update(image)
        assert tracker._crop is not None
        tracker._crop = type(wanted)(target.centre_x + 0.3 * target.side, target.centre_y, target.side)
    once = trackers[0].update(image, 3)
    each = [trackers[1].update(image) for _ in range(3)][-1]
    assert once is not None and each is not None
    assert once[0].centre_x == pytest.approx(each[0].centre_x, abs=0.3)
    assert target.centre_x < once[0].centre_x < target.centre_x + 0.3 * target.side


def test_a_landmarkers_twin_finds_the_same_in_another_thread() -> None:
    landmarker, image = Landmarker(1), face(256)
    twin = landmarker.twin()
    found: list[np.ndarray] = []

    def look(one: Landmarker) -> None:
        found.extend(one.detect(image)[0].landmarks for _ in range(5))

    threads = [threading.Thread(target=look, args=(one,)) for one in (landmarker, twin)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 10
    for points in found[1:]:
        np.testing.assert_array_equal(points, found[0])


def test_motion_may_be_read_in_several_threads(method: OnnxMethod) -> None:
    shades = [np.full((256, 256, 3), shade, np.uint8) for shade in range(0, 250, 10)]
    found: dict[int, float] = {}

    def read(own: list[np.ndarray]) -> None:
        for shade in own:
            found[int(shade[0, 0, 0])] = float(method.encode_motion(shade).expression[0])

    threads = [threading.Thread(target=read, args=(shades[i::3],)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {shade: pytest.approx(shade / 255, abs=1e-3) for shade in range(0, 250, 10)}


def test_no_array_checker_is_imported_on_the_way() -> None:
    """jaxtyping brings unittest.mock and asyncio with it, which take longer than all of ours."""
    import subprocess

    code = "import sys; from reenact import cli; cli.register(['animate']); print(*sys.modules)"
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "reenact.cli.animate" in told
    assert not {"jaxtyping", "unittest.mock", "asyncio", "urllib.request"} & set(told)
