"""What README and the pages of ``docs/`` tell readers to type runs as it stands, and the site builds without a warning.

A block of code that a test cannot run says why in a comment above it: ``<!-- not run: it trains for hours -->``.
"""

import os
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import Image

from tests.conftest import REPOSITORY
from tests.made import write_fer_files
from tests.photos import portrait
from tests.videos import scene, write_video

#: Logs of what was done once; their commands need hours and the real data.
_LOGS = {"experiments.md", "ablations.md"}
PAGES = [
    REPOSITORY / "README.md",
    REPOSITORY / "DATASETS.md",
    *sorted(page for page in (REPOSITORY / "docs").rglob("*.md") if page.name not in _LOGS),
]
_BLOCK = re.compile(r"(?P<before>[^\n]*)\n+```(?P<language>sh|python|console)\n(?P<code>.*?)```", re.DOTALL)
EXTRAS = tomllib.loads((REPOSITORY / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]


@dataclass(frozen=True)
class Block:
    language: str
    code: str
    skipped: bool


def blocks(page: Path) -> list[Block]:
    """The blocks of a page in order; ``console`` blocks show output and are not run."""
    found = _BLOCK.finditer("\n" + page.read_text(encoding="utf-8"))
    return [Block(m["language"], m["code"], "<!-- not run: " in m["before"]) for m in found]


def runnable(page: Path) -> list[Block]:
    return [block for block in blocks(page) if not block.skipped and block.language != "console"]


@pytest.fixture(scope="session")
def desk(tmp_path_factory: pytest.TempPathFactory, prepared: Path) -> Path:
    """What a reader has before him: photos, a folder of them, a clip, and a prepared data set. Not to be changed."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("photo.jpg", "group.png", "holiday/one.jpg", "more/two.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        Image.fromarray(portrait()).save(folder / name)
    write_video(folder / "clip.mp4", (scene([(100 + 4 * n, 120, 200)]) for n in range(10)))
    write_fer_files(folder / "published")
    (folder / "data").mkdir()
    (folder / "data" / "ferplus").symlink_to(prepared)
    return folder


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_the_page_says_runs(page: Path, desk: Path, tmp_path: Path) -> None:
    if not runnable(page):
        pytest.skip("no code to run")
    for name in desk.iterdir():
        (tmp_path / name.name).symlink_to(name)
    for block in runnable(page):
        if block.language == "python":
            _run([sys.executable, "-c", block.code], tmp_path)
            continue
        for line in block.code.replace("\\\n", " ").splitlines():
            _run_line(line.partition("  #")[0].strip(), tmp_path)


def _run_line(line: str, folder: Path) -> None:
    """One line of a shell block: installs are checked by their extras, ``mien`` is this interpreter's."""
    if not line:
        return
    if line.startswith("pip install"):
        named = re.search(r"\[([^\]]+)\]", line)
        assert not named or set(named[1].split(",")) <= set(EXTRAS), f"no such extra: {line}"
        return
    command = re.sub(r"(?<![\w/.-])mien ", f"{shlex.quote(sys.executable)} -m mien ", line)
    command = re.sub(r"^python ", f"{shlex.quote(sys.executable)} ", command)
    _run(["bash", "-c", command], folder)


def _run(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=os.environ | {"COLUMNS": "120"}
    )
    assert done.returncode == 0, f"{command[-1]}\n{done.stdout}\n{done.stderr}"


def test_every_page_with_code_runs_some_of_it_or_says_why() -> None:
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for reason in re.findall(r"<!-- not run: (.*?) -->", text):
            assert len(reason) > 8, page


def test_the_site_builds_and_every_link_leads_somewhere(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "site" / "reference" / "api" / "index.html").stat().st_size > 50_000
    commands = (tmp_path / "site" / "reference" / "commands" / "index.html").read_text(encoding="utf-8")
    assert "mien predict" in commands


def test_links_of_the_pages_at_the_root_lead_somewhere() -> None:
    for page in sorted(REPOSITORY.glob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            if not target.startswith(("http", "mailto")):
                assert (page.parent / target).exists(), f"{page.name}: {target}"
