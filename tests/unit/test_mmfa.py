"""The method: what must hold before any training, and what export must keep."""

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from reenact.geometry.grid import identity_grid
from reenact.methods.export import SHAREABLE, export
from reenact.methods.mmfa.config import Config
from reenact.methods.mmfa.model import Mmfa, place
from reenact.methods.mmfa.recipe import build
from reenact.nn.blocks import parameter_count
from reenact.runtime.onnx_method import OnnxMethod

TOLERANCE = 2e-3
"""of [0, 1]: PyTorch fp32 against the exported graphs in fp32, whose weights are stored as fp16"""
BF16_TOLERANCE = 2e-2


@pytest.fixture(scope="module")
def model() -> Mmfa:
    torch.manual_seed(0)
    made = build(Config()).eval()
    # A fresh head corrects nothing; shake it, so that every path counts.
    for parameter in made.dense_motion.head.parameters():
        torch.nn.init.normal_(parameter, std=0.02)
    return made


@pytest.fixture(scope="module")
def image() -> torch.Tensor:
    torch.manual_seed(1)
    return torch.nn.functional.interpolate(torch.rand(1, 3, 16, 16), size=(256, 256), mode="bicubic").clamp(0, 1)


def test_budget(model: Mmfa, image: torch.Tensor):
    """At most 8 GMACs a driving frame, 10.5 M parameters: 10 were planned, the deeper drawing of 2026-11-27 takes 10.03."""
    with torch.no_grad():
        portrait = model.encode_source(image)
        with FlopCounterMode(display=False) as counter:
            motion = model.encode_motion(image)
            model.render(image, portrait, motion, motion)
    assert counter.get_total_flops() / 2 < 8e9
    assert parameter_count(model) < 10.5e6


def test_same_motion_gives_the_source_back(image: torch.Tensor):
    """Untrained, a face that does not move is not warped: the flow is the identity."""
    fresh = build(Config()).eval()
    with torch.no_grad():
        motion = fresh.encode_motion(image)
        rendered = fresh.render(image, fresh.encode_source(image), motion, motion)
    assert (rendered.flow[0] - identity_grid(64, 64)).abs().max() < 1e-4
    assert (rendered.warped - image).abs().max() < 1e-3


def test_a_shifted_head_pulls_its_pixels_along(image: torch.Tensor):
    """Head moved to the right: at the head's new place the flow points back to the left."""
    fresh = build(Config()).eval()
    still = {"head_pose": torch.zeros(1, 3), "scale": torch.ones(1, 1), "translation": torch.zeros(1, 2)}
    still["expression"] = torch.zeros(1, fresh.config.expression_size)
    moved = {**still, "translation": torch.tensor([[0.2, 0.0]])}
    with torch.no_grad():
        flow = fresh.render(image, fresh.encode_source(image), still, moved).flow[0]
    offset = (flow - identity_grid(64, 64))[30:34, 36:40].mean((0, 1))
    # A fresh network leaves an eighth of the middle of a face to the background: sigmoid(-2).
    assert torch.allclose(offset, torch.tensor([-0.88 * 0.2, 0.0]), atol=0.01)


def test_keypoints_follow_the_equation(model: Mmfa):
    """x = s R (x_c + d) + t on a known case: a quarter turn clockwise, twice as large, shifted."""
    head = torch.tensor([[[1.0, 0.0, 0.0]]])
    motion = {"head_pose": torch.tensor([[0, 0, torch.pi / 2]]), "scale": torch.tensor([[2.0]])}
    motion["translation"] = torch.tensor([[0.5, -0.5]])
    assert torch.allclose(place(head, motion).keypoints, torch.tensor([[[0.5, 1.5, 0.0]]]), atol=1e-6)


def test_zero_code_is_neutral(model: Mmfa):
    assert model.expression(torch.zeros(2, model.config.expression_size)).abs().max() == 0


def test_every_parameter_gets_a_gradient(image: torch.Tensor):
    made = build(Config()).train()
    for module in (made.dense_motion.head, made.generator.modulate_coarse.linear, made.generator.modulate_middle.linear):
        torch.nn.init.normal_(module.weight, std=0.02)
    pair = torch.cat([image, image.flip(3)])
    source, driving = made.encode_motion(pair), made.encode_motion(pair.flip(0))
    rendered = made.render(pair, made.encode_source(pair), source, driving)
    rendered.frame.square().mean().backward()
    without = [name for name, p in made.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    # What is seen through a window cannot move it: the first pass has terms of its own (objectives/motion.py).
    first = [name for name in without if name.startswith(("motion.first.", "motion.place."))]
    assert {"motion.first.trunk.0.0.weight", "motion.place.weight"} <= set(first)
    without = [name for name in without if name not in first]
    # The neutral code's output is subtracted, so the last bias cannot matter.
    assert without == ["expression.layers.2.bias"]


@pytest.fixture(scope="module")
def exported(model: Mmfa, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("weights")
    export(model, folder, {"images_seen": {"motion": 0, "render": 0}})
    return folder


@pytest.mark.parametrize(("device", "tolerance"), [("cpu", TOLERANCE), ("auto", BF16_TOLERANCE)])
def test_graphs_agree_with_the_module(model: Mmfa, image: torch.Tensor, exported: Path, device: str, tolerance: float):
    method = OnnxMethod(exported, device)
    pixels = (image[0].permute(1, 2, 0).numpy() * 255).round().astype(np.uint8)
    exact = torch.from_numpy(pixels).permute(2, 0, 1)[None].float() / 255
    portrait = method.encode_crop(pixels)
    motion = portrait.motion
    driving = motion.replace(
        head_pose=motion.head_pose + np.float32([0.3, 0.1, -0.2]), translation=motion.translation + np.float32(0.1)
    )
    frame = method.render(portrait, driving).astype(np.float32) / 255
    tensors = [{k: torch.from_numpy(getattr(m, k))[None] for k in vars(m)} for m in (motion, driving)]
    with torch.no_grad():
        expected = model.render(exact, model.encode_source(exact), *tensors).frame[0].permute(1, 2, 0).numpy()
    assert np.abs(frame - expected).mean() < tolerance
    assert np.abs(frame - expected).mean() < 0.2 * np.abs(frame - exact[0].permute(1, 2, 0).numpy()).mean()


def test_graphs_use_two_dimensions_only(exported: Path):
    """No 3-D convolution, no 5-D grid sample: what keeps peers off phones and browsers."""
    config = json.loads((exported / "config.json").read_text())
    for file in ["source.onnx", "motion.onnx", *(name for name, _ in config["render"])]:
        graph = onnx.shape_inference.infer_shapes(onnx.load(exported / file)).graph
        ranks = {v.name: len(v.type.tensor_type.shape.dim) for v in [*graph.value_info, *graph.input, *graph.output]}
        for node in graph.node:
            if node.op_type in ("Conv", "GridSample", "Resize"):
                assert ranks.get(node.input[0], 4) == 4, (file, node.name)


def test_weights_are_small(exported: Path):
    """20 MB were planned. The deeper drawing weighs 11.9 MB, which ship once for all methods (weights/shared); a method's own
    graphs are 9.6 MB here."""
    sizes = {path.name: path.stat().st_size for path in exported.glob("*.onnx")}
    assert sum(sizes.values()) < 22e6
    assert sum(size for name, size in sizes.items() if name not in SHAREABLE) < 12e6
