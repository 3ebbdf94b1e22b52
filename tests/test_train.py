"""The loop: it learns, it resumes where it stopped, it refuses changed settings; pairs and jitter keep the truth true."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from reenact.core.errors import ReenactError
from reenact.data.pairs import PairSampler, jitter
from reenact.data.pool import Pool, mirror_order
from reenact.faces.pose import canonical_face
from reenact.geometry.rotation import rotation_matrix
from reenact.methods.mmfa.model import place
from reenact.train.loop import Schedule, load_average, train


def run(folder: Path, images: int, minutes: float = 1e9, stop_at: int = 10**9) -> nn.Linear:
    """Fits y = 2 x with one weight; a step beyond `stop_at` images is the kill."""
    torch.manual_seed(0)
    model = nn.Linear(1, 1)
    seen = 0

    def step() -> dict[str, torch.Tensor]:
        nonlocal seen
        seen += 4
        if seen > stop_at:
            raise KeyboardInterrupt
        x = torch.linspace(-1, 1, 4)[:, None]
        return {"square": (model(x) - 2 * x).square().mean()}

    train(folder, model, step, {"square": 1.0}, Schedule(images, 4, 0.02, minutes, warm_up=8, ema=0.9, save_every=200))
    return model


def test_it_learns_and_resumes_after_a_kill(tmp_path: Path):
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "killed", 2000, stop_at=1100)
    average = nn.Linear(1, 1)
    assert load_average(tmp_path / "killed", average) == 1000
    resumed, whole = run(tmp_path / "killed", 2000), run(tmp_path / "whole", 2000)
    assert torch.allclose(resumed.weight, whole.weight, atol=1e-6), "the kill cost more than the last interval"
    assert abs(float(whole.weight.detach()) - 2) < 0.05


def test_changed_settings_are_named(tmp_path: Path):
    run(tmp_path, 400)
    with pytest.raises(ReenactError, match="images = 400"):
        run(tmp_path, 800)


def test_missing_run_says_so(tmp_path: Path):
    with pytest.raises(ReenactError, match="train first"):
        load_average(tmp_path, nn.Linear(1, 1))


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Pool:
    """Two people, two clips each, whose mesh is the canonical face in random poses; the frames are noise."""
    folder, random = tmp_path_factory.mktemp("pool"), np.random.default_rng(0)
    face = np.concatenate([canonical_face().points, np.zeros((10, 3), np.float32)])
    poses = random.uniform(-0.5, 0.5, (24, 3))
    landmarks = (1.1 * face @ np.swapaxes(rotation_matrix(poses), -1, -2) + 0.05) * 128
    landmarks[..., :2] += 128
    np.save(folder / "frames0.npy", random.integers(0, 255, (24, 256, 256, 3), dtype=np.uint8))
    clips = np.repeat(["a", "b", "c", "d"], 6)
    labels = {"split": np.repeat("train", 24), "ident": np.repeat(["p", "q"], 12), "clip": clips}
    blendshapes = random.uniform(0, 1, (24, 52))
    np.savez(folder / "labels0.npz", lm=landmarks.astype(np.float32), bs=blendshapes.astype(np.float32), **labels)
    return Pool.load(folder)


def test_truth_is_read_back(pool: Pool):
    """Pose out of the landmarks; a face that never changes has no expression."""
    assert np.allclose(pool.truth.scale, 1.1, atol=1e-3)
    assert np.abs(pool.truth.head - pool.truth.canonical).max() < 1e-3


def test_pairs_stay_within_a_clip(pool: Pool):
    source, driving = PairSampler(pool, ("train",), 0).rows(64)
    assert (pool.clip[source] == pool.clip[driving]).all()
    assert len(set(pool.identity[source])) == 2


def test_an_empty_folder_says_so(tmp_path: Path):
    with pytest.raises(ReenactError, match="prepare"):
        Pool.load(tmp_path)


def test_jitter_moves_truth_and_picture_alike(pool: Pool):
    """A bright dot on a keypoint is still on it after roll, zoom and shift."""
    sampler = PairSampler(pool, ("train",), 0)
    batch = dict(sampler.read(np.arange(8), 256))
    spot = place(batch["head"], batch).keypoints[:, 0, :2]
    y, x = torch.meshgrid(*[(torch.arange(256) * 2 + 1) / 256 - 1] * 2, indexing="ij")
    distance = (x - spot[:, 0, None, None]) ** 2 + (y - spot[:, 1, None, None]) ** 2
    batch["image"] = (0.5 * torch.exp(-distance / (2 * 0.03**2)))[:, None].expand(-1, 3, -1, -1)
    moved = jitter(batch, np.random.default_rng(1), 256)
    expected = place(moved["head"], moved).keypoints[:, 0, :2]
    peak = moved["image"].mean(1).sub(0.1).clamp(min=0)
    weight = peak / peak.sum((1, 2), keepdim=True)
    found = torch.stack([(weight * x).sum((1, 2)), (weight * y).sum((1, 2))], 1)
    inside = expected.abs().amax(1) < 0.85
    assert inside.sum() >= 4
    assert (found - expected)[inside].abs().max() < 0.02


def test_mirror_keeps_the_nose_and_swaps_the_eyes():
    order = mirror_order()
    assert order[0] == 0 and order[10] == 14
    assert (order[order] == np.arange(47)).all()
