"""How accuracy falls with each measure of a face's quality: python experiments/face_quality.py DATA [--count 1500].

DATA is a prepared data set; its validation faces are shrunk, blurred and cut. The size of a face is that of its box,
which is smaller than the crop by the frame of the default detector.
"""

import argparse
from collections.abc import Callable
from pathlib import Path

import numpy as np
from crop_geometry import read_faces
from PIL import Image, ImageFilter

from mien.detection.base import FaceDetection
from mien.detection.registry import DEFAULT_DETECTOR
from mien.geometry import Box
from mien.preprocessing import DEFAULT_FRAMES, bytes_to_unit
from mien.recognition.quality import measure_quality
from mien.recognition.recognizer import load_recognizer


def shrunk(face: Image.Image, pixels: float) -> Image.Image:
    # Down to the pixels of a small face and up again, as the crop of one is enlarged to 48 × 48.
    side = max(2, round(pixels / DEFAULT_FRAMES[DEFAULT_DETECTOR].width))
    return face.resize((side, side), Image.Resampling.BOX).resize(face.size, Image.Resampling.BILINEAR)


def blurred(face: Image.Image, radius: float) -> Image.Image:
    return face.filter(ImageFilter.GaussianBlur(radius))


def cut(face: Image.Image, share: float) -> Image.Image:
    """The right part is replaced by its edge, as a crop beyond the border repeats it."""
    pixels = np.asarray(face).copy()
    first = round(48 * (1 - share))  # first column that is replaced
    pixels[:, first:] = pixels[:, first - 1 : first]
    return Image.fromarray(pixels)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--count", type=int, default=1500)
    given = parser.parse_args()
    faces, votes = read_faces(given.data, 1, given.count)
    recognizer = load_recognizer(threads=1)
    whole = FaceDetection(Box(0, 0, 48, 48), 1.0)
    print("change | accuracy | median sharpness\n---|---|---")
    changes: list[tuple[str, Callable[[Image.Image, float], Image.Image], float]] = [("none", shrunk, 48.0)]
    changes += [(f"{size} px", shrunk, float(size)) for size in (32, 24, 20, 16, 12, 8)]
    changes += [(f"blur of {radius} px", blurred, radius) for radius in (0.5, 1.0, 1.5, 2.0, 3.0)]
    changes += [(f"cut by {share:.0%}", cut, share) for share in (0.1, 0.2, 0.3, 0.4, 0.5)]
    for name, change, amount in changes:
        changed = np.stack([np.asarray(change(Image.fromarray(face), amount)) for face in faces])
        agreed = recognizer.predict_proba(changed).argmax(axis=1) == votes.argmax(axis=1)
        sharp = [measure_quality(whole, bytes_to_unit(face), (48, 48)).sharpness for face in changed]
        print(f"{name} | {agreed.mean():.3f} | {np.median(sharp):.3f}", flush=True)


if __name__ == "__main__":
    main()
