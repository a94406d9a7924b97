"""Where each detector's box lies in FER2013's frame, and whether turning faces upright helps.

    python experiments/crop_geometry.py frames DATA [--yunet FILE] [--count 1500]
    python experiments/crop_geometry.py upright DATA [--model NAME|FILE] [--count 600] [--detector NAME] [--angles 0 15]

DATA is a prepared data set. A face is enlarged and pasted on gray, so that the true frame in the picture is known.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from mien.data.dataset import open_dataset
from mien.detection.base import Detector, FaceDetection
from mien.detection.registry import DEFAULT_DETECTOR, build_detector
from mien.evaluation.metrics import kl_divergence
from mien.geometry import Box, CropFrame, iou
from mien.metadata import InputSpec
from mien.preprocessing import DEFAULT_FRAMES, crop_face, face_crop_box, to_model_input
from mien.recognition.recognizer import Recognizer, load_recognizer

#: Side of the enlarged face and width of the gray margin, in pixels: large enough for every detector.
SIDE, MARGIN = 192, 128
TRUE_BOX = Box(MARGIN, MARGIN, MARGIN + SIDE, MARGIN + SIDE)


def read_faces(data: Path, split: int, count: int) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
    """``count`` random faces of a split (seed 0), uint8 (N, 48, 48), and their eight votes, (N, 8)."""
    dataset = open_dataset(data)
    images, splits, votes = dataset.images.reshape(-1, 48, 48), dataset.splits, dataset.votes
    # Without a vote for one of the eight expressions (unknown, no face) there is nothing to compare with.
    usable = np.flatnonzero((np.asarray(splits) == split) & (np.asarray(votes)[:, :8].sum(axis=1) > 0))
    rows = np.sort(np.random.default_rng(0).choice(usable, min(count, usable.size), replace=False))
    return np.asarray(images[rows]), np.asarray(votes[rows], np.int64)[:, :8]


def on_gray(face: npt.NDArray[np.uint8], angle_deg: float = 0.0) -> npt.NDArray[np.uint8]:
    """The face enlarged on gray and turned clockwise; its frame is TRUE_BOX, turned about the picture's center."""
    canvas = Image.new("L", (SIDE + 2 * MARGIN,) * 2, 128)
    canvas.paste(Image.fromarray(face).resize((SIDE, SIDE), Image.Resampling.BICUBIC), (MARGIN, MARGIN))
    turned = canvas.rotate(-angle_deg, Image.Resampling.BICUBIC, fillcolor=128)
    return np.asarray(turned.convert("RGB"))


def best_face(detector: Detector, image: npt.NDArray[np.uint8]) -> FaceDetection | None:
    """The surest face at the true place; a false one on the gray margin does not count."""
    found = [face for face in detector.detect(image) if iou(face.box, TRUE_BOX) > 0.2]
    return max(found, key=lambda face: face.score, default=None)


def relative_box(box: Box) -> tuple[float, float, float, float]:
    """Left, top, width and height in shares of the frame's side."""
    left, top, width, height = box.shifted(-MARGIN, -MARGIN).xywh
    return left / SIDE, top / SIDE, width / SIDE, height / SIDE


def print_frames(data: Path, yunet: Path | None, count: int) -> None:
    faces, _ = read_faces(data, 0, count)
    names = ["blazeface", "centerface", "haar"] + (["yunet"] if yunet else [])
    print(f"{len(faces)} training faces of {SIDE} pixels on gray; median [quartiles], in shares of the frame's side")
    for name in names:
        detector = build_detector(name, file=yunet if name == "yunet" else None, threads=1)
        boxes = [relative_box(face.box) for image in faces if (face := best_face(detector, on_gray(image)))]
        low, middle, high = np.percentile(boxes, [25, 50, 75], axis=0)  # (4,) each
        texts = [f"{m:.3f} [{a:.3f}, {b:.3f}]" for a, m, b in zip(low, middle, high, strict=True)]
        labeled = "  ".join(f"{label} {text}" for label, text in zip(("x", "y", "width", "height"), texts, strict=True))
        print(f"{name}: found {len(boxes)}  {labeled}")


def print_upright(data: Path, model: str, count: int, detector: Detector, angles: Sequence[int]) -> None:
    """Share of votes for the top expression and KL divergence, a row for each angle."""
    recognizer = load_recognizer(model, threads=1)
    faces, votes = read_faces(data, 1, count)
    frame = recognizer.metadata.frames.get(detector.name, DEFAULT_FRAMES.get(detector.name, CropFrame(0, 0, 1, 1)))
    print(f"{len(faces)} validation faces, {detector.name}; share of votes for the top expression, KL(votes ‖ model)")
    for angle_deg in angles:
        crops: dict[str, list[npt.NDArray[np.float32]]] = {"as found": [], "upright": []}
        rolls, kept = [], []
        for row, face in enumerate(faces):
            image = on_gray(face, angle_deg)
            if (found := best_face(detector, image)) is None:
                continue
            kept.append(row)  # both ways are compared on the same faces
            rolls.append(found.roll_deg)
            for name, roll_deg in (("as found", 0.0), ("upright", found.roll_deg)):
                box = face_crop_box(found.box, frame, roll_deg=roll_deg)
                crops[name].append(crop_face(image, box, roll_deg=roll_deg))
        texts = [_scores(recognizer, crops[name], votes[kept], name) for name in crops]
        low, middle, high = np.percentile(rolls, [25, 50, 75])
        eyes = f"eyes at {middle:.1f}° [{low:.1f}, {high:.1f}]"
        print(f"{angle_deg:3d}°: found {len(kept)}, {eyes}; {'; '.join(texts)}", flush=True)


def _scores(
    recognizer: Recognizer, crops: list[npt.NDArray[np.float32]], votes: npt.NDArray[np.int64], name: str
) -> str:
    probabilities = recognizer.predict_proba(to_model_input(crops, InputSpec()))
    wanted = votes / votes.sum(axis=1, keepdims=True)
    agreed = wanted[np.arange(len(wanted)), probabilities.argmax(axis=1)].mean()
    return f"{name} {agreed:.3f}, KL {kl_divergence(wanted, probabilities.astype(np.float64)).mean():.3f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("frames", "upright"))
    parser.add_argument("data", type=Path)
    parser.add_argument("--yunet", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--detector", default=DEFAULT_DETECTOR, help="of upright")
    parser.add_argument("--angles", type=int, nargs="+", default=(0, 5, 10, 15, 20, 30, 45, 60, 75, 90))
    parser.add_argument("--count", type=int, default=1500)
    given = parser.parse_args()
    if given.what == "frames":
        print_frames(given.data, given.yunet, given.count)
    else:
        print_upright(given.data, given.model, given.count, build_detector(given.detector, threads=1), given.angles)


if __name__ == "__main__":
    main()
