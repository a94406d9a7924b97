"""What every part needs of the machine: files, ONNX sessions, memory, optional packages."""
