"""A real server in a process of its own, as ``mien serve`` starts it."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx


@dataclass(frozen=True, slots=True)
class Server:
    """Where it listens, its process, and what it logged."""

    url: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", int(self.url.rsplit(":", 1)[1])

    def stop(self, how: int = signal.SIGTERM) -> int:
        """Its exit code."""
        self.process.send_signal(how)
        return self.process.wait(60)

    def resident_mib(self) -> float:
        """Memory in use."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii").splitlines()
        return int(next(line for line in lines if line.startswith("VmRSS")).split()[1]) / 1024


@contextmanager
def running(
    folder: Path, model: Path, *flags: str, program: tuple[str, ...] = ("-m", "mien", "serve"), **environment: str
) -> Iterator[Server]:
    """A server on a port of the loopback that the system picks; it is stopped at the end.

    It reads two pictures at a time on any machine, where flags and environment do not say otherwise.
    """
    log = folder / f"server-{len(list(folder.glob('server-*.log')))}.log"
    command = [sys.executable, *program, "--port", "0", "--model", str(model), *flags]
    variables = os.environ | {"MIEN_CONCURRENCY": "2"} | environment
    with log.open("wb") as stream:
        process = subprocess.Popen(command, stderr=stream, stdout=stream, env=variables, cwd=folder)
    try:
        server = Server(_address(process, log), process, log)
        _wait_until_ready(server)
        yield server
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(60)


def _address(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Where it listens, which it logs once it does."""
    for _ in range(1800):
        if found := re.search(r"running on http://[\d.]+:(\d+)", log.read_text()):
            return f"http://127.0.0.1:{found[1]}"
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(log.read_text())


def _wait_until_ready(server: Server) -> None:
    for _ in range(300):
        if server.process.poll() is not None:
            break
        with suppress(httpx.TransportError):
            if httpx.get(f"{server.url}/readyz", timeout=1).status_code == 200:
                return
        time.sleep(0.1)
    raise RuntimeError(server.log.read_text())
