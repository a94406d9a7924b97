"""What is packaged in other ways says what pyproject.toml says: the conda recipe, the container, Compose."""

import re
import subprocess
import tomllib
from typing import Any

import pytest

from tests.conftest import REPOSITORY

PROJECT = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))
CONTAINER = (REPOSITORY / "deploy" / "Containerfile").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def yaml() -> Any:
    return pytest.importorskip("yaml", reason="reads the recipe and the Compose file; comes with the docs extra")


@pytest.fixture(scope="module")
def recipe(yaml: Any) -> dict[str, Any]:
    """The recipe with its templates filled in, as conda build does."""
    text = (REPOSITORY / "deploy" / "conda" / "meta.yaml").read_text(encoding="utf-8")
    values = dict(re.findall(r'{% set (\w+) = "([^"]+)" %}', text))
    text = re.sub(r"{%.*?%}\n", "", text)
    read: dict[str, Any] = yaml.safe_load(re.sub(r"{{ (\w+) }}", lambda m: values.get(m[1], m[1].lower()), text))
    return read


def test_the_conda_recipe_has_version_dependencies_license_and_command(recipe: dict[str, Any]) -> None:
    project = PROJECT["project"]
    assert recipe["package"] == {"name": project["name"], "version": project["version"]}
    wanted = {f"python {project['requires-python']}"} | {
        re.sub(r"(>=)", r" \1", dependency.lower()) for dependency in project["dependencies"]
    }
    assert set(recipe["requirements"]["run"]) == wanted
    assert {re.sub(r"(>=)", r" \1", need) for need in PROJECT["build-system"]["requires"]} <= set(
        recipe["requirements"]["host"]
    )
    assert recipe["build"]["entry_points"] == [f"mien = {project['scripts']['mien']}"]
    assert recipe["about"]["license"] == project["license"]
    assert recipe["about"]["license_file"] == project["license-files"]
    assert recipe["about"]["summary"] == project["description"]
    for file in recipe["about"]["license_file"]:
        assert (REPOSITORY / file).is_file()


def test_compose_serves_the_container_on_this_machine_with_the_memory_it_is_made_for(yaml: Any) -> None:
    compose = yaml.safe_load((REPOSITORY / "deploy" / "compose.yaml").read_text(encoding="utf-8"))
    service = compose["services"]["mien"]
    context = (REPOSITORY / "deploy" / service["build"]["context"]).resolve()
    assert context == REPOSITORY
    assert (context / service["build"]["dockerfile"]).read_text(encoding="utf-8") == CONTAINER
    host, outer, inner = service["ports"][0].split(":")
    assert (host, outer, inner) == ("127.0.0.1", "8000", re.findall(r"EXPOSE (\d+)", CONTAINER)[0])
    assert f"--memory {service['mem_limit']}" in CONTAINER


def test_the_container_copies_files_that_are_there_and_installs_an_extra_that_exists() -> None:
    for copied in re.findall(r"^COPY (?!--from)(.+) \S+$", CONTAINER, re.MULTILINE):
        for name in copied.split():
            assert (REPOSITORY / name).exists(), name
    extras = re.findall(r"^ARG EXTRAS=(\S+)$", CONTAINER, re.MULTILINE)[0]
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


def test_the_sdist_holds_what_readme_links_to() -> None:
    tracked = subprocess.run(["git", "ls-files"], cwd=REPOSITORY, capture_output=True, text=True, check=False)
    if tracked.returncode != 0:
        pytest.skip("no git here, or no clone; `make wheel` looks into the sdist itself")
    left_out = tuple(PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["exclude"])
    packed = [name for name in tracked.stdout.splitlines() if not name.startswith(left_out)]
    readme = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    linked = {target for target in re.findall(r"\]\(([^)#]+)", readme) if not target.startswith("http")}
    assert len(linked) > 10
    for target in linked:
        assert any(name == target or name.startswith(target.rstrip("/") + "/") for name in packed), target
