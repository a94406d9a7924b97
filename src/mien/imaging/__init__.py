"""Reading pictures: a path, bytes, file object, PIL image or array becomes upright RGB uint8 of shape (H, W, 3).

``reading.py`` is the whole way on one page.
"""

from mien.imaging.arrays import ColorOrder
from mien.imaging.formats import FORMATS, IMAGE_SUFFIXES
from mien.imaging.limits import MAX_PIXELS
from mien.imaging.orientation import orient
from mien.imaging.reading import ImageSource, describe_source, load_image, readable_path

__all__ = [
    "FORMATS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ColorOrder",
    "ImageSource",
    "describe_source",
    "load_image",
    "orient",
    "readable_path",
]
