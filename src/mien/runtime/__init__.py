"""Access to the machine: files, ONNX sessions, worker processes, memory, optional packages."""
