"""The networks, by name. They know tensors and a class count, never data sets."""

from mien.networks.registry import build_network, list_networks

__all__ = ["build_network", "list_networks"]
