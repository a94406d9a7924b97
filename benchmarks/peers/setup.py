"""Installs peers, each into an environment of its own: python benchmarks/peers/setup.py ENVIRONMENTS [NAME …].

Without names all of peers.toml are installed; one that is not to be had is reported, and the others go on.
"""

import argparse
import subprocess
import sys
from pathlib import Path

import numpy as np
from client import PeerPackage, load_packages

from mien.weights import weight_path


def install(package: PeerPackage) -> None:
    """Run its commands; raises CalledProcessError or OSError where one fails."""
    environment = package.environment
    if package.npm:
        environment.mkdir(parents=True, exist_ok=True)
        # scripts of its dependencies would fetch browsers and native parts that are not used
        run(
            [
                "npm",
                "install",
                "--no-audit",
                "--no-fund",
                "--ignore-scripts",
                "--prefix",
                str(environment),
                *package.npm,
            ]
        )
        return
    run([sys.executable, "-m", "venv", str(environment)])
    for words in package.pip:
        run([str(environment / "bin" / "python"), "-m", "pip", "install", "--quiet", *words])
    if package.name == "plain":
        write_capstone_weights(environment / "capstone.npz")


def write_capstone_weights(path: Path) -> None:
    """The shipped capstone network's arrays by their names, for Keras."""
    import onnx

    arrays = onnx.load(weight_path("capstone")).graph.initializer
    named = {array.name.removesuffix("_half"): onnx.numpy_helper.to_array(array) for array in arrays}
    kept = {name: array.astype(np.float32) for name, array in named.items() if name.startswith("network.")}
    np.savez(path, allow_pickle=False, **kept)


def run(command: list[str]) -> None:
    print("$", *command, flush=True)
    subprocess.run(command, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("environments", type=Path)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    packages = load_packages(given.environments)
    done: set[Path] = set()
    for name in given.names or packages:
        package = packages[name]
        if package.environment in done:
            continue
        try:
            install(package)
        except (subprocess.CalledProcessError, OSError) as err:
            print(f"{name} is not to be had: {err}", flush=True)
        done.add(package.environment)


if __name__ == "__main__":
    main()
