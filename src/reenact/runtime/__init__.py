"""Running the exported graphs: OpenVINO (default) or ONNX Runtime behind the three verbs."""
