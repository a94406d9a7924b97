"""From a run folder to a verified ONNX file."""
