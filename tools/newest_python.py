"""Print the newest Python that is installed on this machine; this one if none is newer."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

#: Minor versions to look for, the newest first.
_MINORS = range(sys.version_info.minor + 12, sys.version_info.minor, -1)


def candidates() -> Iterator[Path]:
    """Interpreters that are newer than this one, on the path and among pyenv's, the newest first."""
    for minor in _MINORS:
        if found := shutil.which(f"python3.{minor}"):
            yield Path(found)
        yield from sorted(Path.home().glob(f".pyenv/versions/3.{minor}.*/bin/python3.{minor}"), reverse=True)


def works(python: Path) -> bool:
    """Whether it runs and can create environments; pyenv puts stubs on the path that do neither."""
    return subprocess.run([python, "-c", "import venv, ssl"], capture_output=True, check=False).returncode == 0


if __name__ == "__main__":
    print(next(filter(works, candidates()), Path(sys.executable)))
