"""Shipped ONNX graphs -> PyTorch modules that can be trained on.

What ships has its batch norms folded into the convolutions. Here they are unfolded again: each norm takes the mean and
variance that pictures give behind its convolution, and the scale and shift that undo them, so that the module answers
as the graph does and goes on from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import onnx
import torch
from jaxtyping import Float
from onnx import numpy_helper
from torch import Tensor, nn

from reenact.core.errors import ReenactError
from reenact.methods import METHODS, trained

FOLDED = "onnx::"
"""how the exporter names what it has worked out of several weights"""


def constants(path: Path) -> tuple[dict[str, np.ndarray], list[tuple[np.ndarray, np.ndarray | None]]]:
    """A graph's named weights (widened to fp32, the names that export gave them), and its convolutions' weight and bias in order.

    Raises ReenactError if the file is no ONNX graph.
    """
    try:
        graph = onnx.load(path).graph
    except Exception as error:
        raise ReenactError(f"{path} cannot be read as an ONNX graph: give a folder of shipped weights") from error
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    for node in graph.node:
        if node.op_type == "Cast" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]].astype(np.float32)
        if node.op_type == "Identity" and node.input[0] in values:
            values[node.output[0]] = values[node.input[0]]
    convolutions = [
        (values[node.input[1]], values[node.input[2]] if len(node.input) > 2 else None)
        for node in graph.node
        if node.op_type == "Conv" and node.input[1] in values  # one kernel is worked out: nn/disocclusion.py, calm
    ]
    return values, convolutions


def read(folder: Path, pictures: Float[Tensor, "batch 3 size size"] | None = None) -> dict[str, Tensor]:
    """The state of the model in a folder of shipped weights (config.json and graphs), names as in its state_dict.

    pictures: faces in [0, 1] that the norms are unfolded on; without any, smooth noise serves, on which a model answers as it
    should only while its norms are frozen.

    Raises ReenactError where the folder holds no such weights.
    """
    path = folder / "config.json"
    if not path.exists():
        raise ReenactError(f"{folder} has no config.json: give a folder of shipped weights")
    about = json.loads(path.read_text(encoding="utf-8"))
    name = about.get("method")
    if name not in METHODS:
        raise ReenactError(f"{folder} holds weights of {name!r}, which no recipe trains: take one of {', '.join(METHODS)}")
    model = trained(name).METHOD.build()
    if about.get("backdrop", "drawn") == "drawn":
        model.uncover = None
    image = _noise(model.config.size) if pictures is None else _sized(pictures, model.config.size)
    known = {"image": image, **model.behind(image)}
    named = (about.get("source", "source.onnx"), *(file for file, _ in about.get("render", ())))
    places = {Path(file).name: file for file in named}
    for graph in model.graphs():
        inputs = tuple(_example(name, known) for name in graph.inputs)
        file = folder / places.get(graph.file, graph.file)
        revive(file, graph.module, lambda graph=graph, inputs=inputs: graph.module(*inputs))
        values, _ = constants(file)
        model.unfold([_tensor(value) for name, value in values.items() if name.startswith(FOLDED) and not name.endswith(".half")])
        with torch.no_grad():
            known.update(zip(graph.outputs, graph.module.eval()(*inputs), strict=True))
    return model.state_dict()


def revive(path: Path, module: nn.Module, run: Callable[[], object]) -> None:
    """Fills the part of `module` that one graph was exported from, in place.

    run: calls the module on pictures, in the order in which the graph was exported; it is called twice.
    Raises ReenactError when the graph is of another shape.
    """
    values, convolutions = constants(path)
    order = _order(module, run)
    pairs = {conv: norm for conv, norm in _normalised(module) if conv in order}
    if len(order) != len(convolutions):
        raise ReenactError(f"{path} has {len(convolutions)} convolutions; this method has {len(order)}: other weights are needed")
    state = {name: _tensor(values[name]) for name in module.state_dict() if name in values}
    module.load_state_dict(state, strict=False)
    _set_spread(module, values)
    shift: dict[nn.Module, Tensor] = {}
    for conv, (weight, bias) in zip(order, convolutions, strict=True):
        if weight.shape != tuple(conv.weight.shape):
            raise ReenactError(f"{path} has a convolution of shape {weight.shape}; this method has {tuple(conv.weight.shape)}")
        conv.weight.data = _tensor(weight)
        if conv.bias is not None:
            conv.bias.data = _tensor(bias)
        else:
            shift[conv] = _tensor(bias)
    for conv, norm in pairs.items():
        _set(norm, torch.zeros_like(shift[conv]), torch.ones_like(shift[conv]) - norm.eps, shift[conv])
    seen: dict[nn.Module, tuple[Tensor, Tensor]] = {}

    def watch(conv: nn.Module, _: object, output: Tensor) -> None:
        seen[conv] = output.float().mean((0, 2, 3)), output.float().var((0, 2, 3))

    hooks = [conv.register_forward_hook(watch) for conv in pairs]
    _quietly(module, run)
    for hook in hooks:
        hook.remove()
    for conv, norm in pairs.items():
        mean, variance = seen[conv]
        _set(norm, mean, variance, shift[conv] + mean)


def _set_spread(module: nn.Module, values: dict[str, np.ndarray]) -> None:
    """The keypoints' spread, which the exporter folds into a constant, exp's argument: -2 log_spread."""
    folded = [value for name, value in values.items() if name.startswith("onnx::Exp_")]
    for name, parameter in module.named_parameters():
        if name.endswith("log_spread"):
            for value in folded:
                if value.shape == tuple(parameter.shape):
                    parameter.data = _tensor(value) / -2


def _example(name: str, known: dict[str, Tensor]) -> Tensor:
    """A graph's input: of driving_scale, what was found as scale in the next picture, so that something moves."""
    if name in known:
        return known[name]
    value = known[name.split("_", 1)[1]]
    return value.roll(1, 0) if name.startswith("driving_") else value


def _sized(pictures: Tensor, size: int) -> Tensor:
    return nn.functional.interpolate(pictures, size=(size, size), mode="bilinear", align_corners=False, antialias=True)


def _noise(size: int) -> Tensor:
    """[8,3,size,size]: smooth noise, on which no channel is dead."""
    generator = torch.Generator().manual_seed(0)
    layers = [torch.rand(8, 3, side, side, generator=generator) for side in (4, 16, 64)]
    grown = [nn.functional.interpolate(x, size=(size, size), mode="bilinear", align_corners=False) for x in layers]
    return torch.stack(grown).mean(0)


def _set(norm: nn.BatchNorm2d, mean: Tensor, variance: Tensor, bias: Tensor) -> None:
    norm.running_mean.copy_(mean)
    norm.running_var.copy_(variance)
    norm.weight.data = torch.sqrt(variance + norm.eps)
    norm.bias.data = bias.clone()


def _order(module: nn.Module, run: Callable[[], object]) -> list[nn.Conv2d]:
    """The convolutions in the order in which they are called."""
    called: list[nn.Conv2d] = []
    hooks = [m.register_forward_hook(lambda conv, *_: called.append(conv)) for m in module.modules() if isinstance(m, nn.Conv2d)]
    _quietly(module, run)
    for hook in hooks:
        hook.remove()
    return called


def _quietly(module: nn.Module, run: Callable[[], object]) -> None:
    module.eval()
    with torch.no_grad():
        run()


def _normalised(module: nn.Module) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Each convolution without a bias, with the norm that follows it."""
    waiting = None
    for child in module.modules():
        if isinstance(child, nn.Conv2d):
            waiting = child if child.bias is None else None
        elif isinstance(child, nn.BatchNorm2d) and waiting is not None:
            yield waiting, child
            waiting = None


def _tensor(value: np.ndarray | None) -> Tensor:
    return torch.from_numpy(np.array(value, np.float32))
