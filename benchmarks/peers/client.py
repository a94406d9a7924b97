"""Runs the adapters that peers.toml names and asks them what protocol.py says. It judges no answer."""

import json
import os
import subprocess
import tempfile
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from threading import Timer
from typing import Any

FOLDER = Path(__file__).parent
ROOT = FOLDER.parent.parent
#: An adapter that has not answered after so many seconds is ended.
LIMIT_S = 900
#: One thread each, whatever library computes.
_ONE_THREAD = dict.fromkeys(
    ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS"), "1"
)


class NotToBeHad(Exception):  # noqa: N818 - a result, not a fault
    """A peer does not run here, with the reason."""


@dataclass(frozen=True, slots=True)
class PeerPackage:
    """One table of peers.toml, with its braces filled in.

    Attributes:
        name: Of the table.
        environment: Folder that it is installed into.
        command: That starts its adapter, in this folder.
        pip: Argument lists of ``pip install``.
        npm: Packages of ``npm install``.
    """

    name: str
    environment: Path
    command: tuple[str, ...]
    pip: tuple[tuple[str, ...], ...] = ()
    npm: tuple[str, ...] = ()


def load_packages(environments: Path, file: Path = FOLDER / "peers.toml") -> dict[str, PeerPackage]:
    """The peers by name, to be found below ``environments``."""
    found = {}
    for name, entry in tomllib.loads(file.read_text(encoding="utf-8")).items():
        environment = (environments / entry.get("environment", name)).absolute()
        words = {"env": str(environment), "python": str(environment / "bin" / "python"), "root": str(ROOT)}
        command, *installs = (
            tuple(word.format(**words) for word in line) for line in (entry["command"], *entry.get("pip", []))
        )
        found[name] = PeerPackage(name, environment, command, tuple(installs), tuple(entry.get("npm", [])))
    return found


class Adapter:
    """A running adapter: ask it, then close it.

    Raises:
        NotToBeHad: It does not start, or ends before it answers.
    """

    def __init__(self, package: PeerPackage) -> None:
        if not package.environment.is_dir():
            raise NotToBeHad(
                f"not installed (python benchmarks/peers/setup.py {package.environment.parent} {package.name})"
            )
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 - closed below
        try:
            self._process = subprocess.Popen(
                package.command,
                cwd=FOLDER,
                env={**os.environ, **_ONE_THREAD},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                text=True,
            )
        except OSError as err:
            self._errors.close()
            raise NotToBeHad(f"{package.command[0]}: {err.strerror}") from err
        try:
            hello = self._read()
        except NotToBeHad:
            self.close()
            raise
        self.classes, self.version = tuple(hello["classes"]), str(hello["version"])
        self.weights: list[float] | None = hello.get("weights")

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to one request."""
        if self._process.stdin is None:
            raise AssertionError
        with suppress(OSError):  # it has ended: what it said last tells why
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._read()

    def close(self) -> tuple[float, float]:
        """End it; processor seconds and peak megabytes of its whole life."""
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with suppress(OSError):  # it has ended, and what was not sent cannot be
                    stream.close()
        timer = Timer(30, self._process.kill)
        timer.start()
        _, status, usage = os.wait4(self._process.pid, 0)
        timer.cancel()
        self._process.returncode = os.waitstatus_to_exitcode(status)
        self._errors.close()
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024

    def _read(self) -> dict[str, Any]:
        timer = Timer(LIMIT_S, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline() if self._process.stdout else ""
        finally:
            timer.cancel()
        if not line:
            raise NotToBeHad(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _last_words(self) -> str:
        self._errors.seek(0)
        lines = [line.strip() for line in self._errors.read().splitlines() if line.strip()]
        return lines[-1][:200] if lines else "it ended without a word"


@contextmanager
def running(package: PeerPackage) -> Iterator[Adapter]:
    """An adapter that is closed at the end.

    Raises:
        NotToBeHad: It does not start.
    """
    adapter = Adapter(package)
    try:
        yield adapter
    finally:
        adapter.close()
