"""Trained runs -> what ships: ONNX graphs with fp16 weights, and config.json.

python -m reenact.methods.export OUT RUN... [--method mmfa|facevid2vid|prior|sfd] [--renderer RUN]
    [--only-renderer | --only-encoder] [--shared src/reenact/weights/shared]

Which graphs there are is the method's own affair (its `graphs()`). They hold 2-D operators only. Weights are stored as fp16
and widened as a graph is loaded, so that the arithmetic is the run-time's choice (fp32, bf16).
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import helper, numpy_helper
from torch import Tensor

from reenact.core.errors import ReenactError, as_options
from reenact.core.provenance import shared_graphs
from reenact.data.pool import Pool
from reenact.methods import METHODS, Trained, trained
from reenact.methods.graph_content import same, weights
from reenact.methods.lineage import command_line, exported_again, sources, write_lineage
from reenact.nn.graphs import Graph
from reenact.nn.keypoint_method import KeypointMethod
from reenact.runtime.trust import write_hashes
from reenact.train.recipe import RENDER_PARTS, parts
from reenact.train.start import begin, images_seen, read_start

OPSET = 18
SMALL = 64
"""tensors of fewer numbers stay fp32: they cost nothing, and constants among them must stay exact"""
PACKED = 31
"""ours: highest number of a packed kernel, 6 bits, which deflate to two thirds of a byte; frames are 52 to 69 dB from fp16's"""
DRAWING = ("source.onnx", "field.onnx", "dense.onnx", "flow.onnx", "draw.onnx")
"""graphs that hold the rendering network"""
READING = ("motion.onnx",)
SHAREABLE = ("source.onnx", "dense.onnx", "draw.onnx")
"""graphs that hold nothing of what is a method's own: methods that render with the same weights need them once"""


def load(recipe: Trained, runs: list[Path], drawing: Path | None = None) -> tuple[KeypointMethod, dict[str, int]]:
    """The model with the averaged weights of these runs, a later run's before an earlier one's, and the images each has seen
    (shipped weights among them, which do not say, are left out). drawing: as `draw_as`.

    Raises ReenactError where a part of the model is in none of them.
    """
    model = recipe.METHOD.build()
    whole = parts(model, tuple(name for name, _ in model.named_children()))
    missing = set(whole)
    for run in runs:
        missing -= set(begin(whole, recipe.METHOD.adopt(read_start(run), model.state_dict())))
    seen = {f"{run.parent.name}/{run.name}": count for run in runs if (count := images_seen(run))}
    if drawing is not None:
        seen |= draw_as(model, drawing)
        missing -= set(RENDER_PARTS)
    if missing:
        raise ReenactError(
            f"{', '.join(map(str, runs))} hold no weights for {', '.join(sorted(missing))}: name the runs of every stage"
        )
    return model.eval(), seen


def draw_as(model: KeypointMethod, run: Path) -> dict[str, int]:
    """Replaces the rendering network by another run's, perhaps another method's; gives the images it has seen. Raises
    ReenactError where
    the run lacks a part of it."""
    drawing = parts(model, RENDER_PARTS)
    if missing := set(drawing) - set(begin(drawing, read_start(run))):
        raise ReenactError(f"{run} holds no weights for {', '.join(sorted(missing))}: name a run of a rendering stage")
    return {f"drawing of {run.parent.name}/{run.name}": images_seen(run)}


def export(model: KeypointMethod, folder: Path, extra: dict, only: tuple[str, ...] = (), shared: Path | None = None) -> list[str]:
    """Writes the model's graphs and config.json, which lists the graphs of `render`; `extra` is added to it. What computes the
    same already stays, byte for byte. only: the files that are written, where the others in the folder are to stay. shared: a
    folder beside `folder` that `SHAREABLE` go to. Gives those of them whose operations changed there while their weights did
    not."""
    folder.mkdir(parents=True, exist_ok=True)
    image = torch.rand(1, 3, model.config.size, model.config.size)
    known = {"image": image, **model.behind(image)}
    graphs, again = model.graphs(), []
    for graph in graphs:
        # An example of source_scale, driving_scale is whatever motion.onnx gave as scale.
        names = [name if name in known else name.split("_", 1)[1] for name in graph.inputs]
        inputs = tuple(known[name] for name in names)
        if not only or graph.file in only:
            if shared is not None and graph.file in SHAREABLE:
                again += [graph.file] * renew(graph, inputs, folder, shared)
            else:
                renew(graph, inputs, folder, folder)
        with torch.no_grad():
            found = graph.module(*inputs)
        known.update(zip(graph.outputs, found, strict=True))
    extra = {"motion": next(graph.speed for graph in graphs if graph.verb == "motion"), **extra}
    place = {file: f"../{shared.name}/{file}" for file in SHAREABLE} if shared is not None else {}
    extra = {**extra, "source": place.get("source.onnx", "source.onnx")}
    extra["render"] = [[place.get(graph.file, graph.file), graph.speed] for graph in graphs if graph.verb == "render"]
    (folder / "config.json").write_text(json.dumps({**asdict(model.config), **extra}, indent=1) + "\n", encoding="utf-8")
    for written in (folder, shared):
        if written is not None:
            write_hashes(written)
    return again


def renew(graph: Graph, inputs: tuple[Tensor, ...], folder: Path, place: Path) -> bool:
    """One graph of `folder`, written into `place` (that folder, or one that methods share) unless what lies there computes the
    same: byte for byte another file would be told from the one that figures are of. Gives whether that had the same weights, but
    other operations."""
    place.mkdir(parents=True, exist_ok=True)
    made, known = folder / f"{graph.file}.new", place / graph.file
    write_graph(graph, inputs, made)
    if place != folder:
        (folder / graph.file).unlink(missing_ok=True)
    if known.exists() and same(known, made):
        made.unlink()
        return False
    again = known.exists() and weights(known) == weights(made)
    made.replace(known)
    return again


def write_graph(
    graph: Graph, inputs: tuple[Tensor, ...], path: Path, free: dict[str, dict[int, str]] | None = None, packed: bool = False
) -> None:
    """One graph, checked, its weights as fp16. free: the axes of inputs and outputs that may have any length, by name; packed:
    kernels of convolutions as bytes, each output channel with a scale of its own, half the file (runtime/packed.py)."""
    names = {"input_names": list(graph.inputs), "output_names": list(graph.outputs), "dynamic_axes": free}
    torch.onnx.export(graph.module.eval(), inputs, str(path), **names, opset_version=OPSET, dynamo=False)
    model = onnx.load(path)
    if packed:
        _pack(model)
    share_turned(model)
    _halve(model, graph.whole)
    spread_grids(model)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def _halve(model: onnx.ModelProto, whole: bool = False) -> None:
    """Large fp32 initialisers -> fp16 with a cast behind each. whole: square ones stay, for a basis keeps its right angles."""
    casts = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.dtype != np.float32 or values.size < SMALL or (whole and values.ndim == 2 and len(set(values.shape)) == 1):
            continue
        half = numpy_helper.from_array(values.astype(np.float16), f"{tensor.name}.half")
        casts.append(helper.make_node("Cast", [half.name], [tensor.name], to=onnx.TensorProto.FLOAT))
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(half)
    _begin_with(model, casts)


def _pack(model: onnx.ModelProto) -> None:
    """Kernels of convolutions -> int8 and, behind it, a cast and a scale for each output channel."""
    nodes, held = [], {tensor.name: tensor for tensor in model.graph.initializer}
    for name in [node.input[1] for node in model.graph.node if node.op_type == "Conv" and node.input[1] in held]:
        tensor = held[name]
        values = numpy_helper.to_array(tensor)
        if values.size < SMALL * SMALL:
            continue
        scale = np.maximum(np.abs(values).max((1, 2, 3), keepdims=True), 1e-8) / np.float32(PACKED)
        model.graph.initializer.remove(tensor)
        model.graph.initializer.append(numpy_helper.from_array(np.round(values / scale).astype(np.int8), f"{name}.bytes"))
        model.graph.initializer.append(numpy_helper.from_array(scale.astype(np.float32), f"{name}.scale"))
        nodes.append(helper.make_node("Cast", [f"{name}.bytes"], [f"{name}.cast"], to=onnx.TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [f"{name}.cast", f"{name}.scale"], [name]))
    _begin_with(model, nodes)


def share_turned(model: onnx.ModelProto) -> None:
    """A square matrix that is another one's transpose (a basis, there and back) -> that one, turned when the graph is compiled:
    bit for bit the same, once in the file."""
    held: list[tuple[str, np.ndarray]] = []
    nodes = []
    for tensor in list(model.graph.initializer):
        values = numpy_helper.to_array(tensor)
        if values.ndim != 2 or len(set(values.shape)) != 1 or values.size < SMALL:
            continue
        other = next((name for name, one in held if one.shape == values.shape and np.array_equal(one, values.T)), None)
        if other is None:
            held.append((tensor.name, values))
            continue
        model.graph.initializer.remove(tensor)
        nodes.append(helper.make_node("Transpose", [other], [tensor.name], perm=[1, 0]))
    _begin_with(model, nodes)


def _begin_with(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    """Puts nodes that make constants before all others."""
    rest = list(model.graph.node)
    del model.graph.node[:]
    model.graph.node.extend([*nodes, *rest])


def spread_grids(model: onnx.ModelProto) -> None:
    """Constant grids [n,m,2] whose first number depends on the column alone and the second on the row -> two lines, spread when
    the graph is compiled: bit for bit the same, a hundredth of the file."""
    for node in [node for node in model.graph.node if node.op_type == "Constant"]:
        grid = next((numpy_helper.to_array(at.t) for at in node.attribute if at.HasField("t")), np.zeros(0))
        if grid.ndim != 3 or grid.shape[2] != 2 or grid.size < SMALL:
            continue
        lines = {"across": grid[:1, :, :1], "down": grid[:, :1, 1:]}
        shape = np.array([*grid.shape[:2], 1])
        if not np.array_equal(grid, np.concatenate([np.broadcast_to(line, shape) for line in lines.values()], 2)):
            continue
        name, at = node.output[0], list(model.graph.node).index(node)
        held = {**lines, "shape": shape}
        model.graph.initializer.extend(numpy_helper.from_array(value, f"{name}.{key}") for key, value in held.items())
        made = [
            helper.make_node("Expand", [f"{name}.{key}", f"{name}.shape"], [f"{name}.{key}.spread"], f"{name}.{key}.spread")
            for key in lines
        ]
        made.append(helper.make_node("Concat", [part.output[0] for part in made], [name], f"{name}.whole", axis=2))
        model.graph.node.remove(node)
        for offset, part in enumerate(made):
            model.graph.node.insert(at + offset, part)


def _drawn_as(model: KeypointMethod) -> dict[str, str]:
    """What config.json says of the rendering network alone."""
    told = ("scales", "backdrop", "source_blocks", "generator_blocks", "flow_blocks")
    return {name: getattr(model.config, name) for name in told}


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--method", choices=sorted(METHODS), default="mmfa")
    parser.add_argument("runs", type=Path, nargs="+", help="folders of the stages, in the order in which they were trained")
    # A regressor that has seen too little answers too small: on training people the true offsets of the lips are 1.2 times,
    # of the cheeks 1.5 times the estimate (docs/log.md, 2026-11-21).
    parser.add_argument("--expression-gain", type=float, default=1.0, help="factor on the expression's offsets (1)")
    parser.add_argument("--mask-gain", type=float, default=1.0, help="factor on the disocclusion mask's logits (1)")
    parser.add_argument("--data", type=Path, help="training pool, for what sfd's directions are turned to")
    parser.add_argument(
        "--renderer",
        "--drawing",
        dest="drawing",
        type=Path,
        help="run of any method whose source encoder, dense motion and generator to take",
    )
    parser.add_argument(
        "--only-renderer",
        "--only-drawing",
        dest="only_drawing",
        action="store_true",
        help="leave the motion encoder in OUT as it is, so that what was measured on it stays true (formerly --only-drawing)",
    )
    parser.add_argument(
        "--only-encoder",
        "--only-reading",
        dest="only_reading",
        action="store_true",
        help="renew the motion encoder in OUT alone; what was measured on it must be measured anew (formerly --only-reading)",
    )
    parser.add_argument(
        "--shared", type=Path, help="folder beside OUT for the graphs that are equal in methods that render alike"
    )
    parser.add_argument("--licence", help="of the weights, for lineage.json; default: as that of the weights they come from")
    return parser


def main() -> None:
    given = _arguments().parse_args()
    if given.shared is not None and given.shared.resolve().parent != given.out.resolve().parent:
        raise SystemExit(f"error: --shared {given.shared}: must lie beside {given.out}")
    recipe = trained(given.method)
    try:
        if given.only_drawing and not (given.drawing and (given.out / "config.json").exists()):
            raise ReenactError("--only-renderer renews a folder of weights: name one, and --renderer RUN")
        if given.only_reading and not (given.out / "config.json").exists():
            raise ReenactError(f"--only-encoder renews a folder of weights: {given.out} is none")
        model, seen = load(recipe, given.runs, given.drawing)
        model.amplify(given.expression_gain)
        if model.uncover is not None:
            model.uncover.sharpen(given.mask_gain)
        finish = getattr(recipe, "finish", None)
        more = finish(model, Pool.load(given.data)) if given.data and finish else {}
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    said = {"images_seen": seen, "expression_gain": given.expression_gain, **more}
    kept = given.out if given.only_drawing or given.only_reading else None
    come_from = sources(given.runs, given.drawing, kept)
    if given.only_drawing:
        before = json.loads((given.out / "config.json").read_text(encoding="utf-8"))
        seen = {**before["images_seen"], **seen}
        again = export(model, given.out, {**before, "images_seen": seen, **_drawn_as(model)}, DRAWING, given.shared)
    elif given.only_reading:
        before = json.loads((given.out / "config.json").read_text(encoding="utf-8"))
        seen = {**before["images_seen"], **seen}
        common = next((given.out / file for file in shared_graphs(given.out)), None)
        again = export(model, given.out, {**before, "images_seen": seen}, READING, common and common.parent)
    else:
        again = export(model, given.out, said, shared=given.shared)
    command = command_line(sys.argv[1:], "reenact.methods.export")
    write_lineage(given.out, come_from, command, given.licence)
    if given.shared is not None and again:
        exported_again(given.shared, again, command)


if __name__ == "__main__":
    main()
