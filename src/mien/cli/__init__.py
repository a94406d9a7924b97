"""The command line: one short function a command; the only place that prints and that sees both columns.

It computes nothing: each command reads options, makes one library call and prints the result.
"""

from mien.cli.app import main

__all__ = ["main"]
