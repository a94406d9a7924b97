"""Take exported files among the shipped weights: hashes into the manifest, run records beside the docs, float weights.

    python tools/ship.py NAME RUN [--file FILE] [--default]
    python tools/ship.py --all RUNS

The first takes one run; FILE is RUN/model.onnx where it is not given, and --default makes it what `mien predict` uses.
The second takes every run that a recipe of `shipped` ships, as `mien train --all shipped --out RUNS` left them.

The weights before they were rounded to 8 bit go as 16-bit safetensors into weights_float/, outside of the wheel, for
`mien train --start`; the run record holds their hash.
"""

import argparse
import hashlib
import json
import shutil
from dataclasses import replace
from pathlib import Path

from mien.recognition.recognizer import load_recognizer
from mien.runtime.files import atomic_file, write_text
from mien.training.lineage import MODEL, load_chain
from mien.training.runs import CURVES, HISTORY, RunFolder
from mien.training.sources import FLOAT_SUFFIX, save_float_weights

ROOT = Path(__file__).parent.parent


def ship(name: str, run: Path, file: Path, *, default: bool, root: Path = ROOT) -> None:
    """Take ``file``, exported from ``run``, as the model ``name``."""
    weights, folder = root / "src" / "mien" / "weights", RunFolder(run)
    if (found := load_recognizer(file).metadata.name) != name:  # records of results name it
        raise SystemExit(f"{file} is named {found}, expected {name}: mien export {run} --name {name}")
    target = weights / f"{name}.onnx"
    with atomic_file(target) as temporary:
        shutil.copyfile(file, temporary)
    manifest = json.loads((weights / "manifest.json").read_text(encoding="utf-8"))
    sha256 = hashlib.sha256(target.read_bytes()).hexdigest()
    manifest[name] = {"kind": "model", "file": target.name, "sha256": sha256}
    if default:
        manifest["default"] = {"alias": name}
    write_text(weights / "manifest.json", json.dumps(dict(sorted(manifest.items())), indent=2) + "\n")
    float_sha256 = save_float_weights(folder, root / "weights_float" / f"{name}{FLOAT_SUFFIX}")
    record = root / "docs" / "runs" / name
    RunFolder(record).write_record(replace(folder.read_record(), float_weights_sha256=float_sha256))
    for part in (HISTORY, CURVES):
        shutil.copyfile(run / part, record / part)
    print(f"{target.name} {sha256}; record in {record}; weights {float_sha256}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?")
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--file", type=Path)
    parser.add_argument("--default", action="store_true")
    parser.add_argument("--all", type=Path, metavar="RUNS")
    given = parser.parse_args()
    if given.all is not None:
        for recipe in load_chain("shipped"):
            if recipe.ship is not None:
                run = given.all / recipe.name
                ship(recipe.ship.name, run, run / MODEL, default=recipe.ship.default)
    elif given.run is None:
        parser.error("expected NAME and RUN, or --all RUNS")
    else:
        ship(given.name, given.run, given.file or given.run / MODEL, default=given.default)


if __name__ == "__main__":
    main()
