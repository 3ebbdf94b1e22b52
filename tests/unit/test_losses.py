"""Each loss term is what its name says: direction, sums and means as written, zero where it should be."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from reenact.geometry.grid import identity_grid
from reenact.losses import gaussian
from reenact.losses.cross_identity import cross_identity
from reenact.losses.equivariance import Warp, equivariance, random_warp
from reenact.losses.keypoints import (
    angle_from_bins,
    deformation_prior,
    head_pose,
    keypoint_depth,
    keypoint_prior,
    keypoint_spread,
)
from reenact.losses.patch_gan import (
    PatchDiscriminator,
    feature_matching,
    hinge_discriminator,
    hinge_generator,
    r1,
)
from reenact.losses.pixels import l1


def seeded(number: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(number)


# Equivariance


def blob(centre: torch.Tensor, size: int = 128) -> torch.Tensor:
    """A bright spot at `centre` [B,2]."""
    square = (identity_grid(size, size) - centre[:, None, None]).square().sum(-1)
    return torch.exp(-square / (2 * 0.05**2))[:, None]


def spot(picture: torch.Tensor) -> torch.Tensor:
    """Where the spot is, [B,1,2]: a keypoint detector that cannot err."""
    weight = picture / picture.sum((1, 2, 3), keepdim=True)
    return (weight[:, 0, :, :, None] * identity_grid(*picture.shape[-2:])).sum((1, 2))[:, None]


def test_equivariance_holds_in_the_written_direction_on_a_blob():
    picture = blob(torch.tensor([[0.3, -0.2], [-0.4, 0.1], [0.0, 0.35], [0.25, 0.3]]))
    warp = random_warp(4, picture, seeded())
    plain, warped = spot(picture), spot(warp.picture(picture))
    assert (plain - warped).norm(dim=-1).max() > 0.05  # the warp does move it
    assert equivariance(plain, warped, warp) < 0.003
    assert equivariance(warped, plain, warp) > 0.02  # the reverse, which open code has


def test_equivariance_is_the_mean_over_x_and_y_and_leaves_depth_out():
    still = Warp(torch.eye(2, 3)[None], torch.zeros(1, 25))
    points = torch.zeros(1, 4, 3)
    moved = points.clone()
    moved[0, 0, 0], moved[0, :, 2] = 0.8, 9.0
    assert equivariance(moved, points, still).item() == pytest.approx(0.8 / 8)


def test_a_spline_bends_what_an_affine_map_cannot():
    points = torch.tensor([[[-0.5, 0.1], [0.0, 0.1], [0.5, 0.1]]])
    straight = Warp(torch.randn(1, 2, 3, generator=seeded()), torch.zeros(1, 25)).points(points)
    bent = Warp(torch.eye(2, 3)[None], torch.randn(1, 25, generator=seeded()) * 0.1).points(points)
    assert (straight[:, 1] - straight[:, ::2].mean(1)).abs().max() < 1e-6
    assert (bent[:, 1] - bent[:, ::2].mean(1)).abs().max() > 1e-3


def test_warp_is_the_affine_map_of_column_vectors():
    affine = torch.tensor([[[0.9, 0.2, 0.1], [-0.3, 1.1, -0.2]]])
    moved = Warp(affine, torch.zeros(1, 25)).points(torch.tensor([[[0.5, -0.5]]]))
    assert moved[0, 0].tolist() == pytest.approx([0.45 - 0.1 + 0.1, -0.15 - 0.55 - 0.2])


# Keypoints, deformation, pose


def test_keypoint_spread_sums_ordered_pairs_without_the_diagonal():
    pair = torch.tensor([[[0.0, 0, 0], [0.2, 0, 0], [9.0, 0, 0]]])
    assert keypoint_spread(pair).item() == pytest.approx(2 * (0.1 - 0.04))
    assert keypoint_spread(torch.zeros(2, 3, 3)).item() == pytest.approx(6 * 0.1)
    far = torch.tensor([[[0.0, 0, 0], [0.4, 0, 0]]])
    assert keypoint_spread(far) == 0


def test_keypoint_prior_adds_the_depth_of_the_mean():
    points = torch.tensor([[[0.0, 0, 0.1], [5.0, 0, 0.3]], [[0.0, 0, 0.0], [5.0, 0, 0.0]]])
    assert keypoint_depth(points).item() == pytest.approx((abs(0.2 - 0.33) + 0.33) / 2)
    assert keypoint_prior(points).item() == pytest.approx(keypoint_depth(points).item())
    assert keypoint_depth(points, depth=0.0).item() == pytest.approx(0.1)


def test_deformation_prior_is_the_mean_reading():
    deformation = torch.full((2, 15, 3), -0.2)
    assert deformation_prior(deformation).item() == pytest.approx(0.2)  # the sum over a member's numbers would be 9


def test_head_pose_is_the_mean_in_degrees_the_short_way_round():
    guess = torch.deg2rad(torch.tensor([[10.0, -3.0, 179.0]]))
    truth = torch.deg2rad(torch.tensor([[4.0, 0.0, -179.0]]))
    assert head_pose(guess, truth).item() == pytest.approx((6 + 3 + 2) / 3, abs=1e-3)


def test_head_pose_pulls_the_short_way():
    guess = torch.deg2rad(torch.tensor([[0.0, 0.0, 175.0]])).requires_grad_(True)
    head_pose(guess, torch.deg2rad(torch.tensor([[0.0, 0.0, -175.0]]))).backward()
    assert guess.grad[0, 2] < 0  # downhill is up, over 180


@given(st.integers(0, 65))
def test_bins_count_at_their_centres(number):
    sure = torch.full((66,), -100.0)
    sure[number] = 100.0
    assert angle_from_bins(sure).item() == pytest.approx(-97.5 + 3 * number)
    assert angle_from_bins(sure.flip(0)).item() == pytest.approx(97.5 - 3 * number)


# Gaussian prior


def test_kl_of_the_prior_is_what_torch_says():
    mean, spread = torch.randn(5, 8, generator=seeded()), torch.rand(5, 8, generator=seeded()) + 0.1
    normal = torch.distributions.Normal
    wanted = torch.distributions.kl_divergence(normal(mean, spread), normal(0.0, 1.0)).mean(0)
    torch.testing.assert_close(gaussian.divergence(mean, 2 * spread.log()), wanted)
    assert gaussian.beyond_free_bits(gaussian.divergence(torch.zeros(3, 8), torch.zeros(3, 8)), 0) == 0


def test_free_bits_are_free_for_each_dimension():
    mean = torch.tensor([[0.1, 2.0]]).requires_grad_(True)
    term = gaussian.beyond_free_bits(gaussian.divergence(mean, torch.zeros(1, 2)), 0.05)
    term.backward()
    assert term.item() == pytest.approx(2.0 - 0.05)
    assert mean.grad[0].tolist() == pytest.approx([0.0, 2.0])


# Patch GAN


def test_hinge_asks_for_a_margin_of_one():
    assert hinge_discriminator(torch.zeros(2, 4), torch.zeros(2, 4)) == 2
    assert hinge_discriminator(torch.full((3,), 1.5), torch.full((3,), -1.5)) == 0
    assert hinge_discriminator(torch.tensor([0.5, 3.0]), torch.tensor([-0.5, -3.0])).item() == pytest.approx(0.5)
    assert hinge_generator(torch.tensor([1.0, 3.0])) == -2


def test_feature_matching_sums_blocks_and_teaches_the_generated_side_alone():
    fake = (torch.full((1, 2, 4, 4), 0.3, requires_grad=True), torch.zeros(1, 4, 2, 2, requires_grad=True))
    real = (torch.zeros(1, 2, 4, 4, requires_grad=True), torch.full((1, 4, 2, 2), 0.5, requires_grad=True))
    term = feature_matching(fake, real)
    term.backward()
    assert term.item() == pytest.approx(0.8)
    assert fake[0].grad.abs().sum() > 0 and real[0].grad is None


def test_r1_is_the_squared_slope_of_a_linear_judge():
    judge = torch.randn(3, 8, 8, generator=seeded())
    picture = torch.rand(2, 3, 8, 8, requires_grad=True)
    logits = (picture * judge).sum((1, 2, 3)).view(2, 1, 1, 1)
    torch.testing.assert_close(r1(logits, picture), judge.square().sum())


def test_r1_reaches_the_discriminators_weights():
    judge = PatchDiscriminator(width=8)
    picture = torch.rand(2, 3, 64, 64, requires_grad=True)
    r1(judge(picture).logits, picture).backward()
    slopes = [weight.grad for weight in judge.parameters() if weight.dim() == 4]
    assert all(slope is not None and slope.isfinite().all() for slope in slopes) and any(slope.any() for slope in slopes)


def test_discriminator_learns_to_tell_flat_from_noisy():
    torch.manual_seed(0)
    judge = PatchDiscriminator(width=8, blocks=2)
    optimiser = torch.optim.Adam(judge.parameters(), 1e-2, betas=(0.5, 0.999))
    first = None
    for _ in range(25):
        real, fake = torch.rand(4, 3, 32, 32), torch.rand(4, 3, 1, 1).expand(4, 3, 32, 32)
        term = hinge_discriminator(judge(real).logits, judge(fake).logits)
        first = term.item() if first is None else first
        optimiser.zero_grad()
        term.backward()
        optimiser.step()
    assert term < 0.9 * first  # one that learns nothing stays within 0.02 of 2
    judgement = judge(torch.rand(2, 3, 32, 32))
    assert judgement.logits.shape == (2, 1, 8, 8) and [f.shape[1] for f in judgement.features] == [8, 16]


# Pixels, cross-identity


def test_l1_with_a_weight_is_a_weighted_mean():
    picture, target = torch.zeros(1, 3, 2, 2), torch.tensor([[1.0, 2.0], [3.0, 4.0]]).expand(1, 3, 2, 2)
    assert l1(picture, target) == 2.5
    assert l1(picture, target, torch.tensor([[[[0.0, 0.0], [1.0, 3.0]]]])).item() == pytest.approx(3.75)
    assert l1(picture, target, torch.full((1, 1, 2, 2), 7.0)).item() == pytest.approx(2.5)


def test_cross_identity_looks_at_rows_with_a_truth_only():
    generated = torch.zeros(3, 3, 4, 4, requires_grad=True)
    truth = torch.stack([torch.full((3, 4, 4), value) for value in (0.2, math.nan, 0.6)])
    terms = cross_identity(generated, truth, torch.tensor([True, False, True]), {"l1": l1, "mse": F.mse_loss})
    assert terms["cross_l1"].item() == pytest.approx(0.4)
    assert terms["cross_mse"].item() == pytest.approx((0.04 + 0.36) / 2)
    sum(terms.values()).backward()
    assert generated.grad[1].abs().max() == 0 and generated.grad[0].abs().max() > 0


def test_cross_identity_without_rendered_rows_is_zero_and_still_has_a_graph():
    generated = torch.rand(2, 3, 4, 4, requires_grad=True)
    terms = cross_identity(generated, generated.detach() + 1, torch.tensor([False, False]), {"l1": l1})
    terms["cross_l1"].backward()
    assert terms["cross_l1"] == 0 and generated.grad.abs().max() == 0
