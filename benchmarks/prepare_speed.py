"""How fast `mien data prepare` is against the straightforward pandas way, and what memory it takes.

    python benchmarks/prepare_speed.py fer2013.csv fer2013new.csv [--labels FOLDER]

Each way runs in a process of its own, one after the other, on the same files; opening the result is timed too.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PANDAS_WAY = """
import sys, numpy as np, pandas as pd
pixels, votes = pd.read_csv(sys.argv[1]), pd.read_csv(sys.argv[2])
images = np.stack([np.asarray(text.split(), dtype=np.uint8) for text in pixels["pixels"]]).reshape(-1, 48, 48, 1)
counts = votes.iloc[:, 2:10].to_numpy()
kept = counts.sum(axis=1) > 0
np.savez(sys.argv[3], images=images[kept], votes=counts[kept] / counts[kept].sum(axis=1, keepdims=True))
"""
OUR_WAY = """
import sys
from pathlib import Path
from mien.data.prepare import prepare
prepare(Path(sys.argv[1]), Path(sys.argv[2]), out=Path(sys.argv[3]), labels=Path(sys.argv[4]) if sys.argv[4] else None)
"""
OPEN = """
import sys, time
from mien.data.dataset import open_dataset
start = time.perf_counter()
open_dataset(sys.argv[1])
print(time.perf_counter() - start)
"""


def timed(code: str, *arguments: str) -> tuple[float, float]:
    """Seconds and peak memory in MB of a process that runs ``code``."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    seconds = time.perf_counter() - start
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("fer2013", type=Path)
    parser.add_argument("ferplus", type=Path)
    parser.add_argument("--labels", default="")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        files = (str(given.fer2013), str(given.ferplus))
        # peak memory is that of the largest child so far, so ours runs first
        ours, our_memory = timed(OUR_WAY, *files, f"{folder}/data", given.labels)
        theirs, their_memory = timed(PANDAS_WAY, *files, f"{folder}/pandas.npz")
        opened = subprocess.run(
            [sys.executable, "-c", OPEN, f"{folder}/data"], check=True, capture_output=True, text=True
        )
    print(f"mien data prepare: {ours:.1f} s, peak memory {our_memory:.0f} MB")
    print(f"pandas:            {theirs:.1f} s, peak memory {their_memory:.0f} MB")
    print(f"ratio: {theirs / ours:.1f} times faster")
    print(f"opening the prepared data set: {float(opened.stdout) * 1000:.1f} ms")


if __name__ == "__main__":
    main()
