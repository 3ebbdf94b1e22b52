"""Names of graphs and of what they give that both training and running know; without PyTorch."""

from __future__ import annotations

FAST = {"draw.onnx": "draw_fast.onnx"}
"""the graph that takes a graph's place with the fast renderer, beside it: config.json need not say so"""
MOUTH = {"mouth_place.onnx": "exact", "mouth.onnx": "fast"}
"""behind the graphs of a method that renders with the shared ones: where the mouth is, and the mouth once more (nn/mouth.py); how
each runs (nn/graphs.py)"""
REFINED = ("refined", "refined_keep")
"""frame and keep with the mouth drawn again"""
