"""A graph that methods share is written once, and anew where it computes something else, be its weights the same."""

import json
from pathlib import Path

import torch
from torch import Tensor, nn

from reenact.methods.export import renew
from reenact.methods.graph_content import content, same
from reenact.methods.lineage import exported_again, write_lineage
from reenact.nn.graphs import Graph

IMAGE = (torch.rand(1, 3, 8, 8),)


class Plain(nn.Module):
    """A convolution of 3 x 3 x 3 x 3 weights (more than 64: stored as fp16)."""

    def __init__(self, value: float = 0.1) -> None:
        super().__init__()
        self.some = nn.Conv2d(3, 3, 3, padding=1, bias=False)
        nn.init.constant_(self.some.weight, value)

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.some(image) - 0.5,)


class Renamed(Plain):
    def __init__(self) -> None:
        super().__init__()
        self.other = self.some
        del self.some

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.other(image) - 0.5,)


class Swapped(Plain):
    """The same operations on the same weights, the other way round."""

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (0.5 - self.some(image),)


class Rectified(Plain):
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (super().forward(image)[0].relu(),)


def draw(module: nn.Module) -> Graph:
    return Graph("draw.onnx", "render", "fast", module, ("image",), ("frame",))


def test_a_shared_graph_is_written_where_it_computes_something_else(tmp_path: Path):
    own, shared = tmp_path / "mmfa", tmp_path / "shared"
    own.mkdir()
    assert not renew(draw(Plain()), IMAGE, own, shared), "there was none"
    first = (shared / "draw.onnx").read_bytes()
    for alike in (Plain(), Renamed()):
        assert not renew(draw(alike), IMAGE, own, shared)
        assert (shared / "draw.onnx").read_bytes() == first, "what computes the same stays, byte for byte"
    for other in (Swapped(), Rectified()):
        before = content(shared / "draw.onnx")
        assert renew(draw(other), IMAGE, own, shared), "the same weights, other operations"
        assert content(shared / "draw.onnx") != before
    assert not renew(draw(Plain(0.2)), IMAGE, own, shared), "other weights"
    assert not list(own.iterdir())


def test_graphs_of_other_sizes_differ(tmp_path: Path):
    renew(draw(Plain()), IMAGE, tmp_path, tmp_path / "shared")
    assert renew(draw(Plain()), (torch.rand(1, 3, 16, 16),), tmp_path, tmp_path / "shared")


def test_every_lineage_learns_of_a_graph_that_was_exported_again(tmp_path: Path):
    shared = tmp_path / "shared"
    for name, file in (("mmfa", "../shared/draw.onnx"), ("sfd", "../shared/draw.onnx"), ("alone", "draw.onnx")):
        folder = tmp_path / name
        folder.mkdir()
        renew(draw(Plain()), IMAGE, folder, shared)
        (folder / "config.json").write_text(json.dumps({"method": name, "render": [[file, "fast"]]}))
        (folder / "motion.onnx").write_bytes(b"graph")
        write_lineage(folder, [{"from": "runs/joint"}], "python -m something")
    before = {name: json.loads((tmp_path / name / "lineage.json").read_text()) for name in ("mmfa", "sfd", "alone")}
    assert renew(draw(Rectified()), IMAGE, tmp_path / "mmfa", shared)
    assert exported_again(shared, ["draw.onnx"], "python -m again") == [
        tmp_path / name / "lineage.json" for name in ("mmfa", "sfd")
    ]
    for name in ("mmfa", "sfd"):
        said = json.loads((tmp_path / name / "lineage.json").read_text())
        assert said["sources"][0] == {"from": "runs/joint"} and said["command"] == "python -m something"
        assert said["sources"][1]["command"] == "python -m again"
        assert said["sources"][1]["role"] == "draw.onnx: other operations, no weight changed"
        renewed = {file for file, digest in said["graphs_sha256"].items() if digest != before[name]["graphs_sha256"][file]}
        assert renewed == {"../shared/draw.onnx"}
    assert json.loads((tmp_path / "alone" / "lineage.json").read_text()) == before["alone"]


def test_a_methods_own_graph_stays_where_it_computes_the_same(tmp_path: Path):
    assert not renew(draw(Plain()), IMAGE, tmp_path, tmp_path)
    first = (tmp_path / "draw.onnx").read_bytes()
    assert not renew(draw(Renamed()), IMAGE, tmp_path, tmp_path)
    assert (tmp_path / "draw.onnx").read_bytes() == first
    assert renew(draw(Swapped()), IMAGE, tmp_path, tmp_path)
    assert (tmp_path / "draw.onnx").read_bytes() != first
    assert [path.name for path in tmp_path.iterdir()] == ["draw.onnx"]


def test_weights_that_differ_in_their_last_digits_are_the_same(tmp_path: Path):
    for name, value in (("one", 0.1), ("near", 0.1 * (1 + 1e-6)), ("other", 0.1002)):
        (tmp_path / name).mkdir()
        renew(
            Graph("draw.onnx", "render", "fast", Scaled(value), ("image",), ("frame",)), IMAGE, tmp_path / name, tmp_path / name
        )
    one, near, other = (tmp_path / name / "draw.onnx" for name in ("one", "near", "other"))
    assert content(one) != content(near) and same(one, near)
    assert not same(one, other)


class Scaled(Plain):
    """With a number of its own, which stays fp32."""

    def __init__(self, value: float) -> None:
        super().__init__()
        self.size = nn.Parameter(torch.full((3, 1, 1), value))

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return (self.some(image) * self.size,)
