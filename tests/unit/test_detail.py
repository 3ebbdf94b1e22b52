"""Heads larger than the network's pictures: what is added is the photo's own, and only where a frame is the photo."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import reenact
from experiments.detail import better, compare
from places import EXAMPLES
from reenact.core.errors import ReenactError
from reenact.core.types import Image, Motion
from reenact.faces.crop import cut
from reenact.nn.enlarge import Enlarge, detail_of
from reenact.runtime.detail import SCARCELY, WHOLLY, Enlarger, carried, head_side
from reenact.runtime.graph import opener
from reenact.runtime.onnx_method import OnnxMethod, weights_folder

PERSON = weights_folder() / "person"


@pytest.fixture(scope="module")
def method() -> OnnxMethod:
    return reenact.load("mmfa", "cpu", 1)


@pytest.fixture(scope="module")
def photo() -> Image:
    """The example, its head 380 px."""
    found = PILImage.open(EXAMPLES / "portrait.jpg").convert("RGB")
    return np.asarray(found.resize((1024, 1024), PILImage.Resampling.LANCZOS))


def turned(motion: Motion, yaw: float) -> Motion:
    return motion.replace(head_pose=motion.head_pose + np.float32([yaw, 0, 0]))


@pytest.mark.parametrize(
    ("wanted", "found", "side"), [("photo", 300.4, 300), ("photo", 90, 256), ("photo", 4000, 1024), (512, 90, 512)]
)
def test_side(wanted, found: float, side: int):
    assert head_side(wanted, found, 256) == side


@pytest.mark.parametrize("wanted", [255, 257, 1026, "large", 512.0])
def test_side_that_is_none(wanted):
    with pytest.raises(ReenactError, match="from 256 to 1024"):
        head_side(wanted, 300, 256)


def test_frames_are_as_large_as_asked(method: OnnxMethod, photo: Image):
    for wanted, side in ((512, 512), ("photo", 450), (None, 256), (256, 256)):
        portrait = method.encode_source(photo, head_size=wanted)
        frame = method.render(portrait, turned(portrait.motion, 0.2))
        assert frame.shape == (side, side, 3) and frame.dtype == np.uint8
        assert (portrait.large is None) == (side == 256)


def test_small_frames_are_what_they_were(method: OnnxMethod, photo: Image):
    """Enlarged and made small again, a frame is the network's, and where the photo has nothing more it is enlarged alone."""
    portrait = method.encode_source(photo, head_size=512)
    motion = turned(portrait.motion, 0.3)
    large, small = method.render(portrait, motion), method.render(replace(portrait, large=None), motion)
    back = np.asarray(PILImage.fromarray(large).resize((256, 256), PILImage.Resampling.BOX))
    assert np.abs(back.astype(float) - small).mean() < 1.5


def test_at_rest_the_head_is_the_photo(method: OnnxMethod, photo: Image):
    portrait = method.encode_source(photo, head_size=512)
    assert portrait.placement is not None
    truth = cut(photo, portrait.placement, 512).astype(float)
    frame = method.render(portrait, portrait.motion).astype(float)
    small = method.render(replace(portrait, large=None), portrait.motion)
    plain = np.asarray(PILImage.fromarray(small).resize((512, 512)), float)
    assert np.abs(frame - truth).mean() < 0.8 * np.abs(plain - truth).mean()


def test_graph_is_the_module():
    torch.manual_seed(0)
    small, large = torch.rand(1, 3, 256, 256), torch.rand(1, 3, 300, 300)
    grid = torch.rand(1, 256, 256, 2) * 2 - 1
    keep, uncovered, still = torch.rand(3, 1, 1, 256, 256)
    enlarger = Enlarger(PERSON, 300, opener("cpu", 1))
    picture = (large[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    enlarger.hold(small.numpy(), picture, None)
    drawn = {"grid": grid.numpy(), "keep": keep.numpy(), "uncovered": uncovered.numpy()}
    found = enlarger.put(small.numpy(), drawn, still.numpy())
    exact = torch.from_numpy(picture.astype(np.float32) / 255).permute(2, 0, 1)[None]
    moved = (1 - still) * torch.from_numpy(carried(keep.numpy())) * (1 - uncovered)
    with torch.no_grad():
        expected = Enlarge()(small, grid, moved, still, detail_of(exact, small).clamp(exact - 1, exact))[0].numpy()
    assert np.abs(found.astype(int) - expected).max() <= 2


def test_nothing_is_added_where_nothing_is_kept():
    """A mouth's inside, a lid: drawn, so no grain of the portrait's lies on it."""
    flat, noise = np.full((1, 3, 256, 256), 0.5, np.float32), np.random.default_rng(0).integers(0, 255, (512, 512, 3), np.uint8)
    enlarger = Enlarger(PERSON, 512, opener("cpu", 1))
    enlarger.hold(flat, noise, None)
    none = np.zeros((1, 1, 256, 256), np.float32)
    grid = np.zeros((1, 256, 256, 2), np.float32)
    assert np.ptp(enlarger.put(flat, {"grid": grid, "keep": none, "uncovered": none}, none)) <= 1
    assert np.ptp(enlarger.put(flat, {"grid": grid, "keep": none + 1, "uncovered": none + 1}, none)) <= 1
    assert np.ptp(enlarger.put(flat, {"grid": grid, "keep": none, "uncovered": none}, none + 1)) > 200
    assert np.ptp(enlarger.put(flat, {"grid": grid, "keep": none + SCARCELY, "uncovered": none}, none)) <= 1, "half a lash"
    assert np.ptp(enlarger.put(flat, {"grid": grid, "keep": none + WHOLLY, "uncovered": none}, none)) > 200


def test_detail_comes_with_what_is_kept():
    keep = np.linspace(0, 1, 101, dtype=np.float32)
    share = carried(keep)
    assert (np.diff(share) >= 0).all() and share[0] == 0 and share[-1] == 1 and share.dtype == np.float32
    assert carried(np.full((1, 1, 2, 2), (SCARCELY + WHOLLY) / 2, np.float32)) == pytest.approx(0.5)


def test_a_ready_crop_may_be_large(method: OnnxMethod, photo: Image):
    portrait = method.encode_crop(photo[:512, 100:612], head_size=512)
    assert portrait.image.shape == (256, 256, 3) and method.render(portrait, portrait.motion).shape == (512, 512, 3)
    with pytest.raises(ReenactError, match="crop must be 256"):
        method.encode_crop(photo[:512, 100:612])


@pytest.mark.slow
def test_nearer_to_the_truth_than_enlarging():
    """results/detail.json; a few of its people."""
    rows, _ = compare(reenact.load("mmfa"), 10, 512)
    assert min(better(rows).values()) >= 9, rows
