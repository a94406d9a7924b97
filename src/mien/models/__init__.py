"""The networks, by name. They know tensors and a class count, never data sets."""

from mien.models.registry import build_model, list_models

__all__ = ["build_model", "list_models"]
