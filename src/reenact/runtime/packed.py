"""Kernels of convolutions that a file holds as bytes (methods/export.py: write_graph) -> fp16, as others hold them.

OpenVINO would take bytes with a scale for a network quantised in that way, and compute otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np


def unpacked(model: Any) -> Any:
    """The OpenVINO model, changed in place: bytes times scales are constants of fp16, widened where they are used."""
    from openvino import opset13 as ops

    for node in model.get_ordered_ops():
        if node.get_type_name() != "Multiply":
            continue
        kernel, scale = (held(node.input_value(i)) for i in (0, 1))
        if kernel is None or scale is None or kernel.dtype != np.int8:
            continue
        half = ops.constant((kernel.astype(np.float32) * scale.astype(np.float32)).astype(np.float16))
        node.output(0).replace(ops.convert(half, "f32").output(0))
    return model


def held(value: Any) -> np.ndarray | None:
    """The numbers of a constant, as the file holds them: fp16 or bytes behind a Convert; None for what is none."""
    node = value.get_node()
    while node.get_type_name() == "Convert":
        node = node.input_value(0).get_node()
    return np.asarray(node.data) if node.get_type_name() == "Constant" else None
