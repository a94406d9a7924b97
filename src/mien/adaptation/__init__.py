"""A model of one's own from a handful of labeled faces: a small layer behind the network, fitted, judged and written.

labeled.py → crops → network → log probabilities ┐
                              layer.py: fitting ←┴→ judging.py: cross-validation → run.py → onnx_layer.py → file
"""
