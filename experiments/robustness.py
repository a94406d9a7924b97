"""Robustness to degraded pictures and inaccurate crops: accuracy and KL divergence on changed faces.

    python experiments/robustness.py DATA [--model NAME|FILE] [--split validation] [--count 3579]

Rows of the protocol `votes`; accuracy is the expected one on drawn labels. Outside the face its edge pixels repeat.
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageEnhance, ImageFilter

from mien.data.dataset import open_dataset
from mien.data.protocols import select
from mien.evaluation.metrics import kl_divergence
from mien.geometry import Box
from mien.preprocessing import crop_face
from mien.recognition.recognizer import load_recognizer

Change = Callable[[Image.Image], Image.Image]


def reframed(shift: float = 0.0, scale: float = 1.0, roll_deg: float = 0.0) -> Change:
    """Crop with a box displaced by ``shift`` sides, ``scale`` times as large, or rolled by ``roll_deg``."""

    def change(face: Image.Image) -> Image.Image:
        # Displaced to the right only: faces are nearly symmetric.
        middle, half = face.width / 2 + shift * face.width, face.width * scale / 2
        box = Box(middle - half, face.height / 2 - half, middle + half, face.height / 2 + half)
        crop = crop_face(np.asarray(face.convert("RGB")), box, roll_deg=roll_deg)
        return Image.fromarray((crop * 255).round().astype(np.uint8))

    return change


def jpeg(quality: int) -> Change:
    def change(face: Image.Image) -> Image.Image:
        stream = io.BytesIO()
        face.save(stream, "JPEG", quality=quality)
        return Image.open(stream).convert("L")

    return change


def shrunk(side: int) -> Change:
    return lambda face: face.resize((side, side), Image.Resampling.BOX).resize(face.size, Image.Resampling.BICUBIC)


def covered(top: int, bottom: int) -> Change:
    def change(face: Image.Image) -> Image.Image:
        pixels = np.array(face)
        pixels[top:bottom] = 128  # a gray bar over these rows of 48
        return Image.fromarray(pixels)

    return change


CHANGES: dict[str, Change] = {
    "as it is": lambda face: face,
    "blur, radius 1": lambda face: face.filter(ImageFilter.GaussianBlur(1)),
    "blur, radius 2": lambda face: face.filter(ImageFilter.GaussianBlur(2)),
    "seen at 24 pixels": shrunk(24),
    "seen at 16 pixels": shrunk(16),
    "half as bright": lambda face: ImageEnhance.Brightness(face).enhance(0.5),
    "a quarter as bright": lambda face: ImageEnhance.Brightness(face).enhance(0.25),
    "JPEG, quality 30": jpeg(30),
    "JPEG, quality 10": jpeg(10),
    "eyes covered": covered(13, 23),
    "mouth covered": covered(31, 43),
    "rolled 10°": reframed(roll_deg=10),
    "rolled 20°": reframed(roll_deg=20),
    "rolled 45°": reframed(roll_deg=45),
    "crop 5 % aside": reframed(shift=0.05),
    "crop 10 % aside": reframed(shift=0.1),
    "crop 20 % aside": reframed(shift=0.2),
    "crop 15 % too tight": reframed(scale=0.85),
    "crop 15 % too wide": reframed(scale=1.15),
    "crop 30 % too wide": reframed(scale=1.3),
}


def changed(faces: npt.NDArray[np.uint8], change: Change) -> npt.NDArray[np.uint8]:
    return np.stack([np.asarray(change(Image.fromarray(face)), np.uint8) for face in faces])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--model", default="default")
    parser.add_argument("--split", default="validation")
    parser.add_argument("--count", type=int, default=10**9)
    given = parser.parse_args()
    recognizer, dataset = load_recognizer(given.model), open_dataset(given.data)
    rows = select(dataset, "votes", given.split)  # targets are shares of votes, (N, 8)
    faces, votes = dataset.images[rows.indices[: given.count], :, :, 0], rows.targets[: given.count]
    print(f"{recognizer.metadata.name}, {len(faces):,} faces of the {given.split} split\n")
    print("| change | accuracy | KL |\n|---|---:|---:|")
    for name, change in CHANGES.items():
        probabilities = recognizer.predict_proba(changed(faces, change)).astype(np.float64)
        accuracy = votes[np.arange(len(votes)), probabilities.argmax(axis=1)].mean()
        print(f"| {name} | {accuracy:.4f} | {kl_divergence(votes, probabilities).mean():.4f} |", flush=True)


if __name__ == "__main__":
    main()
