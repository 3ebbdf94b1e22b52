"""Known values and a failing case for each metric of pictures and points; trivial baselines."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from reenact.core.errors import ReenactError
from reenact.evaluate import metrics
from reenact.evaluate.baselines import border_points, mesh_warp, ring_triangles, still
from reenact.evaluate.identity import REFERENCE, five_points, similarity
from reenact.evaluate.session import Parts
from reenact.faces.pose import canonical_face
from reenact.faces.warp import piecewise_affine
from reenact.geometry.rotation import rotation_matrix


@pytest.fixture
def picture() -> np.ndarray:
    return np.random.default_rng(0).random((48, 40, 3)).astype(np.float32)


def test_l1(picture):
    assert metrics.l1(np.full_like(picture, 0.25), np.full_like(picture, 0.5)) == pytest.approx(0.25)
    with pytest.raises(ValueError, match="one shape"):
        metrics.l1(picture, picture[:10])


def test_psnr(picture):
    assert metrics.psnr(np.full_like(picture, 0.4), np.full_like(picture, 0.5)) == pytest.approx(20.0, abs=1e-4)
    assert metrics.psnr(picture, picture) == metrics.PSNR_CAP
    with pytest.raises(ValueError, match="one shape"):
        metrics.psnr(picture, picture[..., :1])


def test_ssim_of_flat_pictures_is_its_luminance_term(picture):
    expected = (2 * 0.25 * 0.5 + 1e-4) / (0.25**2 + 0.5**2 + 1e-4)
    assert metrics.ssim(np.full_like(picture, 0.25), np.full_like(picture, 0.5)) == pytest.approx(expected, abs=1e-4)
    assert metrics.ssim(picture, picture) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(ValueError, match="11 px"):
        metrics.ssim(picture[:10], picture[:10])


def test_ssim_agrees_with_plain_filtering(picture):
    from scipy.ndimage import gaussian_filter

    other = np.clip(picture + np.random.default_rng(1).normal(0, 0.2, picture.shape), 0, 1).astype(np.float32)
    x, y = picture.astype(np.float64), other.astype(np.float64)

    def mean(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, (1.5, 1.5, 0), radius=(5, 5, 0))[5:-5, 5:-5]

    mx, my = mean(x), mean(y)
    upper = (2 * mx * my + 1e-4) * (2 * (mean(x * y) - mx * my) + 9e-4)
    lower = (mx**2 + my**2 + 1e-4) * (mean(x * x) - mx**2 + mean(y * y) - my**2 + 9e-4)
    assert metrics.ssim(picture, other) == pytest.approx((upper / lower).mean(), abs=1e-5)


def test_ms_ssim_of_flat_pictures_is_its_last_luminance_term():
    flat = np.full((192, 192, 3), 0.5, np.float32)
    luminance = (2 * 0.25 * 0.5 + 1e-4) / (0.25**2 + 0.5**2 + 1e-4)
    assert metrics.ms_ssim(flat / 2, flat) == pytest.approx(luminance**0.1333, abs=1e-4)
    noise = np.random.default_rng(0).random((192, 192, 3)).astype(np.float32)
    assert metrics.ms_ssim(noise, noise) == pytest.approx(1.0, abs=1e-5)
    both = metrics.ssim_and_ms_ssim(noise, noise[::-1])
    assert both == (metrics.ssim(noise, noise[::-1]), metrics.ms_ssim(noise, noise[::-1]))
    assert metrics.ms_ssim(noise, 1 - noise) == 0.0, "anti-correlated: a negative base has no real power"
    with pytest.raises(ValueError, match="176 px"):
        metrics.ms_ssim(noise[:160], noise[:160])


def test_akd_68_counts_the_subset_only():
    points = np.random.default_rng(0).random((478, 2)) * 256
    moved = points.copy()
    moved[metrics.IBUG_68] += [3, 4]
    assert len(set(metrics.IBUG_68)) == 68
    assert metrics.akd_68(points, moved) == pytest.approx(5.0)
    assert metrics.akd_mesh(points, moved) == pytest.approx(5 * 68 / 468)
    with pytest.raises(ValueError, match="468"):
        metrics.akd_68(points[:68], moved[:68])


def test_the_68_points_lie_as_ibug_has_them():
    face = canonical_face().points[metrics.IBUG_68]
    left_to_right = [slice(0, 17), slice(17, 27)]  # jaw, brows
    assert all((np.diff(face[part, 0]) > -0.02).all() for part in left_to_right), "the jaw turns in a little above the ears"
    assert face[8, 1] == face[:, 1].max(), "the chin is lowest"
    np.testing.assert_allclose(face[[36, 48], 0], -face[[45, 54], 0], atol=1e-3)
    assert face[36:48, 1].max() < face[30, 1] < face[48:, 1].min(), "eyes above the nose tip above the lips"


def test_apd_and_aed_id():
    pose = np.array([3.1, 0.1, 0, 0.2, -0.1, 0.0])
    assert metrics.apd(pose, pose + [0.3, 0, 0, 0, 0, 0.3]) == pytest.approx(0.1)
    turned = pose.copy()
    turned[0] = -3.1
    assert metrics.apd(pose, turned) == pytest.approx((2 * np.pi - 6.2) / 6), "the short way round"
    with pytest.raises(ValueError, match="one shape"):
        metrics.apd(pose, pose[:3])
    assert metrics.aed_id(np.array([2.0, 0]), np.array([0, 5.0])) == pytest.approx(2**0.5)
    assert metrics.aed_id(np.array([2.0, 1]), np.array([4, 2.0])) == pytest.approx(0.0, abs=1e-7)
    with pytest.raises(ValueError, match="length 0"):
        metrics.aed_id(np.zeros(2), np.ones(2))


def test_akd_mesh():
    points = np.random.default_rng(0).random((478, 2)) * 512
    moved = points + np.array([3.0, 4.0])
    moved[468:] += 100  # the irises do not count
    assert metrics.akd_mesh(points, moved) == pytest.approx(5.0)
    assert metrics.akd_mesh(points, moved, side=512) == pytest.approx(2.5)
    with pytest.raises(ValueError, match="468"):
        metrics.akd_mesh(points[:68], moved[:68])


def test_aed_exp():
    assert metrics.aed_exp(np.zeros(52), np.eye(52)[3]) == pytest.approx(1 / 52)
    with pytest.raises(ValueError, match="one shape"):
        metrics.aed_exp(np.zeros(52), np.zeros(51))


def test_ard_takes_the_short_way_round():
    pose = np.radians([10.0, -20.0, 179.0])
    assert metrics.ard(pose, np.radians([7.0, -14.0, -178.0])) == pytest.approx((3 + 6 + 3) / 3)
    with pytest.raises(ValueError, match="one shape"):
        metrics.ard(pose, pose[:2])


def test_cosine():
    assert metrics.cosine(np.array([1.0, 0.0]), np.array([3.0, 3.0])) == pytest.approx(2**-0.5)
    with pytest.raises(ValueError, match="length 0"):
        metrics.cosine(np.zeros(2), np.ones(2))


def test_identity_alignment_finds_the_similarity():
    turn = rotation_matrix(np.array([0.0, 0.0, 0.4]))[:2, :2] * 1.7
    found = similarity(REFERENCE, REFERENCE @ turn.T + [5, -3])
    np.testing.assert_allclose(found, np.concatenate([turn, [[5], [-3]]], 1), atol=1e-9)
    assert five_points(np.ones((478, 3), np.float32)).shape == (5, 2)
    with pytest.raises(ValueError, match="all one"):
        similarity(np.ones((5, 2)), REFERENCE)


@pytest.mark.parametrize("net", ["alex"])
def test_lpips(net):
    torch = pytest.importorskip("torch")
    from reenact.losses.lpips import LPIPS

    network = LPIPS(net)
    a = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    b = a.flip(3).clone().requires_grad_()
    assert network(a, a).tolist() == [0.0, 0.0]
    distance = network(a, b)
    # Measured once with this file; the networks are fixed, so another figure means that the weights or the sum changed.
    assert distance.tolist() == pytest.approx([0.0901680, 0.0887303], abs=2e-4)
    distance.sum().backward()
    assert torch.isfinite(b.grad).all() and b.grad.abs().sum() > 0
    black = torch.zeros(1, 3, 64, 64, requires_grad=True)
    network(black, a[:1]).sum().backward()
    assert torch.isfinite(black.grad).all()
    with pytest.raises(ValueError, match="one shape"):
        network(a, a[..., :40])
    with pytest.raises(ValueError, match="31 px"):
        network(a[..., :16, :16], a[..., :16, :16])


def test_lpips_refuses_a_pickle_that_runs_code(tmp_path):
    pytest.importorskip("torch")
    from reenact.losses.lpips import read_arrays

    (tmp_path / "bad.ckpt").write_bytes(pickle.dumps({"Conv_0": Path("x")}))
    with pytest.raises(ReenactError, match="no plain arrays"):
        read_arrays(tmp_path / "bad.ckpt")


def test_warp_without_motion_is_the_source_and_a_shift_is_a_shift():
    source = np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)
    points = canonical_face().points[:, :2] * 30 + 32
    border = border_points(64)
    triangles = np.concatenate([ring_triangles(points, border), canonical_face().triangles])
    everything = np.concatenate([points, border])
    same = piecewise_affine(source, everything, everything, triangles)
    assert np.abs(same.astype(int) - source).max() <= 1
    moved = piecewise_affine(source, everything, everything + [4, 0], triangles)
    assert np.abs(moved[8:-8, 12:-8].astype(int) - source[8:-8, 8:-12]).max() <= 1


def test_floors_without_a_face_stay_still():
    source, driving = np.zeros((64, 64, 3), np.uint8), np.full((64, 64, 3), 9, np.uint8)
    assert still(source, None)(driving, None) is source
    assert mesh_warp(source, None)(driving, None) is source


def test_a_disk_that_is_full_before_the_first_item_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise ReenactError("No space left on device")

    monkeypatch.setattr("reenact.evaluate.session.write_text", full)
    with pytest.raises(ReenactError, match="No space left"):
        Parts(tmp_path / "a.json", "mark")
    assert not list(tmp_path.iterdir())
