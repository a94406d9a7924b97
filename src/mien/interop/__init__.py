"""Results in the forms of other libraries and tools, and faces that their detectors found."""

from mien.interop.coco import to_coco
from mien.interop.fiftyone import write_fiftyone
from mien.interop.frames import to_pandas, to_polars
from mien.interop.huggingface import to_ranked_labels
from mien.interop.label_studio import to_label_studio, write_label_studio
from mien.interop.supervision import predict_detections, to_supervision

__all__ = [
    "predict_detections",
    "to_coco",
    "to_label_studio",
    "to_pandas",
    "to_polars",
    "to_ranked_labels",
    "to_supervision",
    "write_fiftyone",
    "write_label_studio",
]
