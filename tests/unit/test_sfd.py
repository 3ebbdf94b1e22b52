"""Descriptors: the space and its projections, what a motion is, mmfa's weights as a start, the exported folder."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from reenact.methods.export import export
from reenact.methods.sfd import recipe as sfd
from reenact.methods.sfd.adopt import adopted
from reenact.methods.sfd.config import COMPACT, Config
from reenact.methods.sfd.model import DESCRIPTOR, Sfd, coefficients, from_coefficients
from reenact.methods.sfd.objective import KNOWN_AS, MOMENT, MOTION_WEIGHTS, PERSON, SPLIT_TERMS, MotionObjective, partners
from reenact.methods.sfd.parts import IDENTITY
from reenact.methods.sfd.space import PACE, Space, off_orthonormal, orthonormal
from reenact.train.start import read_start
from untrained import mmfa_and_sfd, shaken, smooth_pictures

SMALL_ERROR = 1e-5
TOLERANCE = 2e-3
"""of [0, 1]: PyTorch fp32 against the exported graphs in fp32, whose weights are stored as fp16"""


@pytest.fixture(scope="module")
def model() -> Sfd:
    return shaken("sfd")


@pytest.fixture(scope="module")
def images() -> torch.Tensor:
    return smooth_pictures(3)


@pytest.mark.parametrize("config", [Config(), COMPACT])
def test_projections_give_the_coefficients_back(config: Config):
    """After steps that pull the matrix out of shape too, in training and after."""
    torch.manual_seed(0)
    space = Space(config).train()
    optimiser = torch.optim.AdamW(space.parameters(), 0.3)
    a, b, target = (
        torch.randn(8, config.identity_size),
        torch.randn(8, config.motion_size),
        torch.randn(8, config.descriptor_size),
    )
    for _ in range(5):
        optimiser.zero_grad()
        F.mse_loss(space(a, b), target).backward()
        optimiser.step()
    assert off_orthonormal(space.fixed + PACE * space.change) > 1e-2, "nothing to orthonormalise"
    before = space(a, b).detach()
    for trained in (True, False):
        space.train(trained)
        with torch.no_grad():
            assert off_orthonormal(space.basis()) < SMALL_ERROR
            back = space.coefficients(space(a, b))
            assert max((back[0] - a).abs().max(), (back[1] - b).abs().max()) < SMALL_ERROR
            assert torch.allclose(space(a, b), before, atol=SMALL_ERROR), "leaving training changes nothing"
    assert space.basis() is space.fixed, "kept, not made anew each frame"


def test_every_descriptor_has_coefficients_where_the_basis_is_complete():
    descriptor = torch.randn(4, 512, generator=torch.Generator().manual_seed(0))
    whole, compact = Space(Config()).eval(), Space(COMPACT).eval()
    with torch.no_grad():
        assert torch.allclose(whole(*whole.coefficients(descriptor)), descriptor, atol=SMALL_ERROR)
        assert (compact(*compact.coefficients(descriptor)) - descriptor).abs().max() > 0.5


def test_gram_schmidt_of_a_known_matrix():
    found = orthonormal(torch.tensor([[3.0, 1.0], [4.0, 0.0]]))
    assert torch.allclose(found, torch.tensor([[0.6, 0.8], [0.8, -0.6]]), atol=1e-6)
    assert torch.allclose(orthonormal(found), found, atol=1e-6)


def test_a_basis_has_no_more_directions_than_numbers():
    with pytest.raises(ValueError, match="do not fit"):
        Config(identity_size=500)


def test_a_motion_is_its_coefficients(model: Sfd, images: torch.Tensor):
    """b -> fields -> b; and what is read out of the descriptor says the same pose as the motion that made it."""
    b = torch.randn(5, model.config.motion_size, generator=torch.Generator().manual_seed(0))
    assert torch.allclose(coefficients(from_coefficients(b)), b, atol=SMALL_ERROR)
    with torch.no_grad():
        motion = model.encode_motion(images)
        pose = model.pose(model.encode_source(images)[IDENTITY], motion)
    for name, value in motion.items():
        assert torch.allclose(pose.motion[name], value, atol=1e-4), name


def test_a_turn_bends_no_face(model: Sfd, images: torch.Tensor):
    """Another pose leaves the keypoints in the head's frame, and turns those in the picture."""
    with torch.no_grad():
        person, motion = model.encode_source(images)[IDENTITY], model.encode_motion(images)
        before = model.pose(person, motion)
        after = model.pose(person, {**motion, "head_pose": motion["head_pose"] + 0.4})
    assert torch.allclose(before.head, after.head, atol=1e-4)
    assert (before.keypoints - after.keypoints).abs().max() > 0.05


def test_starts_where_mmfa_is(images: torch.Tensor):
    """The same keypoints of the same pictures, and the same frame."""
    theirs, ours = mmfa_and_sfd()
    source, driving = images[:1], images[1:2]
    with torch.no_grad():
        frames = []
        for model in (theirs, ours):
            read = [model.encode_motion(picture) for picture in (source, driving)]
            frames.append(model.render(source, model.encode_source(source), *read))
        assert (frames[0].flow - frames[1].flow).abs().max() < 1e-3
        assert (frames[0].frame - frames[1].frame).abs().max() < 5e-3
        assert (frames[0].frame - source).abs().mean() > 0.01, "something has moved"


def test_other_weights_are_left_as_they_are(model: Sfd):
    own = model.state_dict()
    assert adopted(own, own) == own


def batch(count: int = 6) -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    canonical = sfd.build().motion.template.expand(count, -1, -1)
    return {
        "image": torch.rand(count, 3, 256, 256),
        "head_pose": 0.2 * torch.randn(count, 3),
        "scale": torch.ones(count, 1),
        "translation": torch.zeros(count, 2),
        "canonical": canonical + 0.02 * torch.randn(count, 1, 3),
        "head": canonical + 0.02 * torch.randn_like(canonical),
        "blendshapes": torch.rand(count, 52),
        PERSON: torch.arange(count) // 2,
        MOMENT: torch.arange(count),
        KNOWN_AS: F.normalize(torch.randn(count, 128), dim=1),
    }


def test_terms_that_teach_the_split(model: Sfd):
    """Each has a weight; the round trip costs nothing on a basis, and something on a free matrix."""
    truth = batch()
    for config, costs in ((Config(), False), (Config(basis="free"), True)):
        made = sfd.build(config).train()
        if costs:
            torch.nn.init.normal_(made.space.change, std=2)
        terms = MotionObjective(made)(made, truth)
        assert terms.keys() == MOTION_WEIGHTS.keys()
        assert set(SPLIT_TERMS) < terms.keys()
        assert (terms["round_trip"] > 1e-2) == costs


def test_two_frames_of_a_person_agree_only_by_agreeing():
    """same_person does not shrink with the coefficients, and does not count pairs of two people."""
    made = sfd.build().train()
    objective, truth = MotionObjective(made), batch()
    found = {**made.motion(truth["image"]), IDENTITY: torch.randn(6, 448)}
    large, small = (
        objective.compare(made, {**found, IDENTITY: scale * found[IDENTITY]}, truth)["same_person"] for scale in (1.0, 0.1)
    )
    assert float(large) == pytest.approx(float(small), rel=1e-2)
    assert float(large) > 1
    agreeing = {**found, IDENTITY: found[IDENTITY][[0, 0, 2, 2, 4, 4]]}
    assert float(objective.compare(made, agreeing, truth)["same_person"]) == 0
    strangers = {**truth, PERSON: torch.arange(6)}
    assert float(objective.compare(made, found, strangers)["same_person"]) == 0
    assert partners(5, torch.device("cpu")).tolist() == [1, 0, 3, 2, 4]


def test_the_same_moment_on_two_people_is_the_same_code():
    made = sfd.build().train()
    objective, truth = MotionObjective(made), batch()
    found = {**made.motion(truth["image"]), "expression": torch.randn(6, made.config.expression_size)}
    shared = {**truth, MOMENT: torch.tensor([7, 7, 2, 3, 4, 5])}
    assert float(objective.compare(made, found, truth)["same_motion"]) == 0, "moments of their own"
    assert float(objective.compare(made, found, shared)["same_motion"]) > 0.2
    agreeing = {**found, "expression": found["expression"][[0, 0, 2, 3, 4, 5]]}
    assert float(objective.compare(made, agreeing, shared)["same_motion"]) == 0


def test_rendered_people_share_moments():
    known = {"split": np.array(["train"] * 5), "motion": np.array(["", "m1", "m1", "m1", "m2"])}
    pool = SimpleNamespace(**known, time=np.array([0.0, 0.04, 0.08, 0.04, 0.04]))
    assert sfd.moments(pool).tolist() == [0, 1, 2, 1, 4]


@pytest.fixture(scope="module")
def exported(model: Sfd, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    export(model, folder, {"images_seen": {"motion": 0}})
    return folder


@pytest.mark.slow
def test_shipped_graphs_can_be_trained_on(model: Sfd, images: torch.Tensor, exported: Path):
    """Graphs -> module: the same frame, and a basis that is still one."""
    made = sfd.build()
    made.load_state_dict(read_start(exported))
    made.eval()
    assert off_orthonormal(made.space.basis()) < SMALL_ERROR
    with torch.no_grad():
        frames = [
            each.render(
                images[:1], each.encode_source(images[:1]), each.encode_motion(images[:1]), each.encode_motion(images[1:2])
            )
            for each in (model, made)
        ]
        descriptors = [each.pose(each.encode_source(images)[IDENTITY], each.encode_motion(images)).motion[DESCRIPTOR]
                       for each in (model, made)]  # fmt: skip
    assert (frames[0].frame - frames[1].frame).abs().mean() < TOLERANCE
    assert torch.allclose(*descriptors, atol=2e-2)
