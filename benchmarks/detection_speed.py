"""Time of each detector on the same photo, on one thread: python benchmarks/detection_speed.py [photo].

Without a photo, scikit-image's public-domain portrait is placed in pictures of several sizes.
"""

import sys
from time import perf_counter

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.detection.base import Detector
from mien.detection.blazeface import BlazeFace
from mien.detection.registry import build_detector
from mien.imaging import load_image

REPEATS = 11


def pictures() -> dict[str, npt.NDArray[np.uint8]]:
    if len(sys.argv) > 1:
        return {sys.argv[1]: load_image(sys.argv[1])}
    from skimage import data

    portrait = Image.fromarray(data.astronaut())
    made = {}
    for width, height, side in ((640, 480, 300), (1280, 960, 500), (1280, 960, 110), (4000, 3000, 1500)):
        canvas = Image.new("RGB", (width, height), (118, 122, 125))
        canvas.paste(portrait.resize((side, side)), (width // 3, height // 4))
        made[f"{width}×{height}, face of {side * 105 // 512} pixels"] = np.asarray(canvas)
    made["1280×960, no face"] = np.full((960, 1280, 3), 128, np.uint8)
    return made


def median_ms(detector: Detector, image: npt.NDArray[np.uint8]) -> float:
    detector.detect(image)
    times = []
    for _ in range(REPEATS):
        start = perf_counter()
        detector.detect(image)
        times.append(perf_counter() - start)
    return float(np.median(times)) * 1000


def main() -> None:
    import cv2

    cv2.setNumThreads(1)
    single_pass: Detector = BlazeFace(threads=1)  # the network alone, without the multiscale search
    detectors = {"single pass": single_pass}
    detectors |= {name: build_detector(name, threads=1) for name in ("centerface", "blazeface", "haar")}
    for name, image in pictures().items():
        times = {key: median_ms(detector, image) for key, detector in detectors.items()}
        found = {key: len(detector.detect(image)) for key, detector in detectors.items()}
        texts = [f"{key} {times[key]:.1f} ms ({found[key]} found)" for key in detectors]
        print(f"{name}: {', '.join(texts)}; haar / centerface {times['haar'] / times['centerface']:.1f}")


if __name__ == "__main__":
    main()
