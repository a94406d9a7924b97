"""The network architectures, by name; they depend on tensor shapes and a number of classes only."""

from mien.networks.registry import build_network, list_networks

__all__ = ["build_network", "list_networks"]
