"""Expressions over time: videos, image sequences, streams and cameras, with the faces followed from frame to frame.

It knows how to find and read a face only through ``recognition``. PyAV (the extra ``video``) is loaded when needed.
"""
