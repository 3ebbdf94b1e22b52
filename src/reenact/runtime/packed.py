"""What a file holds in a smaller form (methods/export.py: write_graph) -> the constants that it was.

Kernels of convolutions that are bytes -> fp16, as others are: OpenVINO would take bytes with a scale for a network quantised in
that way, and compute otherwise. A matrix that is there once and used as its transpose, too -> two: OpenVINO 2025.4 packs both
uses of one constant alike, and what comes out is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np


def unpacked(model: Any) -> Any:
    """The OpenVINO model, changed in place: bytes times scales are constants of fp16, widened where they are used; transposes of
    constants are constants."""
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        kind = node.get_type_name()
        if kind == "Multiply":
            kernel, scale = (held(node.input_value(i)) for i in (0, 1))
            if kernel is not None and scale is not None and kernel.dtype == np.int8:
                half = ops.constant((kernel.astype(np.float32) * scale.astype(np.float32)).astype(np.float16))
                node.output(0).replace(ops.convert(half, "f32").output(0))
        elif kind == "Transpose" and (matrix := node.input_value(0).get_node()).get_type_name() == "Constant":
            turned = np.asarray(matrix.data).transpose(held(node.input_value(1)))
            node.output(0).replace(ops.constant(np.ascontiguousarray(turned)).output(0))
    return model


def held(value: Any) -> np.ndarray | None:
    """The numbers of a constant, as the file holds them: fp16 or bytes behind a Convert; None for what is none."""
    node = value.get_node()
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.data) if node.get_type_name() == "Constant" else None
