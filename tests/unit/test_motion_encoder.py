"""A face is read in two windows: what it looks like is the mean of both, where it is the last one says (nn/motion_encoder.py)."""

import pytest
import torch

from reenact.methods.mmfa.config import Config
from reenact.nn.motion_encoder import MotionEncoder, refined


class Said(MotionEncoder):
    def describe(self, feature, pose):
        return {**pose, "feature": feature}


@pytest.fixture
def looks() -> Said:
    torch.manual_seed(0)
    looks = Said(Config()).eval()
    torch.nn.init.normal_(looks.refine.weight, std=1.0)
    return looks


def test_both_windows_say_what_a_face_looks_like_and_the_last_where_it_is(looks: Said):
    features: list[torch.Tensor] = []
    looks.second.register_forward_hook(lambda module, given, found: features.append(found))
    image = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        said, rough = looks(image), looks.locate(image)
        before, last = features
        first, second = looks.refine(before), looks.refine(last)
    assert (first - second).abs().max() > 0.01, "the two windows are the same"
    torch.testing.assert_close(said["feature"], (before + last) / 2)
    torch.testing.assert_close(said["head_pose"][:, :2], (first + second)[:, :2] / 2)
    where = refined(second, refined(first, rough))
    torch.testing.assert_close(said["head_pose"][:, 2], where["head_pose"][:, 2])
    for name in ("scale", "translation"):
        torch.testing.assert_close(said[name], where[name])
