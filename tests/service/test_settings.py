"""One definition of every setting: flags, environment, help and documentation agree."""

import subprocess
import sys
from pathlib import Path

import pytest

from mien.errors import ConfigError
from mien.service.settings import ServiceSettings, read_settings

DOCS = Path(__file__).parent.parent.parent / "docs" / "how-to" / "serve.md"
TOKENS = ("a-token-of-16-or-more", "another-one-of-these")


def test_flags_come_before_the_environment_and_that_before_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_MAX_IMAGES", "7")
    monkeypatch.setenv("MIEN_PORT", "9001")
    settings = read_settings(["--port", "9002", "--access-log"])
    assert (settings.port, settings.max_images, settings.max_faces) == (9002, 7, 200)
    assert settings.access_log


@pytest.mark.parametrize("arguments", [["--tokens", ",".join(TOKENS)], ["--tokens", TOKENS[0], "--tokens", TOKENS[1]]])
def test_several_tokens_are_given_with_commas_or_one_by_one(arguments: list[str]) -> None:
    settings = read_settings(arguments)
    assert tuple(token.get_secret_value() for token in settings.tokens) == TOKENS
    assert TOKENS[0] not in repr(settings)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--port", "70000"], r"port: Input should be less than or equal to 65535 \(given '70000'\)"),
        (["--max-images", "many"], "max_images: .*integer"),
        (["--request-timeout-s", "0"], "request_timeout_s: .*greater than 0"),
        (["--tokens", "short"], "tokens: .*at least 16 characters"),
        (["--tokens", ""], "tokens: .*an empty value would admit anyone"),
        (["--tokens", " , "], "tokens: .*an empty value would admit anyone"),
    ],
)
def test_a_wrong_value_names_its_setting(arguments: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=words) as caught:
        read_settings(arguments)
    assert "short" not in str(caught.value)


def test_an_empty_token_in_the_environment_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MIEN_TOKENS", "")
    with pytest.raises(ConfigError, match=r"tokens: .*an empty value would admit anyone"):
        read_settings([])


@pytest.mark.parametrize("tokens", [[], ["--tokens", ",".join(TOKENS)]])
def test_worker_processes_read_the_same_settings(monkeypatch: pytest.MonkeyPatch, tokens: list[str]) -> None:
    given = read_settings([*tokens, "--cors-origins", "https://a.example", "--port", "81"])
    for name, value in given.environment().items():
        monkeypatch.setenv(name, value)
    assert read_settings() == given


@pytest.mark.parametrize("name", ServiceSettings.model_fields)
def test_help_and_documentation_name_every_setting(name: str) -> None:
    field = ServiceSettings.model_fields[name]
    assert field.description
    assert f"`--{name.replace('_', '-')}`" in DOCS.read_text(encoding="utf-8")


def test_without_the_extra_the_command_names_it() -> None:
    code = "import sys; sys.modules['fastapi'] = None; from mien.cli import main; main(['serve'])"
    refused = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert refused.returncode == 6
    assert "pip install 'mien[service]'" in refused.stderr


def test_help_and_errors_come_from_the_command_line() -> None:
    def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-m", "mien", "serve", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    assert "--max-in-flight" in run("--help").stdout
    assert run("--prot", "1").returncode == 2
    wrong = run("--port", "x")
    assert (wrong.returncode, wrong.stderr.count("\n")) == (2, 1)
    absent = run("--model", "nowhere.onnx")
    assert absent.returncode == 4
