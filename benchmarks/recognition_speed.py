"""What a face costs on one core, model by model, each against the first in the same run.

    python benchmarks/recognition_speed.py [MODEL …]

A model is a shipped name or an .onnx file; without any, all that ship. Batches of 64 random faces; processor time, so
that other work on the machine matters little; the models take turns, and the median of the rounds counts.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from mien.recognition.recognizer import Recognizer, load_recognizer
from mien.weights import list_weights

BATCH, ROUNDS = 64, 15


def seconds(recognizer: Recognizer, faces: np.ndarray) -> float:
    started = time.process_time()
    recognizer.predict_proba(faces)
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*")
    names = parser.parse_args().models or list(list_weights(aliases=False))
    recognizers = {name: load_recognizer(name, batch_size=BATCH, threads=1) for name in names}
    faces = np.random.default_rng(0).integers(0, 256, (BATCH, 48, 48), np.uint8)
    rounds = [[seconds(recognizer, faces) for recognizer in recognizers.values()] for _ in range(ROUNDS + 2)]
    costs = np.median(rounds[2:], axis=0) / BATCH * 1e3
    print("| model | file | ms a face | against the first |\n|---|---:|---:|---:|")
    for (name, recognizer), cost in zip(recognizers.items(), costs, strict=True):
        size = Path(recognizer.path).stat().st_size / 1e6
        print(f"| {name} | {size:.1f} MB | {cost:.2f} | {costs[0] / cost:.2f} × |")


if __name__ == "__main__":
    main()
