"""Following faces from frame to frame: when the detector runs, where a face will be, which one it is, smoothing."""
