"""The web service: the library behind HTTP, a WebSocket and a web page, with limits.

It adds no prediction of its own. ``app.py`` shows how the parts are connected.
"""
