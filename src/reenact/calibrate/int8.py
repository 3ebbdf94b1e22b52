"""Between which numbers each convolution's input lies, so that it can compute in 8-bit integers (runtime/int8.py).

python -m reenact.calibrate.int8 src/reenact/weights/shared POOL [--people 40] [--only-fast]

Runs every method beside the folder whose config.json names its graphs, on pairs of frames of people that the weights were trained
on, and keeps the lowest and the highest number seen. Heads, convolutions of few channels and those that take a graph's input
directly stay in floating point: they say where pixels lie or what is kept of them.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from reenact.core.download import sha256
from reenact.core.errors import ReenactError, as_options
from reenact.core.graph_names import FAST
from reenact.core.inference import cpu_options, load_openvino
from reenact.core.types import Image
from reenact.data.pool import Pool
from reenact.evaluate.results import write_json
from reenact.runtime.graph import Graph, OpenVinoGraph
from reenact.runtime.int8 import FILE, convolutions
from reenact.runtime.onnx_method import OnnxMethod
from reenact.runtime.renderer import Renderer, has_fast, render_files
from reenact.runtime.trust import read_config, read_graph

NARROW = 16
"""ours: input channels below which integers gain nothing"""
HEAD = "/head/"
"""in the name of what makes a graph's outputs"""
CALM = "/generator/Conv"
"""the smoothing of the keep mask (nn/disocclusion.py: calm), no layer"""
MARGIN = 0.05
"""ours: of the span, added at either end that is not 0: a face never seen is a little outside"""
KINDS: tuple[Renderer, ...] = ("full", "fast")
SEED = 20261127


@dataclass
class Watched:
    """A graph in fp32 that notes the range of its convolutions' inputs. Itself a graph."""

    path: Path
    low: dict[str, float] = field(default_factory=dict)
    high: dict[str, float] = field(default_factory=dict)
    precision: str = "f32"

    def __post_init__(self) -> None:
        openvino = load_openvino()

        core = openvino.Core()
        model = read_graph(core, self.path)
        wanted = {name: node.input_value(0) for name, node in convolutions(model) if _suits(name, node)}
        self._names = [sorted(port.get_names()) for port in model.outputs]
        model.add_outputs(list(wanted.values()))
        ports = [_key(port.get_node().input_value(0)) for port in model.outputs]
        self._at = {name: ports.index(_key(value)) for name, value in wanted.items()}
        compiled = core.compile_model(model, "CPU", cpu_options(0, "f32"))
        self._request = compiled.create_infer_request()
        self._given = [sorted(port.get_names()) for port in compiled.inputs]
        self.inputs = tuple(name for names in self._given for name in names)

    def hold(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Not offered: `run` is given everything."""
        raise NotImplementedError

    def twin(self) -> Graph:
        """Not offered."""
        raise NotImplementedError

    def run(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self._request.infer([np.asarray(next(tensors[name] for name in names if name in tensors)) for names in self._given])
        for name, at in self._at.items():
            seen = self._request.get_output_tensor(at).data
            self.low[name] = min(self.low.get(name, 0.0), float(seen.min()))
            self.high[name] = max(self.high.get(name, 0.0), float(seen.max()))
        return {name: self._request.get_output_tensor(i).data for i, names in enumerate(self._names) for name in names}

    def ranges(self) -> dict[str, tuple[float, float]]:
        """What was seen, and a little more."""
        spans = {name: self.high[name] - self.low[name] for name in self.high}
        return {
            name: (round(self.low[name] - MARGIN * span * (self.low[name] < 0), 5), round(self.high[name] + MARGIN * span, 5))
            for name, span in spans.items()
            if span > 0
        }


def measure(folder: Path, pool_folder: Path, people: int, kinds: tuple[Renderer, ...] = KINDS) -> dict[str, Any]:
    """int8.json of a folder of graphs. kinds: the renderers that are run. Raises ReenactError for a pool or weights that
    cannot be used."""
    users = sorted(path.parent for path in folder.parent.glob("*/config.json"))
    users = [user for user in users if _names(user, folder)]
    if not users:
        raise ReenactError(f"no weights beside {folder} render with its graphs")
    watched: dict[str, Watched] = {}
    for user, renderer in itertools.product(users, kinds):
        if renderer == "fast" and not has_fast(read_config(user), user):
            continue
        method = OnnxMethod(user, "cpu", background="still", renderer=renderer)
        files = render_files(method.config, user, renderer)
        graphs = [_graph(path, speed, folder, watched) for path, speed in files]
        for source, driving in _pairs(Pool.load(pool_folder, splits=("train",)), people):
            _run(method, graphs, source, driving)
    return {name: {"sha256": sha256(graph.path), "inputs": graph.ranges()} for name, graph in sorted(watched.items())}


def _names(user: Path, folder: Path) -> bool:
    return any(f"../{folder.name}/" in line for line in (user / "config.json").read_text(encoding="utf-8").splitlines())


def _graph(path: Path, speed: str, folder: Path, watched: dict[str, Watched]) -> Graph:
    if speed != "fast" or path.resolve().parent != folder.resolve():
        return OpenVinoGraph(path, "f32")
    return watched.setdefault(path.name, Watched(path.resolve()))


def _run(method: OnnxMethod, graphs: list[Graph], source: Image, driving: Image) -> None:
    """One frame through all graphs."""
    portrait, motion = method.encode_crop(source), method.encode_motion(driving)
    known = {**portrait.tensors, **portrait.motion.tensors("source"), **motion.tensors("driving")}
    for graph in graphs:
        known.update({name: np.array(value) for name, value in graph.run(known).items()})


def _pairs(pool: Pool, people: int) -> Iterator[tuple[Image, Image]]:
    """Two frames of one clip, of this many people."""
    chance = np.random.default_rng(SEED)
    for person in chance.permutation(np.unique(pool.identity))[:people]:
        clips = pool.clip[pool.identity == person]
        rows = np.flatnonzero(pool.clip == chance.choice(clips))
        if len(rows) > 1:
            source, driving = pool.read(np.sort(chance.choice(rows, 2, replace=False)))
            yield source, driving


def _suits(name: str, node: Any) -> bool:
    value = node.input_value(0)
    channels = value.get_partial_shape()[1].get_length()
    return HEAD not in name and not name.endswith(CALM) and channels >= NARROW and value.get_node().get_type_name() != "Parameter"


def _key(value: Any) -> tuple[str, int]:
    return value.get_node().get_friendly_name(), value.get_index()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("graphs", type=Path, help="the folder of graphs that methods share")
    parser.add_argument("pool", type=Path)
    parser.add_argument("--people", type=int, default=40)
    parser.add_argument(
        "--only-fast", action="store_true", help="measure what the fast renderer alone has; the rest stays as it is"
    )
    given = parser.parse_args()
    try:
        found = measure(given.graphs, given.pool, given.people, ("fast",) if given.only_fast else KINDS)
        if given.only_fast:
            before = json.loads((given.graphs / FILE).read_text(encoding="utf-8"))
            found = {**before, **{name: said for name, said in found.items() if name in FAST.values()}}
    except ReenactError as error:
        raise SystemExit(f"error: {as_options(str(error))}") from None
    write_json(given.graphs / FILE, found)
    counts = ", ".join(f"{len(said['inputs'])} of {name}" for name, said in found.items())
    sys.stdout.write(f"{given.graphs / FILE}: {counts}\n")


if __name__ == "__main__":
    main()
