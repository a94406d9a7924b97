"""The web service: the library behind HTTP, a socket and a page, with limits.

It adds no prediction of its own; ``app.py`` shows what it is made of.
"""
