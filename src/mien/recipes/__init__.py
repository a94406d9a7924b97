"""Recipes of training runs, as TOML files: ``shipped`` in the order of the shipped weights, ``research`` apart."""
