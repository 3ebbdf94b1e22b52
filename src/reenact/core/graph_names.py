"""Names of graphs and of what they give that both training and running know; without PyTorch."""

from __future__ import annotations

FAST = {"draw.onnx": "draw_fast.onnx"}
"""the graph that takes a graph's place with the fast renderer, beside it: config.json need not say so"""
MOUTH = "mouth.onnx"
"""behind those of the fast renderer, where there is one: the mouth once more (nn/mouth.py)"""
REFINED = ("refined", "refined_keep")
"""frame and keep with the mouth drawn again"""
