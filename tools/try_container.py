"""Build and try the service's container: python tools/try_container.py. Without an engine its steps are run one by one.

With docker or podman the image is built and started. Elsewhere each instruction of ``deploy/Containerfile`` is carried
out in a temporary folder: COPY copies, RUN of the virtual environment and pip runs with paths changed to that folder,
ENV is set, and the ENTRYPOINT is started; once the HEALTHCHECK passes, the service reads a picture. What needs root
(useradd, USER) is named and left out.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parents[1]
FILE = ROOT / "deploy" / "Containerfile"
_PICTURE = ROOT / "docs" / "images" / "astronaut.png"  # one face
_PORT = "8000"  # of the container; here any free one takes its place
_PATIENCE_S = 120


def main() -> None:
    """Raise SystemExit with the first step that fails."""
    engine = next((name for name in ("docker", "podman") if _answers(name)), None)
    if engine is not None:
        subprocess.run([engine, "build", "-t", "mien-try", "-f", FILE, ROOT], check=True)
        port = _free_port()
        command = [engine, "run", "--rm", "--init", "-p", f"127.0.0.1:{port}:{_PORT}", "mien-try"]
        check = [sys.executable, "-c", f"import urllib.request as r; r.urlopen('http://127.0.0.1:{port}/readyz')"]
        _serve(command, check, dict(os.environ), port)
        return
    print("no engine answers here: the steps are run one by one")
    with tempfile.TemporaryDirectory() as folder:
        run_steps(Path(folder))


def _answers(engine: str) -> bool:
    """Whether the engine is installed and its daemon, if it has one, can be reached."""
    path = shutil.which(engine)
    return path is not None and subprocess.run([path, "info"], capture_output=True, check=False).returncode == 0


def run_steps(folder: Path) -> None:
    """Carry out the instructions in ``folder``, which takes the place of the image's root."""
    work, environment = folder / "build", dict(os.environ)
    for line in instructions(FILE.read_text(encoding="utf-8")):
        word, _, rest = line.partition(" ")
        if word in {"ARG", "ENV"}:
            environment |= _assigned(rest)
        elif word == "COPY" and not rest.startswith("--from"):  # between stages there is one folder here
            _copy(rest.split(), work)
        elif word == "RUN" and rest.startswith("python -m venv"):
            print(f"RUN {rest}")
            subprocess.run(["bash", "-ec", _moved(rest, folder)], cwd=work, env=environment, check=True)
        elif word in {"HEALTHCHECK", "ENTRYPOINT"}:
            environment[word] = _moved(rest[rest.index("[") :], folder)
        else:
            print(f"left out: {line}")
    port = _free_port()
    check = json.loads(environment["HEALTHCHECK"].replace(f":{_PORT}/", f":{port}/"))
    environment |= {"MIEN_HOST": "127.0.0.1", "MIEN_PORT": str(port)}
    _serve(json.loads(environment["ENTRYPOINT"]), check, environment, port)


def instructions(text: str) -> list[str]:
    """The instructions, one line each, without comments."""
    joined = re.sub(r"\\\n\s*", "", text)
    return [line.strip() for line in joined.splitlines() if line.strip() and not line.startswith("#")]


def _assigned(pairs: str) -> dict[str, str]:
    """``A=1 B=2`` by name."""
    return {name: value for name, _, value in (pair.partition("=") for pair in pairs.split())}


def _copy(names: list[str], work: Path) -> None:
    *sources, target = names
    for name in sources:
        if (ROOT / name).is_dir():  # COPY copies what is in a folder, not the folder
            shutil.copytree(ROOT / name, work / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            work.mkdir(exist_ok=True)
            shutil.copyfile(ROOT / name, work / target / Path(name).name)


def _moved(command: str, folder: Path) -> str:
    """The same command in ``folder`` in place of the root."""
    return command.replace("/opt/mien", f"{folder}/opt/mien")


def _free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _serve(command: list[str], check: list[str], environment: dict[str, str], port: int) -> None:
    process = subprocess.Popen(command, env=environment)
    try:
        for _ in range(_PATIENCE_S):
            time.sleep(1)
            if subprocess.run(check, check=False, stderr=subprocess.DEVNULL).returncode == 0:
                print(f"the service is healthy and finds {_faces(port)} face")
                return
            if process.poll() is not None:
                raise SystemExit(f"the service ended with exit code {process.returncode}")
        raise SystemExit(f"the service was not healthy after {_PATIENCE_S} s")
    finally:
        process.terminate()
        process.wait(60)


def _faces(port: int) -> int:
    """How many faces the service finds in a picture with one; SystemExit for another number."""
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/predict", _PICTURE.read_bytes())
    with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - http, to this machine
        faces = len(json.load(answer)["results"][0]["faces"])
    if faces != 1:
        raise SystemExit(f"the service finds {faces} faces in {_PICTURE.name}, expected 1")
    return faces


if __name__ == "__main__":
    main()
