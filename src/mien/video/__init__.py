"""Expressions over time: videos, image sequences, streams and cameras, with the faces followed from frame to frame.

PyAV (the extra ``video``) is imported when a video is opened.
"""
