"""One exported graph on one device. Two makes with one interface: `OpenVinoGraph` (default) and `OrtGraph` (CUDA)."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Executor
from copy import copy
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np

from reenact.core.compiled import compiled
from reenact.core.download import sha256
from reenact.core.errors import ReenactError
from reenact.core.inference import core, cpu_options, load_openvino
from reenact.core.provenance import SHIPPED
from reenact.core.values import is_whole, written
from reenact.runtime.int8 import pays, quantised, read_ranges
from reenact.runtime.trust import check_graph, fitting, read_graph

BF16_GAIN = 1.2
"""ours: bf16 must be this much faster to be worth its rounding"""
Speed = Literal["fast", "exact"]
"""exact: fp32 always, for what decides where pixels lie; fast: int8 or bf16 where that pays"""
Precision = Literal["auto", "int8", "bf16", "fp32"]
"""of the fast graphs. auto: int8 where it is measured which numbers occur (int8.py), for the rest bf16 where this CPU is faster
in it; int8: the same, and an error where nothing is measured; bf16: no int8; fp32: neither"""
PRECISIONS: tuple[str, ...] = get_args(Precision)
Shapes = Mapping[str, Sequence[int]]
WEIGHTS = SHIPPED
"""what ships, whose compiled graphs are kept; a stranger's are not"""
PROBES, PROBE_SECONDS = 15, 0.5
"""ours: how often a convolution is timed at most; on a machine that is busy with something else, not for longer than this"""
LANES_MAX = 4
"""ours: frames rendered at once; each takes the memory of its own intermediate tensors, some 30 MB"""
DEVICES = ("auto", "cpu", "cuda", "openvino")


@runtime_checkable
class Graph(Protocol):
    """A compiled graph that is run many times with some inputs held."""

    inputs: tuple[str, ...]
    precision: str

    def hold(self, tensors: Mapping[str, np.ndarray]) -> None:
        """Bind inputs that stay the same from run to run."""
        ...

    def run(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The outputs by name; their memory is the graph's own until the next run."""
        ...

    def twin(self) -> Graph:
        """The same graph for another thread: it shares the weights, holds its own tensors and may run at the same time."""
        ...


class OpenVinoGraph:
    """A graph on the CPU with OpenVINO. Not thread-safe: one for each thread."""

    def __init__(
        self,
        path: Path,
        precision: str,
        threads: int = 0,
        shapes: Shapes | None = None,
        int8: bool = False,
        streams: int = 1,
    ) -> None:
        """precision: 'f32' or 'bf16'; threads: 0 leaves it to OpenVINO; shapes: of inputs that the file leaves open; int8: those
        convolutions in integers whose ranges are known; streams: how many twins run at once, sharing the threads."""
        self._tensor = load_openvino().Tensor
        digest = sha256(path)
        ranges = read_ranges(path, digest) if int8 else {}

        def read() -> Any:
            model = read_graph(core(), path, shapes)
            return quantised(model, ranges) if ranges else model

        # Not CPU_DENORMALS_OPTIMIZATION: it flushes denormals in the caller's thread too, and changes the user's own sums.
        key = [digest, str(ranges), str(shapes)] if path.resolve().is_relative_to(WEIGHTS) else None
        with fitting(path):
            self._compiled = compiled(read, cpu_options(threads, precision, streams), key)
        self._request = self._compiled.request()
        # A port may bear an internal name besides the exported one, so all of a port's names count.
        self.inputs = tuple(name for port in self._compiled.model.inputs for name in port.get_names())
        self._outputs = tuple(name for port in self._compiled.model.outputs for name in port.get_names())
        self.precision = "int8" if ranges else precision
        self._held: dict[str, np.ndarray] = {}

    def twin(self) -> OpenVinoGraph:
        made = copy(self)
        made._request, made._held = self._compiled.request(), {}
        return made

    def hold(self, tensors: Mapping[str, np.ndarray]) -> None:
        # The tensor shares the array's memory, so the array must live as long as the binding.
        for name, array in _wanted(tensors, self.inputs).items():
            self._held[name] = array
            self._request.set_tensor(name, self._tensor(array, shared_memory=True))

    def run(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.hold(tensors)
        self._request.infer()
        return {name: self._request.get_tensor(name).data for name in self._outputs}


class Chain:
    """Graphs run one after the other, outputs feeding inputs of the same name. Itself a graph."""

    def __init__(self, graphs: Sequence[Graph]) -> None:
        self._graphs = tuple(graphs)
        self.inputs = tuple(dict.fromkeys(name for graph in graphs for name in graph.inputs))
        found = {graph.precision for graph in graphs}
        self.precision = next((name for name in ("int8", "bf16") if name in found), "f32")

    def twin(self) -> Chain:
        return Chain([graph.twin() for graph in self._graphs])

    def hold(self, tensors: Mapping[str, np.ndarray]) -> None:
        for graph in self._graphs:
            graph.hold(tensors)

    def run(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        known = dict(tensors)
        for graph in self._graphs:
            known.update(graph.run(known))
        return known


class OccasionalGraph:
    """A graph that runs once a portrait: opened when it is first run, and again when it has been let go of."""

    def __init__(self, open_graph: Callable[[], Graph]) -> None:
        self._open = open_graph
        self._graph: Graph | None = None

    def open(self) -> Graph:
        """The graph itself. Raises ReenactError where it is damaged."""
        if self._graph is None:
            self._graph = self._open()
        return self._graph

    def run(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """As `Graph.run`."""
        return self.open().run(tensors)

    def let_go(self) -> None:
        """Its memory is free; outputs that were not copied are void."""
        self._graph = None


class OrtGraph:
    """A graph with ONNX Runtime on a CUDA device, in fp32."""

    def __init__(self, path: Path, threads: int = 0) -> None:
        """Raises ReenactError where ONNX Runtime or its CUDA provider is absent, and as `trust.check_graph`."""
        runtime = _onnxruntime_with_cuda()
        check_graph(path)
        options = runtime.SessionOptions()
        options.intra_op_num_threads = threads
        self._session = runtime.InferenceSession(str(path), options, providers=["CUDAExecutionProvider", "CPUExecutionProvider"])
        if "CUDAExecutionProvider" not in self._session.get_providers():
            raise ReenactError(_NO_CUDA.format("no usable GPU was found"))
        self._value = runtime.OrtValue.ortvalue_from_numpy
        self.inputs = tuple(port.name for port in self._session.get_inputs())
        self._outputs = [port.name for port in self._session.get_outputs()]
        self.precision = "f32"
        self._held: dict[str, object] = {}

    def twin(self) -> OrtGraph:
        made = copy(self)
        made._held = {}
        return made

    def hold(self, tensors: Mapping[str, np.ndarray]) -> None:
        # Copied to the GPU once, not once a frame.
        for name, array in _wanted(tensors, self.inputs).items():
            self._held[name] = self._value(array, "cuda", 0)

    def run(self, tensors: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        self.hold(tensors)
        values = self._session.run_with_ort_values(self._outputs, self._held)
        return {name: value.numpy() for name, value in zip(self._outputs, values, strict=True)}


_NO_CUDA = "device cuda cannot be used ({}): pip install onnxruntime-gpu on a machine with a GPU, or use `device` auto"


@runtime_checkable
class Opener(Protocol):
    """Compiles one file for the chosen device."""

    def __call__(self, path: Path, speed: Speed, shapes: Shapes | None = None) -> Graph: ...


def check_device(device: str, threads: int = 0, precision: Precision = "auto") -> None:
    """Raises ReenactError for a device that is unknown or absent, a precision that it does not have, or threads that are none."""
    if device not in DEVICES:
        raise ReenactError(f"unknown device {device!r}: choose one of {', '.join(DEVICES)}")
    if precision not in PRECISIONS:
        raise ReenactError(f"unknown precision {precision!r}: choose one of {', '.join(PRECISIONS)}")
    thread_count(threads)
    if device in ("cpu", "cuda") and precision not in ("auto", "fp32"):
        raise ReenactError(f"`device` {device} computes in fp32: leave `precision` out, or take `device` auto for {precision}")
    if device == "cuda":
        _onnxruntime_with_cuda()
    if precision == "bf16" and not _has_bf16():
        raise ReenactError("this CPU has no bf16: take `precision` auto, int8 or fp32")


def opener(device: str, threads: int = 0, precision: Precision = "auto", lanes: int = 1) -> Opener:
    """What opens a graph file on `device`, one of `DEVICES`.

    auto and openvino: OpenVINO, in the precision asked for; cpu: OpenVINO, fp32; cuda: ONNX Runtime, fp32. lanes: how many twins
    of a graph run at once, sharing the threads. Raises ReenactError as `check_device`.
    """
    check_device(device, threads, precision)
    if device == "cuda":
        return lambda path, speed, shapes=None: OrtGraph(path, threads)
    precision = "fp32" if device == "cpu" else precision
    fast = {"fp32": "f32", "bf16": "bf16"}.get(precision) or fast_precision()
    int8 = precision == "int8" or (precision == "auto" and pays())

    def open_graph(path: Path, speed: Speed, shapes: Shapes | None = None) -> Graph:
        rapid = speed == "fast"
        return OpenVinoGraph(path, fast if rapid else "f32", threads, shapes, int8 and rapid, lanes)

    return open_graph


class OpenedAhead:
    """An opener whose graphs are being compiled in a pool's threads before they are asked for."""

    def __init__(self, open_graph: Opener, wanted: Iterable[tuple[Path, Speed]], pool: Executor) -> None:
        self._open = open_graph
        self._coming = {key: pool.submit(open_graph, *key) for key in dict.fromkeys(wanted)}

    def __call__(self, path: Path, speed: Speed, shapes: Shapes | None = None) -> Graph:
        coming = None if shapes else self._coming.pop((path, speed), None)
        return self._open(path, speed, shapes) if coming is None or coming.cancelled() else coming.result()


@lru_cache(maxsize=1)
def fast_precision() -> str:
    """'bf16' where this CPU is clearly faster in it, else 'f32'; by measurement, since having it is not enough.

    With AMX bf16 is two to four times faster; with AVX-512 bf16 alone we saw it one and a half times slower.
    """
    if not _has_bf16():
        return "f32"
    return "bf16" if convolution_seconds("f32") > BF16_GAIN * convolution_seconds("bf16") else "f32"


def _has_bf16() -> bool:
    return "BF16" in core().get_property("CPU", "OPTIMIZATION_CAPABILITIES")


def convolution_seconds(precision: str, threads: int = 0) -> float:
    """Median time of two 64-channel 3x3 convolutions at 64x64: what the generator is made of. threads: 0 is all."""
    openvino = load_openvino()
    from openvino import opset13 as ops

    picture = ops.parameter([1, 64, 64, 64], np.float32)
    kernel = ops.constant(np.full((64, 64, 3, 3), 0.01, np.float32))
    layer = ops.relu(ops.convolution(picture, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    last = ops.relu(ops.convolution(layer, kernel, [1, 1], [1, 1], [1, 1], [1, 1]))
    model = openvino.Model([last], [picture])  # type: ignore[misc]  # its stubs bind `self` to another class
    options = {"INFERENCE_PRECISION_HINT": precision, "INFERENCE_NUM_THREADS": thread_count(threads)}
    request = core().compile_model(model, "CPU", options).create_infer_request()
    times: list[float] = []
    while len(times) < PROBES and sum(times) < PROBE_SECONDS:
        began = time.perf_counter()
        request.infer([np.ones((1, 64, 64, 64), np.float32)])
        times.append(time.perf_counter() - began)
    return sorted(times)[len(times) // 2]


def lane_count(threads: int) -> int:
    """How many frames of many are rendered at once: one thread each is faster than all threads on each in turn."""
    return min(LANES_MAX, thread_count(threads))


def thread_count(threads: int) -> int:
    """What `threads` comes to on this machine. Raises ReenactError for a number that is none."""
    if not (is_whole(threads) and 0 <= threads <= 1024):
        raise ReenactError(f"`threads` must be 0 (automatic) to 1024, not {written(threads)}")
    if threads:
        return threads
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _onnxruntime_with_cuda():
    try:
        import onnxruntime
    except ImportError:
        raise ReenactError(_NO_CUDA.format("onnxruntime is not installed")) from None
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        raise ReenactError(_NO_CUDA.format("this onnxruntime was built without CUDA"))
    return onnxruntime


def _wanted(tensors: Mapping[str, np.ndarray], inputs: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Those that the graph has, as contiguous float32: an exporter drops unused inputs."""
    return {name: np.ascontiguousarray(array, np.float32) for name, array in tensors.items() if name in inputs}
