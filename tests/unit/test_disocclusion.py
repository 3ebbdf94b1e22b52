"""What the head uncovers: the inpainted background behind a person, and where it is shown."""

import math
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F

import reenact
from places import EXAMPLES
from reenact.faces.fill import _filled
from reenact.geometry.grid import identity_grid
from reenact.losses.matting import behind
from reenact.methods.matting import behind as networks
from reenact.nn.background import near_head, only_near, plate, smooth_colours
from reenact.nn.disocclusion import NOBODY, PERSON, DisocclusionMask, by_matte, calm, decided
from reenact.nn.generator import grids
from reenact.runtime.background import BackgroundKeeper
from reenact.runtime.graph import opener
from reenact.runtime.onnx_method import weights_folder

PORTRAIT = EXAMPLES / "portrait.jpg"


def box(left: int, right: int) -> torch.Tensor:
    person = torch.zeros(1, 1, 256, 256)
    person[..., 64:, left:right] = 1
    return person


def test_smooth_colours_are_those_of_photos_margins():
    """nn/background.py and faces/fill.py hold one algorithm, for two libraries."""
    torch.manual_seed(0)
    image, known = torch.rand(1, 3, 64, 64), (torch.rand(1, 1, 64, 64) < 0.3).float()
    known[..., 10:40, 20:50] = 0
    ours = smooth_colours(image, known)[0].permute(1, 2, 0).numpy()
    weight = known[0].permute(1, 2, 0).numpy()
    theirs = _filled(image[0].permute(1, 2, 0).numpy() * weight, weight)
    assert np.abs(ours - theirs).max() < 1e-5
    assert np.array_equal(ours[weight[..., 0] > 0], image[0].permute(1, 2, 0).numpy()[weight[..., 0] > 0])


def test_a_plate_is_the_portrait_where_nobody_is():
    torch.manual_seed(0)
    image, person = torch.rand(1, 3, 256, 256), box(80, 140)
    found = plate(image, person)
    assert torch.equal(found[..., :70], image[..., :70]) and torch.equal(found[..., 150:], image[..., 150:])
    assert (found - image)[..., 100:, 90:130].abs().mean() > 0.1, "the person is gone"
    assert found[..., 100:, 90:130].std() < image.std() / 3, "what is behind is smooth"
    assert found.min() >= 0 and found.max() <= 1


def test_a_fresh_mask_shows_next_to_nothing_of_the_plate():
    torch.manual_seed(0)
    frame, image, behind_it = torch.rand(3, 2, 3, 64, 64)
    levels = grids(identity_grid(64, 64).expand(2, -1, -1, -1), 64)
    occlusion, motion, person = torch.zeros(2, 2, 64, 64), torch.zeros(2, 8, 64, 64), torch.ones(2, 1, 64, 64)
    uncover = DisocclusionMask(8).eval()
    out, shown = uncover(frame, image, levels, occlusion, motion, behind_it, person)
    assert shown.shape == (2, 1, 64, 64) and shown.min() > 0 and shown.max() < 0.1
    assert torch.allclose(out, frame + shown * (behind_it - frame))
    torch.nn.init.constant_(uncover.head.bias, 10.0)
    assert (uncover(frame, image, levels, occlusion, motion, behind_it, person)[0] - behind_it).abs().max() < 0.01


def test_the_mask_is_told_what_the_portrait_shows_and_how_far_a_pixel_was_brought():
    torch.manual_seed(0)
    frame, behind_it = torch.rand(2, 1, 3, 64, 64)
    still = identity_grid(64, 64)[None]
    occlusion, motion, person = torch.zeros(1, 2, 64, 64), torch.zeros(1, 8, 64, 64), torch.ones(1, 1, 64, 64)
    uncover = DisocclusionMask(8).eval()
    torch.nn.init.normal_(uncover.head.weight, std=3.0)

    def shown(image: torch.Tensor, flow: torch.Tensor) -> torch.Tensor:
        return uncover(frame, image, grids(flow, 64), occlusion, motion, behind_it, person)[1]

    ghost = shown(frame, still)
    assert (shown(torch.rand_like(frame), still) - ghost).abs().mean() > 1e-3
    assert (shown(frame, still + 0.2) - ghost).abs().mean() > 1e-3


def test_a_sharper_mask_says_the_same_with_less_doubt():
    torch.manual_seed(0)
    frame, image, behind_it = torch.rand(3, 1, 3, 64, 64)
    levels = grids(identity_grid(64, 64)[None], 64)
    occlusion, motion, person = torch.zeros(1, 2, 64, 64), torch.randn(1, 8, 64, 64), torch.rand(1, 1, 64, 64)
    uncover = DisocclusionMask(8).eval()
    torch.nn.init.normal_(uncover.head.weight, std=3.0)
    torch.nn.init.constant_(uncover.head.bias, 3.0)
    before = uncover(frame, image, levels, occlusion, motion, behind_it, person)[1].logit()
    uncover.sharpen(2.0)
    after = uncover(frame, image, levels, occlusion, motion, behind_it, person)[1].logit()
    assert before.std() > 0.1 and torch.allclose(after, 2 * before, atol=1e-3)


def test_a_matte_shows_a_person_near_the_head_and_nobody_beside_it():
    person, still, drawn = box(80, 140), identity_grid(256, 256)[None], torch.zeros(1, 1, 256, 256)
    head = {"head_pose": torch.zeros(1, 3), "scale": torch.tensor([[0.8]]), "translation": torch.tensor([[-0.1, 0.2]])}
    here, nobody = by_matte(person, still, drawn, head)[0]
    assert here[150, 110] == 1 and nobody[150, 110] == 0 and here[150, 30] == 0 and nobody[150, 50] == 1
    assert nobody[150, 140] < 0.5, "fine hair beside the outline stays"
    assert by_matte(person, still, drawn + 1, head)[0, 1].max() == 0, "so do the portrait's own pixels"
    assert by_matte(person, still + 1, drawn, head)[0, 0, 150, 110] == 0, "where the flow brings nobody, nobody is"
    assert not by_matte(torch.zeros_like(person), still, drawn, head)[0, 1, 150, 110], "but for a face, which is generated"
    away = {**head, "scale": torch.tensor([[0.3]]), "translation": torch.tensor([[0.6, -0.5]])}
    assert by_matte(person, still, drawn, away)[0, 0, 150:200, 85:135].max() == 0, "an outline where the head was is no person"
    assert here[:, 0].max() == here[-1].max() == 0, "at the rim a frame is the portrait"


def test_a_matte_ends_doubt_and_overrules_no_certainty():
    doubt, certain, one, none = (torch.full((1, 1, 4, 4), value) for value in (0.0, 4.0, 1.0, 0.0))
    somebody, nobody = torch.cat([one, none], 1), torch.cat([none, one], 1)
    assert (decided(doubt, somebody) == -PERSON).all() and (decided(certain, somebody) == certain).all()
    assert (decided(doubt, nobody) == NOBODY).all()
    assert torch.equal(decided(doubt, torch.cat([none, none], 1)), doubt)


def test_calm_keeps_what_is_even_and_takes_a_checker_away():
    checker = torch.tensor([1.0, -1.0, -1.0, 1.0])[None, :, None, None].expand(1, 4, 8, 8)
    assert calm(checker)[..., 1:-1, 1:-1].abs().max() < 1e-6
    assert torch.allclose(calm(torch.full((1, 4, 4, 4), 0.3)), torch.full((1, 1, 8, 8), 0.3))


def test_calm_is_a_binomial_mean_of_the_shuffled_mask():
    """One convolution before the pixel shuffle, and two means after it, but for the rim."""
    blocks = torch.rand(2, 4, 8, 8)
    plain = F.avg_pool2d(F.avg_pool2d(F.pad(F.pixel_shuffle(blocks, 2), (1, 1, 1, 1), mode="replicate"), 2, 1), 2, 1)
    assert torch.allclose(calm(blocks)[..., 1:-1, 1:-1], plain[..., 1:-1, 1:-1], atol=1e-6)


def test_the_loss_knows_where_nobody_is():
    before, now, near = box(80, 140), box(120, 180), torch.ones(1, 1, 256, 256)
    right = 1 - now
    assert behind(right, before, now, near) < 1e-3
    assert behind(1 - right, before, now, near) > 5
    uncovered, elsewhere = right.clone(), right.clone()
    uncovered[..., 64:, 80:120] = 0.5
    elsewhere[..., 64:, 0:40] = 0.5  # as many pixels
    assert behind(uncovered, before, now, near) > 5 * behind(elsewhere, before, now, near) > 0
    assert behind(uncovered, before, now, 0 * near) < behind(uncovered, before, now, near) / 2, "no plate far from the head"
    given = (0.5 * torch.ones_like(now)).requires_grad_()
    behind(given, before, now, near).backward()
    assert given.grad[0, 0, 100, 100] < 0 < given.grad[0, 0, 100, 150], "more of it where nobody is, less where somebody"


@pytest.fixture(scope="module")
def crop() -> np.ndarray:
    return reenact.load(background="moved").encode_source(reenact.read_image(PORTRAIT)).image


def test_the_plate_reaches_as_far_as_a_head_can_have_hidden_something():
    """A head of standard size, turned, right of the middle; what lies about it."""
    motion = {"head_pose": torch.zeros(1, 3), "scale": torch.ones(1, 1), "translation": torch.tensor([[0.25, 0.0]])}
    near = near_head(motion, 256)[0, 0]
    middle = 160
    assert near[128, middle] == 1 and near[128, middle + 70] == 1, "ears and hair"
    assert near[128, 0] == 0 and near[250, middle] < 0.6, "what stands beside; a chest but half"
    assert 0 < near[128, middle - 100] < 1, "no edge between the two"
    small = {**motion, "scale": torch.full((1, 1), 0.5)}
    above, below = near_head(small, 256)[0, 0, 128 - 65, middle], near_head(small, 256)[0, 0, 128 + 65, middle]
    assert above == 1 > below, "hair reaches farther than chins"
    rolled = near_head({**small, "head_pose": torch.tensor([[0.0, 0.0, math.pi / 2]])}, 256)[0, 0]
    assert (rolled[128, middle + 65] == 1) != (rolled[128, middle - 65] == 1), "hair goes with the head's roll"
    assert float(near_head(small, 256).mean()) == pytest.approx(float(near.mean()) / 4, rel=0.5)
    assert near[[0, -1]].max() < 0.05, "at the rim, where it is pasted back, the portrait"
    turned = near_head({**motion, "head_pose": torch.tensor([[0.6, 0.0, 0.0]])}, 256)[0, 0]
    assert not torch.equal(turned, near)
    image, behind_it = torch.rand(2, 1, 3, 256, 256)
    kept = only_near(behind_it, image, motion)
    assert torch.equal(kept[..., :20], image[..., :20]) and torch.allclose(kept[..., 128, 150:170], behind_it[..., 128, 150:170])


def test_training_and_running_see_the_same_behind(crop: np.ndarray):
    image = np.ascontiguousarray(crop.transpose(2, 0, 1)[None], np.float32) / 255
    motion = {"head_pose": np.zeros((1, 3)), "scale": np.ones((1, 1)), "translation": np.full((1, 2), 0.1)}
    motion = {name: value.astype(np.float32) for name, value in motion.items()}
    found = BackgroundKeeper(weights_folder() / "person", opener("cpu", 0), opener("cpu", 0)).find(image, motion)
    tensor = torch.from_numpy(image)
    person, whole = networks()(tensor)
    near = near_head({name: torch.from_numpy(value) for name, value in motion.items()}, 256).numpy()
    person, whole = person.numpy(), only_near(whole, tensor, {n: torch.from_numpy(v) for n, v in motion.items()}).numpy()
    assert np.abs(found["person"] - person).max() < 1e-3
    assert np.abs(found["plate"] - whole).mean() < 1e-3
    assert np.abs(whole - image)[np.broadcast_to(person < 0.01, whole.shape)].mean() < 0.02
    assert np.abs(whole - image)[np.broadcast_to((person > 0.99) & (near == 1), whole.shape)].mean() > 0.1
    assert not (whole - image)[np.broadcast_to(near == 0, whole.shape)].any()


def test_training_wants_no_more_than_its_extra():
    """`.[train]` brings no SciPy: what is behind is read without it."""
    code = "import sys; sys.modules['scipy'] = None; from reenact.methods.mmfa import recipe; recipe.build()"
    subprocess.run([sys.executable, "-c", code], check=True)
