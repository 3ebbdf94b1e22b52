"""Losses that look through frozen networks: VGG pyramid, SFace, and the squares around eyes and mouth."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image

from reenact.core.assets import fetch
from reenact.evaluate.identity import REFERENCE, align, similarity
from reenact.faces.crop import cut, head_crop
from reenact.faces.landmarker import Landmarker
from reenact.losses.frozen import pointwise, prelu
from reenact.losses.identity import SFace, identity_distance
from reenact.losses.lpips import LPIPS
from reenact.losses.parts import part_distance
from reenact.losses.pixels import l1
from reenact.losses.regions import arcface_region, eye_and_mouth_regions
from reenact.losses.vgg import LAYER_WEIGHTS, VggPyramid, feature_distance


@pytest.fixture(scope="module")
def face() -> tuple[np.ndarray, np.ndarray]:
    """A 256 px crop, turned by 15 degrees, and its landmarks in px."""
    reader = Landmarker(threads=1)
    photo = np.array(Image.open("examples/portrait.jpg").convert("RGB"))
    crop = Image.fromarray(cut(photo, head_crop(reader.detect(photo)[0]))).rotate(15, Image.Resampling.BICUBIC)
    return np.array(crop), reader.detect(np.array(crop))[0].landmarks


@pytest.fixture(scope="module")
def sface() -> SFace:
    return SFace()


@pytest.fixture(scope="module")
def vgg() -> VggPyramid:
    return VggPyramid(scales=2)


def tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None].float() / 255


def in_unit(landmarks: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(landmarks)[None] / 128 - torch.tensor([1.0, 1.0, 0.0])


# VGG


def test_vgg_taps_are_those_of_the_network_that_lpips_uses(vgg):
    picture = torch.rand(1, 3, 64, 64)
    lpips = LPIPS("vgg")
    x = (picture * 2 - 1 - lpips.shift) / lpips.scale
    first = F.relu(F.conv2d(x, lpips.weight_0, lpips.bias_0, padding=1))
    taps = vgg.features(picture)
    # LPIPS rounds ImageNet's means and deviations, hence the wide margin.
    torch.testing.assert_close(taps[0], first, atol=0.03, rtol=0.01)
    block = F.relu(F.conv2d(first, lpips.weight_1, lpips.bias_1, padding=1))
    second = F.relu(F.conv2d(F.max_pool2d(block, 2), lpips.weight_2, lpips.bias_2, padding=1))
    assert (taps[1] - second).abs().mean() < 0.01 * second.abs().mean()
    assert [tap.shape[1:] for tap in taps] == [(64, 64, 64), (128, 32, 32), (256, 16, 16), (512, 8, 8), (512, 4, 4)]


def test_feature_distance_sums_layers_of_means():
    zeros = [torch.zeros(2, 3, n, n) for n in (16, 8, 4, 2, 1)]
    ones = [torch.ones_like(tap) for tap in zeros]
    assert feature_distance(ones, zeros).item() == pytest.approx(sum(LAYER_WEIGHTS)) == pytest.approx(1.46875)


def test_pyramid_sums_scales(vgg):
    picture, target = torch.rand(2, 2, 3, 64, 64).unbind(0)
    halves = [F.avg_pool2d(x, 2) for x in (picture, target)]
    wanted = sum(feature_distance(vgg.features(a), vgg.features(b)) for a, b in ((picture, target), halves))
    torch.testing.assert_close(vgg(picture, target), wanted)


def test_pyramid_knows_the_same_picture_and_teaches_the_first_alone(vgg):
    picture, target = (torch.rand(1, 3, 32, 32, requires_grad=True) for _ in range(2))
    assert vgg(picture, picture) == 0
    vgg(picture, target).backward()
    assert picture.grad.abs().max() > 0 and target.grad is None
    with pytest.raises(ValueError, match="32 px"):
        vgg(torch.rand(1, 3, 16, 16), torch.rand(1, 3, 16, 16))


# Identity


def test_sface_agrees_with_the_file_run_by_openvino(sface):
    import openvino

    picture = torch.rand(2, 3, 112, 112)
    model = openvino.Core().read_model(fetch("sface.onnx"))
    model.reshape([2, 3, 112, 112])
    run = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    wanted = torch.from_numpy(run(picture.numpy() * 255)[0])
    torch.testing.assert_close(sface(picture), F.normalize(wanted, dim=-1), atol=1e-4, rtol=0)


def test_alignment_is_that_of_the_evaluation(face):
    image, landmarks = face
    ours = arcface_region(in_unit(landmarks)).cut(tensor(image), 112)[0]
    theirs = tensor(align(image, landmarks))[0]
    inner = (ours - theirs)[:, 8:-8, 8:-8].abs()
    assert inner.mean() < 0.004 and inner.max() < 0.06


def test_alignment_lays_the_reference_on_itself():
    landmarks = torch.zeros(1, 478, 3)
    placed = torch.from_numpy(REFERENCE).float() * 0.7 + 40  # px of 256
    for group, point in zip(((33, 133, 159, 145), (362, 263, 386, 374), (1,), (61,), (291,)), placed, strict=True):
        landmarks[0, list(group), :2] = point / 128 - 1
    region = arcface_region(landmarks)
    corners = region.outward(torch.tensor([[[-1.0, -1, 0], [1, 1, 0]]]))[0, :, :2]
    linear = similarity(REFERENCE, placed.numpy())
    wanted = [(linear @ [x, y, 1]) / 128 - 1 for x, y in ((0, 0), (112, 112))]
    assert corners.numpy() == pytest.approx(np.array(wanted), abs=1e-4)


def test_identity_is_kept_by_light_and_lost_by_another_face(face, sface):
    image, landmarks = face
    points = in_unit(landmarks)
    own = sface.embed(tensor(image), points)
    darker = sface.embed(tensor(image) * 0.8, points)
    upside_down = sface.embed(tensor(image).flip(2), points)
    assert identity_distance(own, own).item() == pytest.approx(0, abs=1e-6)
    assert identity_distance(darker, own) < 0.1
    assert identity_distance(upside_down, own) > 0.5


def test_identity_gradient_brings_a_picture_back(face, sface):
    image, landmarks = face
    points, own = in_unit(landmarks), sface.embed(tensor(face[0]), in_unit(landmarks))
    start = F.avg_pool2d(tensor(image), 9, 1, 4)
    picture = start.clone().requires_grad_(True)
    before = identity_distance(sface.embed(picture, points), own)
    before.backward()
    slope = picture.grad
    after = identity_distance(sface.embed(start - 1e-3 * slope / slope.square().mean().sqrt(), points), own)
    assert slope.isfinite().all() and after < before


# Eyes and mouth


def test_parts_are_where_the_landmarks_say(face):
    _, landmarks = face
    regions = eye_and_mouth_regions(in_unit(landmarks))
    for name, middle in {"right_eye": 468, "left_eye": 473, "mouth": 13}.items():
        seen = regions[name].inward(in_unit(landmarks))[0, middle, :2]
        assert seen.abs().max() < 0.35, name
    assert regions["right_eye"].inward(in_unit(landmarks))[0, 473, :2].abs().max() > 1
    # Level in the square, though the head is tilted by 15 degrees.
    corners = regions["mouth"].inward(in_unit(landmarks))[0, [61, 291]]
    assert (corners[0, 1] - corners[1, 1]).abs() < 0.15 < (corners[1, 0] - corners[0, 0])


def test_part_distance_sees_the_part_alone(face):
    image, landmarks = face
    picture, points = tensor(image), in_unit(landmarks)
    changed = picture.clone()
    x, y = landmarks[13, :2].astype(int)
    changed[..., y - 4 : y + 5, x - 4 : x + 5] = 0
    terms = part_distance(changed.requires_grad_(True), picture, points)
    assert terms["eyes"] == 0 and terms["mouth"] > 0.005
    terms["mouth"].backward()
    rows = changed.grad.abs().sum((0, 1, 3)).nonzero()
    assert rows.min() > landmarks[[468, 473], 1].max() and changed.grad is not None


def test_part_distance_takes_any_distance(face, vgg):
    image, landmarks = face
    picture = tensor(image)
    terms = part_distance(picture * 0.9, picture, in_unit(landmarks), vgg)
    plain = part_distance(picture * 0.9, picture, in_unit(landmarks), l1)
    assert set(terms) == {"eyes", "mouth"} == set(plain)
    assert terms["mouth"] > 0.05 and terms["mouth"] != plain["mouth"]


def test_frozen_operators_are_pytorchs_own():
    """Values and gradients, with slopes beyond 0 and 1, in channels last."""
    torch.manual_seed(0)
    x = torch.randn(2, 5, 7, 6).contiguous(memory_format=torch.channels_last).requires_grad_()
    slope, kernel, bias = torch.tensor([-5.0, 0.0, 0.25, 1.0, 19.0]), torch.randn(3, 5, 1, 1), torch.randn(3)
    pairs = ((prelu(x, slope), F.prelu(x, slope)), (pointwise(x, kernel, bias), F.conv2d(x, kernel, bias)))
    for ours, theirs in pairs:
        torch.testing.assert_close(ours, theirs)
        towards = torch.randn_like(theirs)
        torch.testing.assert_close(*(torch.autograd.grad(out, x, towards)[0] for out in (ours, theirs)))
        assert ours.is_contiguous(memory_format=torch.channels_last)
