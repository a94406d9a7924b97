"""Face detection: one file per detector, all behind the :class:`~mien.detection.base.Detector` protocol."""
