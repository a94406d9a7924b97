"""Reading pictures: a path, bytes, file object, PIL image or array becomes upright RGB uint8 of shape (H, W, 3)."""

from mien.imaging.orientation import orient
from mien.imaging.reading import (
    IMAGE_SUFFIXES,
    MAX_PIXELS,
    ColorOrder,
    ImageSource,
    describe_source,
    load_image,
    readable_path,
)

__all__ = [
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ColorOrder",
    "ImageSource",
    "describe_source",
    "load_image",
    "orient",
    "readable_path",
]
