"""Install a built wheel into an empty environment and use it there: python tools/try_wheel.py dist.

Checks what a release must hold: the wheel's size, that the sdist has what README links to, and that a picture is read
by an install that has nothing but the wheel and its own dependencies.
"""

import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from pathlib import Path

_LARGEST_WHEEL = 20 << 20
#: An empty picture made without any library: a portable graymap of 64 × 64 pixels.
_GRAY = b"P5 64 64 255\n" + bytes([120]) * 64 * 64


def main(dist: Path) -> None:
    """Raise SystemExit with the first thing that is wrong."""
    (wheel,), (sdist,) = dist.glob("*.whl"), dist.glob("*.tar.gz")
    size = wheel.stat().st_size
    if size > _LARGEST_WHEEL:
        raise SystemExit(f"{wheel.name} has {size / 2**20:.1f} MiB, at most {_LARGEST_WHEEL >> 20} are allowed")
    check_links(sdist)
    with tempfile.TemporaryDirectory() as folder:
        read_a_picture(wheel, Path(folder))
    print(f"{wheel.name}: {size / 2**20:.1f} MiB, installs and reads a picture; {sdist.name} is whole")


def check_links(sdist: Path) -> None:
    """Every file that README links to lies in the sdist."""
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2]: name for name in archive.getnames()}  # below the folder of the release
        stream = archive.extractfile(inside["README.md"])
        text = stream.read().decode() if stream else ""
    linked = {target for target in re.findall(r"\]\(([^)#]+)", text) if not target.startswith("http")}
    if missing := sorted(target for target in linked if target.rstrip("/") not in inside):
        raise SystemExit(f"{sdist.name} lacks what README links to: {', '.join(missing)}")


def read_a_picture(wheel: Path, folder: Path) -> None:
    """A new environment, the wheel, one picture without a face."""
    venv.create(folder / "venv", with_pip=True)
    binaries = folder / "venv" / "bin"
    subprocess.run([binaries / "python", "-m", "pip", "install", "--quiet", wheel.resolve()], check=True)
    (folder / "gray.pgm").write_bytes(_GRAY)
    done = subprocess.run(
        [binaries / "mien", "predict", "gray.pgm", "--format", "json"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    if '"faces": []' not in done.stdout:
        raise SystemExit(f"expected no face on gray, came: {done.stdout!r}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
