"""The constant arrays of a .tflite network, in the order in which its operators use them.

The file is parsed by `tflite`, its schema alone; where arrays are carried by themselves (core/arrays.py), nobody needs it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from reenact.core.errors import ReenactError


class Weights:
    """Hands out a network's float constants one after another, so that a module of ours is built in the same order.

    A constant is given once for each operator that uses it; half floats come as float32. Scalars are left out.
    """

    def __init__(self, arrays: Sequence[np.ndarray]) -> None:
        """arrays: in the order of the operators that use them (`constants`)."""
        self._arrays = list(arrays)
        self._next = 0

    @property
    def left(self) -> int:
        """how many have not been taken yet"""
        return len(self._arrays) - self._next

    def peek(self, ahead: int = 0) -> tuple[int, ...]:
        """The shape of the next one, or of one further ahead; () beyond the last."""
        place = self._next + ahead
        return self._arrays[place].shape if place < len(self._arrays) else ()

    def take(self) -> Tensor:
        """The next one. Raises ReenactError when there is none: the network is another than ours."""
        if not self.left:
            raise ReenactError("face_landmarker.task holds another network than expected: install reenact anew")
        self._next += 1
        return torch.from_numpy(np.ascontiguousarray(self._arrays[self._next - 1]))


def constants(network: bytes) -> Iterator[np.ndarray]:
    """The float constants of a .tflite file's bytes, as float32, one for each operator that uses it."""
    import tflite

    floats = {tflite.TensorType.FLOAT32: np.float32, tflite.TensorType.FLOAT16: np.float16}
    model = tflite.Model.GetRootAsModel(network, 0)
    graph = model.Subgraphs(0)
    arrays: dict[int, np.ndarray] = {}
    for i in range(graph.TensorsLength()):
        tensor = graph.Tensors(i)
        buffer = model.Buffers(tensor.Buffer())
        if buffer.DataLength() and tensor.Type() in floats:
            shape = tensor.ShapeAsNumpy() if tensor.ShapeLength() else ()
            data = np.frombuffer(buffer.DataAsNumpy().tobytes(), floats[tensor.Type()])
            arrays[i] = data.astype(np.float32).reshape(shape)
    for k in range(graph.OperatorsLength()):
        operator = graph.Operators(k)
        code = model.OperatorCodes(operator.OpcodeIndex())
        inputs = [int(i) for i in operator.InputsAsNumpy()]
        if max(code.BuiltinCode(), code.DeprecatedBuiltinCode()) == tflite.BuiltinOperator.DEQUANTIZE:
            if inputs[0] in arrays:
                arrays[int(operator.Outputs(0))] = arrays[inputs[0]]
            continue
        yield from (arrays[i] for i in inputs if i in arrays and arrays[i].ndim)
