"""The renderer at half the side starts as the whole one, gives its graph's frames, and is chosen by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from fake_method import write_fake_method
from reenact.core.download import sha256
from reenact.core.errors import ReenactError
from reenact.core.graph_names import FAST
from reenact.core.inference import core
from reenact.evaluate.systems import systems
from reenact.geometry.grid import identity_grid
from reenact.media.image import read_image
from reenact.methods import import_onnx, trained
from reenact.methods.export import write_graph
from reenact.nn.blocks import pool
from reenact.nn.disocclusion import calm
from reenact.nn.fast import FastRenderer
from reenact.nn.generator import grids
from reenact.nn.graphs import fast_graph
from reenact.nn.keypoint_method import KeypointMethod
from reenact.runtime.engine import Engine
from reenact.runtime.graph import OpenVinoGraph
from reenact.runtime.int8 import convolutions
from reenact.runtime.onnx_method import load, weights_folder
from reenact.runtime.packed import held
from reenact.runtime.renderer import expected_rate, seen
from reenact.runtime.trust import read_graph
from untrained import smooth_pictures

SIDE = 256
SHARED = weights_folder() / "shared"
KERNELS = ("/renderer/generator/coarse/coarse.0/second/Conv", "/renderer/generator/enter/enter.0/Conv")
PORTRAIT = Path(__file__).resolve().parents[2] / "examples/portrait.jpg"


@pytest.fixture(scope="module")
def model() -> KeypointMethod:
    made = trained("mmfa").METHOD.build()
    made.load_state_dict(import_onnx.read(weights_folder() / "mmfa", smooth_pictures(2)))
    return made.eval()


def given(random: torch.Generator) -> tuple[torch.Tensor, ...]:
    """image, flow, occlusion, motion features, code"""
    image = F.interpolate(torch.rand(1, 3, 32, 32, generator=random), size=SIDE, mode="bilinear")
    flow = identity_grid(64, 64)[None] + 0.02
    return image, flow, torch.zeros(1, 2, 64, 64), torch.randn(1, 32, 64, 64, generator=random), torch.zeros(1, 246)


@torch.no_grad()
def test_it_starts_as_the_whole_renderer_of_a_portrait_half_as_large(model: KeypointMethod) -> None:
    assert model.uncover is not None
    image, flow, occlusion, motion, code = given(torch.Generator().manual_seed(0))
    levels, features = grids(flow, SIDE), model.source(pool(image, SIDE // 2))
    least = pool(levels[3].permute(0, 3, 1, 2), 16).permute(0, 2, 3, 1)
    half = model.generator(pool(image, SIDE // 2), features, (*levels[1:], least), occlusion, motion, code)
    fast = FastRenderer.of(model.generator, model.uncover, model.config)
    head = {"head_pose": torch.zeros(1, 3), "scale": torch.full((1, 1), 0.6), "translation": torch.zeros(1, 2)}
    made = fast(image, features, levels, occlusion, motion, code, torch.ones(1, 1, SIDE, SIDE), image, head)
    drawn, wanted = made.drawn.generated, half.generated
    assert drawn is not None and wanted is not None and wanted.std() > 0.1
    assert (pool(drawn, SIDE // 2) - wanted).abs().max() < 0.02
    assert (pool(made.drawn.keep, SIDE // 2) - half.keep).abs().mean() < 0.02


@torch.no_grad()
@pytest.mark.parametrize("packed", [False, True])
def test_its_graph_gives_its_frames(model: KeypointMethod, tmp_path: Path, packed: bool) -> None:
    assert model.uncover is not None
    fast = FastRenderer.of(model.generator, model.uncover, model.config)
    image, flow, occlusion, motion, code = given(torch.Generator().manual_seed(1))
    person = (image.mean(1, keepdim=True) > 0.5).float()
    head = torch.full((1, 3), 0.1), torch.full((1, 1), 0.6), torch.zeros(1, 2)
    inputs = (image, *model.source(pool(image, SIDE // 2)), *grids(flow, SIDE), occlusion, motion, code, person, 1 - image, *head)
    graph = fast_graph(fast)
    write_graph(graph, inputs, tmp_path / graph.file, packed=packed)
    names = dict(zip(graph.inputs, (value.numpy() for value in inputs), strict=True))
    found = OpenVinoGraph(tmp_path / graph.file, "f32", 1).run(names)
    for name, wanted in zip(graph.outputs, graph.module(*inputs), strict=True):
        assert np.abs(found[name] - wanted.numpy()).mean() < (6e-3 if packed else 2e-3), name
    assert (tmp_path / graph.file).stat().st_size < (3.2e6 if packed else 6e6)


@pytest.mark.parametrize("times", [2, 4])
def test_calm_is_a_binomial_mean_of_the_shuffled_mask(times: int) -> None:
    blocks = torch.rand(1, times**2, 8, 8, generator=torch.Generator().manual_seed(2))
    line = torch.tensor([0.25, 0.5, 0.25])
    plain = F.conv2d(F.pixel_shuffle(blocks, times), (line[:, None] * line)[None, None])
    torch.testing.assert_close(
        calm(blocks)[..., times:-times, times:-times], plain[..., times - 1 : 1 - times, times - 1 : 1 - times]
    )


def test_the_portrait_at_half_the_side() -> None:
    image = np.random.default_rng(3).random((1, 3, 8, 8), np.float32)
    np.testing.assert_allclose(seen(image, "fast"), pool(torch.from_numpy(image), 4).numpy(), atol=1e-6)
    assert seen(image, "full") is image


def test_what_ships_learned_from_what_ships() -> None:
    said = json.loads((SHARED / "draw_fast.json").read_text())
    assert said["sha256"] == sha256(SHARED / FAST["draw.onnx"])
    assert said["teacher_sha256"] == {"draw.onnx": sha256(SHARED / "draw.onnx")}
    assert all(said["curve"][-1][name] < said["curve"][0][name] for name in ("pixels", "face", "mouth", "eyes", "uncovered"))


@pytest.mark.parametrize("method", ["mmfa", "prior", "sfd", "facevid2vid"])
def test_frames_are_nearly_those_of_the_whole_renderer(method: str) -> None:
    photo, frames = read_image(PORTRAIT), {}
    for renderer in ("full", "fast"):
        loaded = load(method, "cpu", renderer=renderer)
        portrait = loaded.encode_source(photo)
        turned = portrait.motion.head_pose + np.array([0.2, 0, 0], np.float32)
        frames[renderer] = loaded.render(portrait, portrait.motion.replace(head_pose=turned)).astype(np.float32)
        moved = np.abs(frames[renderer] - portrait.image).mean()
        assert moved > 3
    assert np.abs(frames["full"] - frames["fast"]).mean() < 1.5


def test_bytes_are_unpacked_as_the_graph_is_read() -> None:
    kernels = dict(convolutions(read_graph(core(), SHARED / FAST["draw.onnx"])))
    assert all(
        found is not None and found.dtype == np.float16 for found in (held(kernels[name].input_value(1)) for name in KERNELS)
    )


def test_in_integers_too() -> None:
    photo = read_image(PORTRAIT)
    one, other = (load("mmfa", threads=1, precision=name, renderer="fast") for name in ("fp32", "int8"))
    assert (one.precision, other.precision) == ("f32", "int8")
    portraits = [loaded.encode_source(photo) for loaded in (one, other)]
    turned = portraits[0].motion.replace(head_pose=portraits[0].motion.head_pose + np.array([0.2, 0, 0], np.float32))
    frames = [loaded.render(portrait, turned).astype(float) for loaded, portrait in zip((one, other), portraits, strict=True)]
    assert 0 < np.abs(frames[0] - frames[1]).mean() < 1


def test_wrong_choices_are_one_line(tmp_path: Path) -> None:
    fake = write_fake_method(tmp_path / "fake")
    with pytest.raises(ReenactError, match="unknown renderer 'quick': choose one of auto, full, fast"):
        load("mmfa", renderer="quick")  # type: ignore[arg-type]
    with pytest.raises(ReenactError, match="has no fast renderer"):
        load(str(fake), renderer="fast")
    with pytest.raises(ReenactError, match="fast is for the CPU"):
        Engine(device="cuda", renderer="fast").check()


@pytest.mark.parametrize(("rate", "expected"), [(60.0, "full"), (9.0, "fast")])
def test_auto_goes_by_what_this_cpu_is_expected_to_make(monkeypatch: pytest.MonkeyPatch, rate: float, expected: str) -> None:
    monkeypatch.setattr("reenact.runtime.renderer.expected_rate", lambda *_: rate)
    assert load("mmfa", "cpu", 1, renderer="auto").renderer == expected


def test_auto_is_full_where_weights_have_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reenact.runtime.renderer.expected_rate", lambda *_: 1.0)
    assert load(str(write_fake_method(tmp_path / "fake")), "cpu", 1, renderer="auto").renderer == "full"


def test_the_expected_rate_is_that_of_this_cpu() -> None:
    assert 0.01 < expected_rate("cpu", 1, "fp32") < 1000


def test_another_graph_than_the_exported_one_is_refused(tmp_path: Path) -> None:
    for name in ("mmfa", "shared"):
        shutil.copytree(weights_folder() / name, tmp_path / name)
    with (tmp_path / "shared" / FAST["draw.onnx"]).open("ab") as file:
        file.write(b"x")
    with pytest.raises(ReenactError, match="not the file that was exported"):
        load(str(tmp_path / "mmfa"), renderer="fast")
    assert load(str(tmp_path / "mmfa"), "cpu").renderer == "full"


def test_evaluation_has_it_as_a_row_of_its_own() -> None:
    full, fast = systems(("mmfa", "mmfa:fast"))
    assert (full.name, full.renderer, fast.name, fast.method, fast.renderer) == ("mmfa", "full", "mmfa:fast", "mmfa", "fast")
    assert full.weights_sha256 != fast.weights_sha256
