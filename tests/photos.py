"""Photos for the tests: scikit-image's public-domain portrait, and pictures made of it."""

import numpy as np
import numpy.typing as npt
from PIL import Image
from skimage import data

Picture = npt.NDArray[np.uint8]


def portrait() -> Picture:
    """A woman's face, about 110 pixels wide, smiling; RGB uint8 (512, 512, 3)."""
    return np.ascontiguousarray(data.astronaut())


def head() -> Image.Image:
    """The portrait's head and shoulders: 220 × 220 pixels around the face."""
    return Image.fromarray(portrait()).crop((115, 10, 335, 230))


def pasted(side: int, places: list[tuple[int, int]], size: tuple[int, int] = (1280, 960)) -> Picture:
    """Heads of ``side`` pixels with their corners at ``places`` on a gray picture of (width, height)."""
    canvas = Image.new("RGB", size, (118, 122, 125))
    for place in places:
        canvas.paste(head().resize((side, side), Image.Resampling.LANCZOS), place)
    return np.asarray(canvas)
