"""Photos warped by their own mesh: where the points go, what is then true, and who draws pairs of them."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from reenact.core.errors import ReenactError
from reenact.data import stills
from reenact.data.batches import Batches
from reenact.data.pairs import Mix, PairSampler
from reenact.data.pool import Pool
from reenact.data.splits import PHOTO, WARPED
from reenact.faces.points import MESH_POINTS
from reenact.faces.pose import canonical_face
from reenact.geometry.rotation import rotation_matrix
from training_pool import make_pool

SIDE = 256


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Clips p and r; q's and s's frames are photos. One blendshape lowers the lower lip."""
    known = Pool.load(make_pool(tmp_path_factory.mktemp("stills") / "pool"))
    photos = np.isin(known.clip, ("q", "s"))
    clip = np.where(photos, np.char.add(known.clip, np.arange(len(known.clip)).astype(str)), known.clip)
    open_mouth = known.landmarks.copy()
    open_mouth[:, 14:18, 1] += 20 * known.blendshapes[:, :1]
    return replace(known, landmarks=open_mouth, split=np.where(photos, PHOTO, known.split), clip=clip, identity=clip)


@pytest.fixture(scope="module")
def more(pool: Pool) -> Pool:
    return stills.with_warped(pool, each=3)


def test_every_photo_has_its_warped_pictures_with_what_is_true_of_them(pool: Pool, more: Pool):
    photos, warped = np.flatnonzero(pool.split == PHOTO), np.flatnonzero(more.split == WARPED)
    assert len(warped) == 3 * len(photos) == len(more.split) - len(pool.split)
    assert (more.clip[warped] == np.repeat(pool.clip[photos], 3)).all()
    truth, points = more.truth, list(MESH_POINTS)
    placed = truth.scale[:, :, None] * (truth.head[:, :40] @ np.swapaxes(rotation_matrix(truth.head_pose), -1, -2))
    placed[..., :2] += truth.translation[:, None]
    assert np.abs(placed[..., :2] - (more.landmarks[:, points, :2] / (SIDE / 2) - 1)).max() < 1e-4
    assert (truth.canonical[warped] == np.repeat(truth.canonical[photos], 3, 0)).all(), "another person"
    turned = np.abs(truth.head_pose[warped] - np.repeat(truth.head_pose[photos], 3, 0)).mean(0)
    changed = np.abs(truth.head[warped] - np.repeat(truth.head[photos], 3, 0)).max((1, 2))
    assert (turned > stills.TURN / 4).all() and (changed > 1e-3).mean() > 0.8  # or the photo's own was drawn
    before, after = pool.read(np.repeat(photos, 3)).astype(int), more.read(warped).astype(int)
    assert (np.abs(before - after).mean((1, 2, 3)) > 1).all(), "the pictures are as they were"
    assert stills.with_warped(more) is more
    assert all((getattr(more, name)[: len(pool.split)] == getattr(pool, name)).all() for name in ("landmarks", "clip", "split"))


def test_a_warped_picture_shows_each_point_where_it_was_moved():
    """A picture that tells its own coordinates by colour: at a moved point lies the colour of where it was."""
    grid = np.mgrid[:SIDE, :SIDE].astype(np.uint8)
    picture = np.stack([grid[1], grid[0], np.zeros_like(grid[0])], -1)
    mesh = canonical_face().points.astype(np.float64)
    own, other = (place(mesh, angle) for angle in (0.0, 0.25))
    moved = stills.warped(picture, own, other)
    rim = set(stills._rim(canonical_face().triangles).tolist())
    shown = [point for point in MESH_POINTS if point < 468 and point not in rim]
    x, y = other[shown, :2].round().astype(int).T
    off = np.abs(moved[y, x, :2].astype(float) - own[shown, :2])
    assert np.median(off) < 1.5 and (off.max(1) < 4).mean() > 0.8, "points are elsewhere"
    assert (moved[0, 5:250, 0] == picture[0, 5:250, 0]).mean() > 0.9, "the picture's edge has moved"
    assert np.abs(stills.warped(picture, own, own).astype(int) - picture).max() <= 1


def place(mesh: np.ndarray, yaw: float) -> np.ndarray:
    """px, of a head of 120 px in the middle."""
    turned = 120 * mesh @ rotation_matrix(np.array([yaw, 0.0, 0.0])).T
    return np.concatenate([turned, np.zeros((10, 3))]) + np.array([SIDE / 2, SIDE / 2, 0])


def test_the_rim_is_the_face_s_outline():
    rim = stills._rim(canonical_face().triangles)
    assert len(rim) == 36 and {10, 152, 234, 454} <= set(rim.tolist())


def test_pairs_go_from_a_warped_picture_to_its_photo(more: Pool):
    sampler = PairSampler(more, ("train",), 0, mix=Mix(same_clip=0.5, stills=0.5))
    for source, driving in (sampler.rows(200), sampler.triples(200)[:2]):
        warped = more.split[source] == WARPED
        assert 0.3 < warped.mean() < 0.7
        assert (more.split[driving[warped]] == PHOTO).all() and (more.clip[source] == more.clip[driving]).all()
        assert (more.split[driving[~warped]] == "train").all()
    source, driving, target = sampler.triples(50)
    assert (driving == target).all()


def test_without_photos_nothing_is_drawn_of_them(pool: Pool, more: Pool):
    plain, mixed = (PairSampler(some, ("train",), 0, mix=Mix()).triples(40) for some in (pool, more))
    assert all((one == other).all() for one, other in zip(plain, mixed, strict=True)), "warped rows are drawn unasked"
    with pytest.raises(ReenactError, match="none that are warped"):
        PairSampler(pool, ("train",), 0, mix=Mix(stills=0.2))
    with pytest.raises(ReenactError, match="the pool has none"):
        stills.with_warped(replace(pool, split=np.full(len(pool.split), "train")))
    with pytest.raises(ReenactError, match="packed without"):
        stills.with_warped(replace(pool, landmarks=pool.landmarks[:, :0], given=pool.truth))


def test_batches_bring_them(more: Pool):
    data = Batches(more, ("train",), 64, torch.device("cpu"), stills=1.0)
    source, driving, target = data.triples(0, 4, slice(None))
    assert source["image"].shape == (4, 3, 64, 64) and torch.equal(driving["image"], target["image"])
    assert (source["head_pose"] != target["head_pose"]).any(1).all() and torch.equal(source["canonical"], target["canonical"])
