"""The differentiable landmarker reads what the landmarker reads, and its gradients move a picture the right way."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from reenact.faces.crop import cut, head_crop
from reenact.faces.landmarker import Face, Landmarker
from reenact.losses.face_mesh import FaceMesh
from reenact.losses.mesh_consistency import (
    eye_aperture,
    landmark_distance,
    mesh_consistency,
    mouth_opening,
    target_from_picture,
    target_from_points,
)
from reenact.losses.regions import Region, face_region

PORTRAIT = "examples/portrait.jpg"


def in_unit(landmarks: np.ndarray) -> torch.Tensor:
    points = torch.from_numpy(landmarks)[None] / 128
    return points - torch.tensor([1.0, 1.0, 0.0])


@pytest.fixture(scope="module")
def reader() -> Landmarker:
    return Landmarker(threads=1)


@pytest.fixture(scope="module")
def mesh() -> FaceMesh:
    return FaceMesh()


@pytest.fixture(scope="module")
def crop(reader) -> np.ndarray:
    photo = np.array(Image.open(PORTRAIT).convert("RGB"))
    return cut(photo, head_crop(reader.detect(photo)[0]))


def turned(crop: np.ndarray, degrees: float) -> np.ndarray:
    return np.array(Image.fromarray(crop).rotate(degrees, Image.Resampling.BICUBIC))


def to_tensor(image: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(image).permute(2, 0, 1)[None].float() / 255


@pytest.mark.parametrize("degrees", [0, 25])
def test_reads_what_the_landmarker_reads(reader, mesh, crop, degrees):
    image = turned(crop, degrees)
    face = reader.detect(image)[0]
    tracked: Face = reader.track(image, face)
    points = mesh.read(to_tensor(image), face_region(in_unit(face.landmarks)))
    assert (points - in_unit(tracked.landmarks))[..., :2].abs().max() * 128 < 0.5
    assert (points - in_unit(tracked.landmarks))[..., 2].abs().max() * 128 < 1
    read = mesh.blendshapes(points)[0].numpy()
    assert np.abs(read - reader.blendshapes(tracked)).max() < 0.02


def test_a_batch_reads_as_its_members(reader, mesh, crop):
    images = [crop, turned(crop, 12), crop[:, ::-1].copy()]
    faces = [in_unit(reader.detect(image)[0].landmarks) for image in images]
    alone = [mesh.read(to_tensor(image), face_region(face)) for image, face in zip(images, faces, strict=True)]
    together = mesh.read(torch.cat([to_tensor(image) for image in images]), face_region(torch.cat(faces)))
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=0)
    torch.testing.assert_close(mesh.blendshapes(together), torch.cat([mesh.blendshapes(p) for p in alone]), atol=1e-4, rtol=0)


def test_region_is_the_landmarkers(reader, crop):
    face = reader.detect(turned(crop, 25))[0]
    ours, theirs = face_region(in_unit(face.landmarks)), face.region()
    place = [(theirs.centre_x / 128 - 1), (theirs.centre_y / 128 - 1), theirs.side / 256, theirs.angle]
    found = [*ours.centre[0].tolist(), ours.half.item(), ours.angle.item()]
    assert found == pytest.approx(place, abs=1e-5)


def test_inward_undoes_outward():
    region = Region(torch.tensor([[0.2, -0.1]]), torch.tensor([0.7]), torch.tensor([0.4]))
    points = torch.rand(1, 478, 3)
    torch.testing.assert_close(region.inward(region.outward(points)), points)


def test_same_picture_is_no_loss_and_another_expression_is(reader, mesh, crop):
    picture, points = to_tensor(crop), in_unit(reader.detect(crop)[0].landmarks)
    target = target_from_picture(mesh, picture, points)
    assert max(term.item() for term in mesh_consistency(mesh, picture, target).values()) < 1e-5
    cached = target_from_points(points, mesh.blendshapes(points))
    assert mesh_consistency(mesh, picture, cached)["landmarks"] < 0.01
    shut = crop.copy()
    rows = slice(95, 112)  # rubs the eyes out
    shut[rows] = shut[113:114]
    terms = mesh_consistency(mesh, to_tensor(shut), target)
    assert min(term.item() for term in terms.values()) > 1e-3


def test_a_step_down_the_gradient_lowers_every_term(reader, mesh, crop):
    points = in_unit(reader.detect(crop)[0].landmarks)
    target = target_from_picture(mesh, to_tensor(crop), points)
    start = to_tensor(np.roll(crop, 3, 0))
    for name in ("landmarks", "blendshapes", "eyes", "mouth"):
        picture = start.clone().requires_grad_(True)
        before = mesh_consistency(mesh, picture, target)[name]
        before.backward()
        slope = picture.grad
        assert slope.isfinite().all() and slope.abs().max() > 0
        moved = start - 2e-5 * slope / slope.square().mean().sqrt()
        assert mesh_consistency(mesh, moved, target)[name] < before, name


def test_distance_weighs_lips_above_the_rim_and_leaves_depth_out():
    points = torch.zeros(1, 478, 3)
    lip, rim, deep = (points.clone() for _ in range(3))
    lip[0, 13, 1], rim[0, 10, 1], deep[0, :, 2] = 0.1, 0.1, 1.0
    assert landmark_distance(lip, points) == pytest.approx(5 * landmark_distance(rim, points).item())
    assert landmark_distance(deep, points) == 0
    assert landmark_distance(points + 0.1, points).item() == pytest.approx(0.1)


def test_aperture_and_opening_know_no_size_or_turn():
    points = torch.rand(2, 478, 3, generator=torch.Generator().manual_seed(0))
    angle = torch.tensor(0.7)
    turn = torch.stack([torch.stack([angle.cos(), -angle.sin()]), torch.stack([angle.sin(), angle.cos()])])
    other = torch.cat([3 * points[..., :2] @ turn + 1, points[..., 2:]], -1)
    torch.testing.assert_close(eye_aperture(other), eye_aperture(points))
    torch.testing.assert_close(mouth_opening(other), mouth_opening(points))
    wider = points.clone()
    wider[:, [13, 82, 312], :2] += 5 * (points[:, [13, 82, 312], :2] - points[:, [14, 87, 317], :2])
    torch.testing.assert_close(mouth_opening(wider), 6 * mouth_opening(points))


def test_nothing_of_the_network_trains_or_is_saved(mesh):
    assert not list(mesh.parameters()) and not mesh.state_dict()


def test_autocast_moves_no_point(reader, mesh, crop):
    picture, points = to_tensor(crop), in_unit(reader.detect(crop)[0].landmarks)
    plain = target_from_picture(mesh, picture, points)
    with torch.autocast("cpu", torch.bfloat16):
        cast = target_from_picture(mesh, picture, points)
        terms = mesh_consistency(mesh, picture, plain)
    assert (cast.landmarks - plain.landmarks).abs().max() * 128 < 0.01
    assert max(term.item() for term in terms.values()) < 1e-4
