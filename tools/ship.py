"""Take an exported file among the shipped weights: its hash into the manifest, its run's record beside the docs.

    python tools/ship.py NAME RUN [--default]

src/mien/weights/NAME.onnx must be there, see CONTRIBUTING.md. --default makes it what `mien predict` uses.
"""

import argparse
import hashlib
import json
import shutil
from pathlib import Path

from mien.runtime.files import write_text

ROOT = Path(__file__).parent.parent
WEIGHTS = ROOT / "src" / "mien" / "weights"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name")
    parser.add_argument("run", type=Path)
    parser.add_argument("--default", action="store_true")
    given = parser.parse_args()
    manifest = json.loads((WEIGHTS / "manifest.json").read_text(encoding="utf-8"))
    file = f"{given.name}.onnx"
    sha256 = hashlib.sha256((WEIGHTS / file).read_bytes()).hexdigest()
    manifest[given.name] = {"kind": "model", "file": file, "sha256": sha256}
    if given.default:
        manifest["default"] = {"alias": given.name}
    write_text(WEIGHTS / "manifest.json", json.dumps(dict(sorted(manifest.items())), indent=2) + "\n")
    record = ROOT / "docs" / "runs" / given.name
    record.mkdir(parents=True, exist_ok=True)
    for name in ("run.json", "history.csv", "curves.png"):
        shutil.copyfile(given.run / name, record / name)
    print(f"{file} {sha256}; record in {record}")


if __name__ == "__main__":
    main()
