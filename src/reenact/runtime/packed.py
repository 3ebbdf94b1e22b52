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
        cast, scale = (node.input_value(i).get_node() for i in (0, 1))
        if cast.get_type_name() != "Convert" or scale.get_type_name() != "Constant":
            continue
        held = cast.input_value(0).get_node()
        if held.get_type_name() != "Constant" or held.data.dtype != np.int8:
            continue
        half = ops.constant((held.data.astype(np.float32) * scale.data).astype(np.float16))
        node.output(0).replace(ops.convert(half, "f32").output(0))
    return model
