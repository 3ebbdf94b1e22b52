"""mmfa's other forms: transforms to compare with, offsets without pose, a Gaussian code. All are off by default."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from reenact.faces.points import template
from reenact.faces.pose import canonical_face
from reenact.geometry.rotation import rotation_matrix
from reenact.losses import gaussian
from reenact.methods.export import export
from reenact.methods.facevid2vid.config import Config as BaselineConfig
from reenact.methods.facevid2vid.model import FaceVid2Vid
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa
from reenact.methods.mmfa.objective import FREE_NATS, MotionObjective, motion_weights
from reenact.methods.mmfa.projection import RIGID, cross, inverse, without_pose
from reenact.methods.mmfa.transform import offsets_of, place, transformed
from reenact.runtime.onnx_method import OnnxMethod

TRANSFORMS = ("mmfa", "liveportrait", "facevid2vid")
EVERYTHING = tuple(range(40))


def face() -> torch.Tensor:
    return torch.from_numpy(template(canonical_face().points))


THIN = {
    "first_widths": (8, 8, 8, 8),
    "motion_widths": (8, 8, 8, 8, 8),
    "source_widths": (8, 8, 8),
    "flow_widths": (8, 8, 8),
    "backdrop": "drawn",
}
"""nothing here depends on how wide the networks are"""


def made(**changes: str) -> Mmfa:
    torch.manual_seed(0)
    return Mmfa(replace(Config(), **THIN, **changes), face())


def truth(count: int = 4) -> dict[str, torch.Tensor]:
    torch.manual_seed(2)
    canonical = face().expand(count, -1, -1)
    expression = torch.zeros_like(canonical)
    expression[:, :40] = 0.03 * torch.randn(count, 40, 3)
    return {
        "head_pose": torch.empty(count, 3).uniform_(-0.6, 0.6),
        "scale": torch.empty(count, 1).uniform_(0.8, 1.3),
        "translation": torch.empty(count, 2).uniform_(-0.2, 0.2),
        "canonical": canonical,
        "head": canonical + expression,
    }


def test_the_default_is_as_it_was():
    """No option adds a name to checkpoints, or changes what the equation says."""
    names = set(made().state_dict())
    assert not [name for name in names if "log_variance" in name]
    assert names == set(made(transform="facevid2vid").state_dict()) == set(made(offsets="without_pose").state_dict())
    assert set(made(code="gaussian").state_dict()) - names == {"motion.log_variance.weight", "motion.log_variance.bias"}
    one = truth()
    whole = transformed("mmfa", one["canonical"], one["head"] - one["canonical"], one)
    assert torch.allclose(whole.keypoints, place(one["head"], one).keypoints, atol=1e-6)
    assert set(MotionObjective(made()).state_dict()) == {"blendshapes.weight", "blendshapes.bias"}
    assert "kl" not in motion_weights(Config())


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_every_transform_reaches_the_teachers_keypoints(transform):
    one = truth()
    reached = transformed(transform, one["canonical"], offsets_of(transform, one), one).keypoints
    assert torch.allclose(reached, place(one["head"], one).keypoints, atol=1e-5)


def test_transforms_by_hand():
    """Quarter turn clockwise, scale 2, x_c = (1, 0, 0), d = (0.1, 0, 0), t = 0: (1,0,0) turns to (0,1,0)."""
    motion = {
        "head_pose": torch.tensor([[0.0, 0.0, torch.pi / 2]]),
        "scale": torch.tensor([[2.0]]),
        "translation": torch.zeros(1, 2),
    }
    canonical, offsets = torch.tensor([[[1.0, 0.0, 0.0]]]), torch.tensor([[[0.1, 0.0, 0.0]]])
    expected = {"mmfa": [0.0, 2.2, 0.0], "liveportrait": [0.2, 2.0, 0.0], "facevid2vid": [0.1, 1.0, 0.0]}
    for transform, keypoint in expected.items():
        assert torch.allclose(transformed(transform, canonical, offsets, motion).keypoints, torch.tensor([[keypoint]]), atol=1e-6)


def test_the_baselines_equation_is_the_same():
    """methods/facevid2vid writes it out; as an option of mmfa it must say the same."""
    one = truth()
    baseline = FaceVid2Vid(BaselineConfig(), face())
    ours, theirs = made(transform="facevid2vid").teacher(one), baseline.teacher(one)
    for name in ("keypoints", "head"):
        assert torch.allclose(getattr(ours, name), getattr(theirs, name), atol=1e-5)


angle = st.floats(-0.5, 0.5, width=32)


@given(st.tuples(angle, angle, angle), st.tuples(angle, angle, angle), st.floats(-0.25, 0.25, width=32))
@settings(max_examples=30, deadline=None)
def test_a_shift_a_turn_and_a_growth_are_taken_out(shift: tuple, spin: tuple, growth: float):
    """However large, as long as it is linear in the keypoints: a + w x x_c + g x_c. Whatever was added to it stays."""
    canonical = face()[None, :40]
    torch.manual_seed(0)
    expression = without_pose(canonical, 0.05 * torch.randn(1, 40, 3), RIGID)
    pose = torch.tensor(shift) + cross(torch.tensor(spin).expand(40, 3), canonical) + growth * canonical
    assert torch.allclose(without_pose(canonical, expression + pose, RIGID), expression, atol=1e-4)


def test_what_a_real_turn_leaves_is_of_second_order():
    """A true rotation by 0.1 rad: a hundredth of the displacement at most stays behind."""
    canonical = face()[None, :40]
    turned = canonical @ rotation_matrix(torch.tensor([[0.06, -0.06, 0.06]])).transpose(1, 2)
    left = without_pose(canonical, turned - canonical, RIGID)
    assert left.norm() < 0.06 * (turned - canonical).norm()


def test_with_all_keypoints_it_is_the_orthogonal_projection():
    canonical = face()[None, :40]
    torch.manual_seed(1)
    offsets = torch.randn(1, 40, 3)
    left = without_pose(canonical, offsets, EVERYTHING)
    arm = canonical - canonical.mean(1, keepdim=True)
    assert left.mean(1).abs().max() < 1e-5
    assert cross(arm, left).sum(1).abs().max() < 1e-4
    assert (arm * left).sum().abs() < 1e-4
    assert torch.allclose(without_pose(canonical, left, EVERYTHING), left, atol=1e-5), "a second time it changes nothing"
    assert abs(float((left * (offsets - left)).sum())) < 1e-3
    assert 0.8 < float(left.norm() / offsets.norm()) < 1, "7 of 120 dimensions go"


def test_zero_stays_zero_and_pose_leaves_offsets_alone():
    model = made(offsets="without_pose").eval()
    canonical = face()[None]
    code = torch.randn(1, model.config.expression_size)
    one = {"head_pose": torch.zeros(1, 3), "scale": torch.ones(1, 1), "translation": torch.zeros(1, 2)}
    neutral = model.pose(canonical, {**one, "expression": torch.zeros_like(code)})
    assert torch.allclose(neutral.head, canonical, atol=1e-7)
    with torch.no_grad():
        model.expression.layers[-1].weight.normal_(std=0.1)
    start = model.pose(canonical, {**one, "expression": code})
    moved = model.pose(
        canonical, {**one, "expression": code, "head_pose": torch.full((1, 3), 0.4), "scale": torch.tensor([[1.3]])}
    )
    assert torch.allclose(start.head, moved.head, atol=1e-6)
    assert (start.head - canonical)[:, list(RIGID)].mean(1).abs().max() < 1e-6
    assert (start.head - canonical).abs().max() > 1e-2


def test_inverse():
    torch.manual_seed(0)
    matrix = torch.randn(5, 3, 3)
    assert torch.allclose(inverse(matrix) @ matrix, torch.eye(3).expand(5, 3, 3), atol=1e-4)


def test_projection_only_where_it_means_something():
    with pytest.raises(ValueError, match="head's frame"):
        Config(offsets="without_pose", transform="liveportrait")


def test_divergence_of_known_gaussians():
    """KL(N(m, s^2) || N(0, 1)) = (m^2 + s^2 - 1 - ln s^2) / 2, by numbers and by sampling."""
    mean, log_variance = torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([[0.0, 0.0, float(np.log(4.0))]])
    found = gaussian.divergence(mean, log_variance)
    assert torch.allclose(found, torch.tensor([0.0, 0.5, (4 - 1 - float(np.log(4))) / 2]), atol=1e-6)
    torch.manual_seed(0)
    drawn = gaussian.sample(mean[0], log_variance[0], torch.randn(200_000, 3))
    assert torch.allclose(drawn.mean(0), mean[0], atol=0.02) and torch.allclose(drawn.var(0).log(), log_variance[0], atol=0.02)
    inside = torch.distributions.Normal(mean[0], (0.5 * log_variance[0]).exp()).log_prob(drawn)
    assert torch.allclose((inside - torch.distributions.Normal(0.0, 1.0).log_prob(drawn)).mean(0), found, atol=0.02)


def test_free_bits_pull_only_what_says_more():
    divergences = torch.tensor([0.01, 0.04, 0.25], requires_grad=True)
    pull = gaussian.beyond_free_bits(divergences, 0.05)
    assert torch.isclose(pull, torch.tensor(0.2))
    pull.backward()
    assert divergences.grad.tolist() == [0.0, 0.0, 1.0]
    assert gaussian.collapsed(torch.tensor([0.001, 0.5])) == 0.5


def found_by(model: Mmfa, one: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    feature = torch.randn(len(one["head"]), model.motion.refine.in_features)
    return model.motion.describe(feature, {name: one[name] for name in ("head_pose", "scale", "translation")})


@pytest.mark.parametrize("changes", [{"transform": t} for t in TRANSFORMS] + [{"offsets": "without_pose"}, {"code": "gaussian"}])
def test_every_form_learns(changes: dict[str, str]):
    """The terms that a form has, weighed, fall in a few steps on one batch; every number of its own gets a gradient."""
    model = made(**changes).train()
    objective, one = MotionObjective(model), {**truth(), "blendshapes": torch.rand(4, 52)}
    weights = {name: weight for name, weight in motion_weights(model.config).items() if name != "rough"}
    moved = [*model.motion.expression.parameters(), *model.motion.canonical.parameters(), *model.expression.parameters()]
    if changes.get("code") == "gaussian":
        moved += model.motion.log_variance.parameters()
    losses = []
    for _ in range(25):
        torch.manual_seed(5)
        terms = objective.compare(model, found_by(model, one), one)
        assert terms.keys() == weights.keys()
        losses.append(sum(weights[name] * value for name, value in terms.items()))
        gradients = torch.autograd.grad(losses[-1], moved, allow_unused=True)
        with torch.no_grad():
            for parameter, gradient in zip(moved, gradients, strict=True):
                if gradient is not None:
                    parameter -= 3e-4 * gradient.sign()
    losses = [round(float(loss), 3) for loss in losses]
    assert losses[-1] < 0.9 * losses[0], losses
    if changes.get("code") == "gaussian":
        assert gradients[-2].abs().sum() > 0, "the variance learns too"
        assert objective.pictures == 100


def test_validation_draws_no_noise():
    model = made(code="gaussian").eval()
    objective, one = MotionObjective(model), {**truth(), "blendshapes": torch.rand(4, 52)}
    found = found_by(model, one)
    first, second = (objective.compare(model, found, one) for _ in range(2))
    assert all(torch.equal(first[name], second[name]) for name in first)
    assert objective.pictures == 0 and FREE_NATS > 0


@pytest.mark.parametrize("changes", [{"offsets": "without_pose", "code": "gaussian"}, {"transform": "facevid2vid"}])
@pytest.mark.slow
def test_graphs_agree_with_the_module(changes: dict[str, str], tmp_path: Path):
    """Projection and Gaussian code export like the rest: the code that ships is the mean."""
    model = made(**changes).eval()
    torch.nn.init.normal_(model.expression.layers[-1].weight, std=0.05)
    export(model, tmp_path, {})
    method = OnnxMethod(tmp_path, "cpu")
    image = torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), size=(256, 256), mode="bicubic").clamp(0, 1)
    pixels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    exact = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    portrait = method.encode_crop(pixels)
    motion = portrait.motion
    driving = motion.replace(expression=motion.expression + np.float32(1), head_pose=motion.head_pose + np.float32(0.2))
    frame = method.render(portrait, driving).astype(np.float32) / 255
    tensors = [{k: torch.from_numpy(v)[None] for k, v in vars(m).items() if v is not None} for m in (motion, driving)]
    with torch.no_grad():
        assert np.allclose(model.encode_motion(exact)["expression"][0].numpy(), motion.expression, atol=5e-3)
        expected = model.render(exact, model.encode_source(exact), *tensors).frame[0].permute(1, 2, 0).numpy()
    assert np.abs(frame - expected).mean() < 2e-3
    assert np.abs(frame - exact[0].permute(1, 2, 0).numpy()).mean() > 1e-2
