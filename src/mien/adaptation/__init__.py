"""Adapting a model to a few labeled faces: a small layer behind the network is fitted, judged and written to a file.

labeled.py, prepared.py → crops → network → log probabilities ┐
                                         layer.py: fitting ←──┴→ judging.py: cross-validation
                                                                      └→ run.py → onnx_layer.py → model file
"""
