"""Trained runs -> what ships: ONNX graphs with fp16 weights, and config.json.

python -m reenact.recipes.export OUT --motion RUN... --render RUN...    (runs in the order they were trained)

The graphs hold 2-D operators only. Weights are stored as fp16 and widened as a graph is loaded, so that the arithmetic is
the run-time's choice (fp32, bf16).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from reenact.methods.mmfa.model import Mmfa, Pose, relative_matrix
from reenact.methods.mmfa.parts import grids
from reenact.recipes.mmfa import MOTION_PARTS, RENDER_PARTS, build, parts
from reenact.train.loop import load_average

OPSET = 18
SMALL = 64
"""tensors of fewer numbers stay fp32: they cost nothing, and constants among them must stay exact"""
MOTION_FIELDS = ("head_pose", "scale", "translation", "expression")
GRIDS = ("grid", "grid_fine", "grid_middle", "grid_coarse")
RENDER_GRAPHS = [["field.onnx", "fast"], ["flow.onnx", "exact"], ["draw.onnx", "fast"]]
"""run in this order, outputs feeding inputs of the same name; `exact` always runs in fp32"""
PORTRAIT_FIELDS = ("canonical_keypoints", "fine", "middle", "coarse")


class _Source(nn.Module):
    def __init__(self, model: Mmfa) -> None:
        super().__init__()
        self.model = model

    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        return self.model.source(image)


class _Motion(_Source):
    def forward(self, image: Tensor) -> tuple[Tensor, ...]:
        motion = self.model.motion(image)
        return tuple(motion[name] for name in (*MOTION_FIELDS, PORTRAIT_FIELDS[0]))


class _Keypoints(_Source):
    """Three steps of `render`, apart so that the middle one can run in fp32 while its neighbours run in bf16."""

    def poses(self, values: tuple[Tensor, ...]) -> tuple[Pose, Pose]:
        count = len(MOTION_FIELDS)
        source = dict(zip(MOTION_FIELDS, values[1 : 1 + count], strict=True))
        driving = dict(zip(MOTION_FIELDS, values[1 + count : 1 + 2 * count], strict=True))
        return self.model.pose(values[0], source), self.model.pose(values[0], driving)


class _Field(_Keypoints):
    def forward(self, image: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        source, driving = self.poses(values)
        matrix = relative_matrix(source, driving)
        return self.model.dense_motion(image, source.keypoints, driving.keypoints, matrix)


class _Flow(_Keypoints):
    def forward(self, correction: Tensor, *values: Tensor) -> tuple[Tensor, ...]:
        source, driving = self.poses(values)
        matrix = relative_matrix(source, driving)
        flow, occlusion = self.model.dense_motion.flow(correction, source.keypoints, driving.keypoints, matrix)
        return *grids(flow, self.model.config.size), occlusion, self.model.code(source, driving)


class _Draw(_Source):
    def forward(self, image: Tensor, *values: Tensor) -> Tensor:
        features, levels, (occlusion, motion, code) = values[:3], values[3:7], values[7:]
        return self.model.generator(image, features, levels, occlusion, motion, code)[0]


def load(motion: list[Path], render: list[Path]) -> tuple[Mmfa, dict[str, int]]:
    """The model with both stages' averaged weights, and the images that each has seen.

    A stage may have been trained in several runs, each started from the one before: the last one's weights count.
    """
    model = build()
    seen = {"render": sum(load_average(run, parts(model, RENDER_PARTS)) for run in render)}
    trained = parts(model, MOTION_PARTS)
    trained["probe"] = nn.ModuleDict({"blendshapes": nn.Linear(model.config.expression_size, 52)})
    seen["motion"] = sum(load_average(run, trained) for run in motion)
    return model.eval(), seen


def export(model: Mmfa, folder: Path, extra: dict) -> None:
    """Writes source.onnx, motion.onnx, the three graphs of `render` and config.json; `extra` is added to the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    image = torch.rand(1, 3, model.config.size, model.config.size)
    with torch.no_grad():
        portrait, motion = model.encode_source(image), model.encode_motion(image)
    _graph(_Source(model), (image,), ["image"], list(PORTRAIT_FIELDS[1:]), folder / "source.onnx")
    _graph(_Motion(model), (image,), ["image"], [*MOTION_FIELDS, PORTRAIT_FIELDS[0]], folder / "motion.onnx")
    keypoints = ["canonical_keypoints"]
    keypoints += [f"{who}_{field}" for who in ("source", "driving") for field in MOTION_FIELDS]
    values = (portrait["canonical_keypoints"], *motion.values(), *motion.values())
    field, flow = _Field(model), _Flow(model)
    with torch.no_grad():
        correction, features = field(image, *values)
        *levels, occlusion, code = flow(correction, *values)
    pyramid = [portrait[name] for name in PORTRAIT_FIELDS[1:]]
    _graph(field, (image, *values), ["image", *keypoints], ["correction", "features"], folder / "field.onnx")
    _graph(flow, (correction, *values), ["correction", *keypoints], [*GRIDS, "occlusion", "code"], folder / "flow.onnx")
    names = ["image", *PORTRAIT_FIELDS[1:], *GRIDS, "occlusion", "features", "code"]
    _graph(_Draw(model), (image, *pyramid, *levels, occlusion, features, code), names, ["frame"], folder / "draw.onnx")
    extra = {"render": RENDER_GRAPHS, **extra}
    (folder / "config.json").write_text(json.dumps({**asdict(model.config), **extra}, indent=1) + "\n")


def _graph(module: nn.Module, inputs: tuple[Tensor, ...], names: list[str], outputs: list[str], path: Path) -> None:
    torch.onnx.export(
        module.eval(), inputs, str(path), input_names=names, output_names=outputs, opset_version=OPSET, dynamo=False
    )
    graph = onnx.load(path)
    _halve(graph)
    onnx.checker.check_model(graph)
    onnx.save(graph, path)


def _halve(model: onnx.ModelProto) -> None:
    """Large fp32 initialisers -> fp16 with a cast behind each."""
    casts = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALL:
            continue
        half = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half")
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(half)
    nodes = casts + list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--motion", type=Path, nargs="+", required=True)
    parser.add_argument("--render", type=Path, nargs="+", required=True)
    # A regressor that has seen too little answers too small: on training people the true offsets of the lips are 1.2 times,
    # of the cheeks 1.5 times what is read (docs/log.md, 2026-11-21).
    parser.add_argument("--expression-gain", type=float, default=1.0, help="factor on the expression's offsets (1)")
    given = parser.parse_args()
    model, seen = load(given.motion, given.render)
    with torch.no_grad():
        model.expression.layers[-1].weight *= given.expression_gain
    export(model, given.out, {"images_seen": seen, "expression_gain": given.expression_gain})


if __name__ == "__main__":
    main()
