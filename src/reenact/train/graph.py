"""A whole training step as one CUDA graph: forward, backward, both optimisers. On an H200 64 pairs took 119 ms so, 245 to 300 as
Python launches them (docs/training.md).

What a graph may not do: wait for the device, copy from the host, or ask Python anything that changes. So a batch is copied to
where the captured one lay, learning rates are tensors, and Python constants are made into tensors once (`HeldConstants`).
Elsewhere than on CUDA the same step runs as written, and answers as train.step's plain one does (tests/test_train_graph.py).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from reenact.train.config import Stage, Task, Terms
from reenact.train.state import State
from reenact.train.step import Meter, Step
from reenact.train.workers import Workers

log = logging.getLogger(__name__)

WARM_UP = 4
"""steps that run as written, on a stream of their own, before one is captured: libraries choose their kernels in them"""


class HeldConstants(TorchFunctionMode):
    """Inside it `new_tensor`, and indices that are lists, give the tensor that the same numbers gave before.

    Whoever changes such a tensor in place changes it for all, so no optimiser runs inside.
    """

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple, Tensor] = {}

    def __torch_function__(self, func: Any, types: Any, args: tuple = (), kwargs: Mapping[str, Any] | None = None) -> Any:
        kwargs = kwargs or {}
        if func is torch.Tensor.new_tensor and _plain(args[1]):
            key = ("new", repr(args[1]), args[0].dtype, args[0].device, repr(kwargs))
            return self._once(key, lambda: func(*args, **kwargs))
        if func in (torch.Tensor.__getitem__, torch.Tensor.__setitem__):
            args = (args[0], self._index(args[1], args[0].device), *args[2:])
        return func(*args, **kwargs)

    def _once(self, key: tuple, make: Any) -> Tensor:
        if key not in self.held:
            self.held[key] = make()
        return self.held[key]

    def _index(self, index: Any, device: torch.device) -> Any:
        """The index with tensors for its lists."""
        if isinstance(index, tuple):
            # a tuple of numbers within an index is one list of places; the outermost is the index itself
            return tuple(self._places(part, device) if _many(part) or isinstance(part, tuple) else part for part in index)
        return self._places(index, device) if _many(index) else index

    def _places(self, index: Any, device: torch.device) -> Tensor:
        places = np.asarray(index)
        key = ("index", repr(places.tolist()), device)
        return self._once(key, lambda: torch.from_numpy(np.ascontiguousarray(places)).to(device))


def _plain(value: Any) -> bool:
    """Numbers, or lists and tuples of them, however deep."""
    if isinstance(value, (list, tuple)):
        return all(_plain(part) for part in value)
    return isinstance(value, (int, float, np.ndarray, np.generic))


def _many(index: Any) -> bool:
    return isinstance(index, (list, np.ndarray))


class GraphStep(Step):
    """As Step, for one process and one part a step; captured where the device is CUDA."""

    def __init__(self, stage: Stage, task: Task, state: State, workers: Workers) -> None:
        super().__init__(stage, task, state, workers)
        self.cuda = workers.device.type == "cuda"
        self.constants = HeldConstants()
        self.held: Any = None
        self.terms: dict[str, Tensor] = {}
        self.graph: torch.cuda.CUDAGraph | None = None
        self.stream = torch.cuda.Stream() if self.cuda else None
        self.left = WARM_UP if self.cuda else -1
        """steps until one is captured; below 0 none is"""

    def __call__(self, batches: Iterator, meter: Meter) -> Terms:
        self.prepare()
        batch = meter.waiting(batches)
        if self.held is None:
            self.held = _copied(batch)
        else:
            _copy(batch, self.held)
        if self.graph is None and self.left == 0:
            self._capture()
        self.left -= 1
        if self.graph is not None:
            self.graph.replay()
        elif self.stream is None:
            self._run(meter)
        else:
            self.stream.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(self.stream):
                self._run(meter)
            torch.cuda.current_stream().wait_stream(self.stream)
        return {name: value.clone() for name, value in self.terms.items()}

    def part(self, batch: object, last: bool, meter: Meter | None) -> Terms:
        with self.constants:
            return super().part(batch, last, meter)

    def _run(self, meter: Meter | None = None) -> None:
        self.terms = self.learn(self.held, meter)

    def _capture(self) -> None:
        """Records the step without running it; where that fails, every step runs as written."""
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        try:
            # the thread that draws batches goes on: what it does on its own must not end the capture
            with torch.cuda.graph(graph, stream=self.stream, capture_error_mode="thread_local"):
                self._run()
        except RuntimeError as error:
            log.warning("no CUDA graph of this step, it runs as written: %s", str(error).splitlines()[0])
            torch.cuda.synchronize()
            return
        torch.backends.cudnn.benchmark = False  # validation's shapes are not worth a search
        self.graph = graph


def _copied(batch: Any) -> Any:
    """A batch of the same shape, its tensors' own."""
    if isinstance(batch, Tensor):
        return batch.clone()
    if isinstance(batch, Mapping):
        return {name: _copied(value) for name, value in batch.items()}
    return tuple(_copied(part) for part in batch)


def _copy(batch: Any, to: Any) -> None:
    if isinstance(batch, Tensor):
        to.copy_(batch)
    elif isinstance(batch, Mapping):
        for name, value in batch.items():
            _copy(value, to[name])
    else:
        for part, place in zip(batch, to, strict=True):
            _copy(part, place)
