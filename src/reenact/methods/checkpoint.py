"""The training state of what ships, whole, norms and all: so that training goes on from it, and nothing is guessed out of ONNX.

python -m reenact.methods.checkpoint CHECKPOINTS RUN... --method mmfa [--renderer RUN] [--weights src/reenact/weights/mmfa]

Writes CHECKPOINTS/NAME and, of weights that share the rendering network with other methods, CHECKPOINTS/drawing: large
weights as fp16, norms, biases and square bases as they are. Each names its graphs; training from a weights folder finds it
by that (train/start.py). Before anything is written, the state must render what the graphs render.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from reenact.core.errors import ReenactError, as_options
from reenact.core.provenance import graphs_digest, own_graphs, shared_graphs
from reenact.methods import METHODS, trained
from reenact.methods.export import load
from reenact.nn.keypoint_method import KeypointMethod
from reenact.runtime.onnx_method import OnnxMethod, weights_folder
from reenact.train.recipe import RENDER_PARTS
from reenact.train.start import DRAWING
from reenact.train.tensors import write_tensors

FILE = "weights_00.safetensors"
DIFFERENCE_MAX = 1.0
"""ours: mean |difference| of two frames, of 255; fp16 makes some hundredths, another set of weights more than ten"""


def stored(name: str, value: Tensor) -> Tensor:
    """A tensor as a checkpoint keeps it: fp16, but vectors (norms, biases) and square matrices (bases) as they are."""
    square = value.ndim == 2 and len(set(value.shape)) == 1
    return value.half() if value.is_floating_point() and value.ndim > 1 and not square else value.clone()


def difference(model: KeypointMethod, weights: Path) -> float:
    """Mean |difference|, of 255, between a frame as the module renders it and as the graphs in `weights` do."""
    graphs = OnnxMethod(weights, "cpu", 1, background="moved")
    pictures = _pictures(model.config.size)
    source, driving = (np.ascontiguousarray((picture * 255).round().astype(np.uint8)) for picture in pictures)
    portrait = graphs.encode_crop(source)
    found = graphs.render(portrait, graphs.encode_motion(driving))
    model.eval()
    with torch.no_grad():
        one, other = (torch.from_numpy(picture / 255).permute(2, 0, 1)[None].float() for picture in (source, driving))
        drawn = model.render(one, model.encode_source(one), model.encode_motion(one), model.encode_motion(other)).frame
    frame = drawn[0].permute(1, 2, 0).clamp(0, 1).numpy() * 255
    return float(np.abs(frame - found).mean())


def _pictures(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Two smooth pictures in [0, 1]: any will do, for the same numbers are to come out."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    first = np.stack([rows, columns, 0.5 + 0.5 * np.sin(9 * rows + 5 * columns)], 2)
    return first, np.roll(first[:, ::-1], size // 9, axis=0)


def write(model: KeypointMethod, weights: Path, out: Path, images: int = 0) -> list[Path]:
    """The state in one or two files, as the weights are. Raises ReenactError where it is not the state of these weights."""
    found = difference(model, weights)
    if found > DIFFERENCE_MAX:
        raise ReenactError(f"this state renders other frames than {weights} ({found:.1f} of 255): name the runs it came from")
    state = model.state_dict()
    shared = shared_graphs(weights)
    apart = tuple(f"{part}." for part in RENDER_PARTS) if shared else ()
    own = {name: value for name, value in state.items() if not name.startswith(apart)} if apart else state
    written = [(str(asdict(model.config)["method"]), own, own_graphs(weights))]
    if shared:
        written.append((DRAWING, {name: value for name, value in state.items() if name.startswith(apart)}, shared))
    paths = []
    for folder, tensors, graphs in written:
        path = out / folder / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        about = {"format": "pt", "images": str(images), "graphs": graphs_digest(weights, graphs)}
        write_tensors(path, {name: stored(name, value) for name, value in tensors.items()}, about)
        paths.append(path)
    return paths


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="folder of checkpoints; that of a clone is checkpoints")
    parser.add_argument("runs", type=Path, nargs="+", help="as for the exporter")
    parser.add_argument("--method", choices=sorted(METHODS), default="mmfa")
    parser.add_argument("--renderer", "--drawing", dest="drawing", type=Path, help="as for the exporter")
    parser.add_argument("--weights", type=Path, help="the weights that were exported from them; default: those that ship")
    given = parser.parse_args()
    try:
        model, seen = load(trained(given.method), given.runs, given.drawing)
        paths = write(model, given.weights or weights_folder() / given.method, given.out, sum(seen.values()))
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    sys.stdout.write("".join(f"{path}: {path.stat().st_size / 1e6:.1f} MB\n" for path in paths))


if __name__ == "__main__":
    main()
