"""Results in the forms of other libraries and tools, and faces that their detectors found."""

from mien.interop.coco import to_coco
from mien.interop.frames import to_pandas, to_polars
from mien.interop.huggingface import to_ranked_labels
from mien.interop.supervision import predict_detections, to_supervision

__all__ = ["predict_detections", "to_coco", "to_pandas", "to_polars", "to_ranked_labels", "to_supervision"]
