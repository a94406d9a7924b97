"""A server whose videos are texts: it notes their lines, one every twentieth of a second, and fails at ``broken``.

With LARGEST_FILE in the environment no file may grow beyond so many bytes, as on a disk that is full.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from mien.errors import SourceError
from mien.service import engine
from mien.service.server import serve
from mien.service.settings import read_settings


def read_slowly(source: Path, folder: Path, job: object, progress: Callable[[float], None]) -> None:
    lines = source.read_text(encoding="utf-8").splitlines()
    with (folder / "lines.txt").open("a", encoding="utf-8") as out:
        for number, line in enumerate(lines):
            if line == "broken":
                raise SourceError("no such frame")
            out.write(line + "\n")
            out.flush()
            progress(number / len(lines))
            time.sleep(0.05)


if __name__ == "__main__":
    if "LARGEST_FILE" in os.environ:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(os.environ["LARGEST_FILE"]), resource.RLIM_INFINITY))
    engine.VideoReader = lambda *_: read_slowly  # type: ignore[assignment,attr-defined]  # replaced on purpose
    serve(read_settings(sys.argv[1:]))
