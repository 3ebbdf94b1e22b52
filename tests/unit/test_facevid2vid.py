"""The baseline: its equation, its budget, its export; what it shares with mmfa stays interchangeable."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact.core.types import Motion
from reenact.geometry.rotation import rotation_matrix
from reenact.methods.facevid2vid import recipe as facevid2vid
from reenact.methods.facevid2vid.model import FaceVid2Vid, place
from reenact.methods.mmfa import recipe as mmfa
from reenact.motion.transfer import transfer
from reenact.nn.keypoints import relative_matrix
from reenact.nn.motion_encoder import FEATURES
from reenact.train.recipe import RENDER_PARTS
from untrained import shaken, smooth_pictures

angle = st.floats(-1.25, 1.25, width=32)


@pytest.fixture(scope="module")
def model() -> FaceVid2Vid:
    return shaken("facevid2vid")


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    return smooth_pictures()


def motion_of(angles: tuple[float, ...], offsets: torch.Tensor) -> dict[str, torch.Tensor]:
    motion = {"head_pose": torch.tensor([angles]), "scale": torch.ones(1, 1), "translation": torch.tensor([[0.1, -0.2]])}
    return {**motion, "expression": offsets.flatten(1)}


@given(st.tuples(angle, angle, angle), st.tuples(angle, angle, angle))
@settings(max_examples=40, deadline=None)
def test_a_pose_moves_the_keypoints_by_rotation_alone(before: tuple, after: tuple):
    """x - t - d is x_c, turned rigidly; d is the same before and after, and it did not turn with the head."""
    torch.manual_seed(0)
    canonical, offsets = torch.randn(1, 9, 3), 0.1 * torch.randn(1, 9, 3)
    shift = torch.tensor([0.1, -0.2, 0.0])
    poses = [place(canonical, motion_of(angles, offsets)) for angles in (before, after)]
    for pose in poses:
        assert torch.allclose(torch.linalg.det(pose.rotation), torch.ones(1), atol=1e-5)
        turned = canonical @ pose.rotation.transpose(1, 2)
        assert torch.allclose(pose.keypoints - shift - turned, offsets, atol=1e-5)
    turn = poses[1].rotation @ poses[0].rotation.transpose(1, 2)
    bare = [pose.keypoints - shift - offsets for pose in poses]
    assert torch.allclose(bare[0] @ turn.transpose(1, 2), bare[1], atol=1e-5)


def test_on_a_known_case():
    """A quarter turn clockwise, shifted, one offset: (1, 0, 0) -> (0, 1, 0) + t + d."""
    motion = motion_of((0.0, 0.0, torch.pi / 2), torch.tensor([[[0.0, 0.0, 0.3]]]))
    pose = place(torch.tensor([[[1.0, 0.0, 0.0]]]), motion)
    assert torch.allclose(pose.keypoints, torch.tensor([[[0.1, 0.8, 0.3]]]), atol=1e-6)
    assert torch.allclose(pose.head, torch.tensor([[[1.0, 0.0, 0.3]]]), atol=1e-6), "un-rotated, x_c + R^T d"


def test_there_is_no_scale(model: FaceVid2Vid, image: torch.Tensor):
    """The encoder says 1, and nothing changes when somebody else says 2."""
    motion = model.encode_motion(image)
    assert motion["scale"].tolist() == [[1.0]]
    canonical = model.encode_source(image)["canonical_keypoints"]
    own, doubled = (model.pose(canonical, {**motion, "scale": torch.tensor([[value]])}) for value in (1.0, 2.0))
    assert torch.equal(own.keypoints, doubled.keypoints)
    assert torch.equal(relative_matrix(own, doubled), relative_matrix(own, own))


def test_canonical_keypoints_are_the_sources_alone(model: FaceVid2Vid, image: torch.Tensor):
    """What the driver says of x_c reaches nothing: its motion has only pose, place and d."""
    assert set(model.encode_motion(image)) == {"head_pose", "scale", "translation", "expression"}
    assert model.encode_motion(image)["expression"].shape == (1, 3 * model.config.keypoints)
    portrait, driving = model.encode_source(image), model.encode_motion(image.flip(3))
    with torch.no_grad():
        frame = model.render(image, portrait, model.encode_motion(image), driving).frame
        moved = {**portrait, "canonical_keypoints": portrait["canonical_keypoints"] * 1.2}
        assert (model.render(image, moved, model.encode_motion(image), driving).frame - frame).abs().max() > 1e-3


def random_truth(count: int = 5) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    canonical = facevid2vid.build().motion.template.expand(count, -1, -1)
    return {
        "head_pose": torch.empty(count, 3).uniform_(-0.6, 0.6),
        "scale": torch.empty(count, 1).uniform_(0.8, 1.3),
        "translation": torch.empty(count, 2).uniform_(-0.2, 0.2),
        "canonical": canonical,
        "head": canonical + 0.03 * torch.randn_like(canonical),
    }


def test_the_teacher_gives_both_methods_the_same_keypoints(model: FaceVid2Vid):
    """On equal truth the renderers are driven by equal keypoints; here d carries size and expression, in the camera's frame."""
    truth = random_truth()
    ours, theirs = model.teacher(truth), mmfa.build().teacher(truth)
    assert torch.allclose(ours.keypoints, theirs.keypoints, atol=1e-5)
    assert torch.allclose(ours.head, truth["scale"][:, :, None] * theirs.head, atol=1e-5)
    still = {**truth, "head": truth["canonical"]}
    size = model.teacher(still).motion["expression"].view_as(truth["head"])
    expected = (truth["scale"] - 1)[:, :, None] * (truth["canonical"] @ rotation_matrix(truth["head_pose"]).transpose(1, 2))
    assert torch.allclose(size, expected, atol=1e-5), "without an expression, d is the head's size and nothing else"


def numpy_motion(truth: dict[str, torch.Tensor], row: int, model: FaceVid2Vid) -> Motion:
    motion = model.teacher(truth).motion
    names = ("head_pose", "scale", "translation", "expression")
    return Motion(**{name: motion[name][row].numpy().astype(np.float32) for name in names})


def test_transfer_keeps_its_meaning(model: FaceVid2Vid):
    """relative: nothing changed, nothing moves; d_s + d_d - d_d0; scale stays 1. absolute: the driver's own."""
    truth = random_truth()
    source, driving, reference = (numpy_motion(truth, row, model) for row in range(3))
    still = transfer(source, reference, reference, "relative")
    assert np.allclose(still.vector(), source.vector(), atol=1e-5)
    moved = transfer(source, driving, reference, "relative")
    assert np.allclose(moved.expression, source.expression + driving.expression - reference.expression, atol=1e-6)
    assert moved.scale == 1
    assert transfer(source, driving, None, "absolute") is driving


def test_mmfas_renderer_fits():
    """Its render weights can start ours; the names of checkpoints on disk stay what they were."""
    other = mmfa.build()
    for name in RENDER_PARTS:
        getattr(facevid2vid.build(), name).load_state_dict(getattr(other, name).state_dict())
    names = set(other.state_dict())
    on_disk = """source.fine.0.0.weight source.coarse.2.norm.running_var dense_motion.log_spread dense_motion.background
        dense_motion.enter.0.weight dense_motion.deep.1.first.1.weight dense_motion.head.bias generator.code.0.weight
        generator.modulate_middle.linear.bias generator.to_fine.1.bias generator.fine.1.second.weight generator.head.weight
        expression.layers.2.weight motion.template"""
    assert not set(on_disk.split()) - names


def test_amplify_doubles_what_is_expression():
    """And leaves the head's size, which d carries too, as it is: at scale 1.2 the rigid part of d stays."""
    for recipe in (facevid2vid, mmfa):
        torch.manual_seed(0)
        made = recipe.build().eval()
        feature, still = (
            torch.randn(1, FEATURES),
            {"head_pose": torch.tensor([[0.2, 0.1, 0.3]]), "translation": torch.zeros(1, 2)},
        )
        shapes = []
        for gain in (1.0, 2.0):
            made.amplify(gain)
            with torch.no_grad():
                found = made.motion.describe(feature, {**still, "scale": torch.tensor([[1.2]])})
                pose = made.pose(found["canonical_keypoints"], found)
            size = 1.2 / pose.motion["scale"][0, 0]
            shapes.append(pose.head / size - found["canonical_keypoints"])
        assert shapes[0].abs().max() > 1e-3
        assert torch.allclose(shapes[1], 2 * shapes[0], atol=1e-6)
