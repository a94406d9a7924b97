"""The handlers: one file for each group of addresses."""
