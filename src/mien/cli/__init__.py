"""The command line: one short function per command, which reads options, calls the library and prints the result.

It is the only package that prints, and the only one that imports both the learning and the inference column.
"""

from mien.cli.app import main

__all__ = ["main"]
