"""Finding faces: one file a detector, all behind the :class:`~mien.detection.base.Detector` protocol.

It does not know expressions.
"""
