"""Who may ask: pages of other sites, names of other machines, and a start that says who is let in."""

from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection

from mien.errors import AccessError
from mien.service.http.security import check_access
from mien.service.settings import read_settings
from tests.service.servers import Server, running

EVIL = "https://evil.example"
PROXIED = ["--cors-origins", "https://faces.example"]
TOKEN = "correct-horse-battery"  # noqa: S105 - of the tests


def asked(method: str, **headers: str) -> HTTPConnection:
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    return HTTPConnection({"type": "http", "method": method, "headers": pairs})


@pytest.mark.parametrize(
    ("method", "path"), [("POST", "predict"), ("POST", "video"), ("DELETE", "video/aaaaaaaaaaaaaaaaaaaaaa")]
)
def test_pages_of_other_sites_can_neither_send_nor_delete(server: Server, method: str, path: str) -> None:
    headers = {"origin": EVIL, "content-type": "text/plain"}
    response = httpx.request(method, f"{server.url}/v1/{path}", headers=headers)
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
    assert f"pages of {EVIL} may not use this service" in response.json()["detail"]


def test_the_own_page_and_programs_may_send(server: Server, photo: bytes) -> None:
    for headers in ({}, {"origin": server.url}):
        assert httpx.post(f"{server.url}/v1/predict", content=photo, headers=headers).status_code == 200


@pytest.mark.parametrize("path", ["/v1/model", "/metrics"])
def test_a_name_that_was_bent_to_this_machine_reads_nothing(server: Server, path: str) -> None:
    response = httpx.get(server.url + path, headers={"host": "evil.example"})
    assert (response.status_code, response.json()["error"]) == (401, "unauthorized")
    assert "evil.example is not a name of this machine" in response.json()["detail"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]", "[::1]:8000"])
def test_each_name_of_this_machine_is_let_in(host: str) -> None:
    check_access(asked("GET", host=host), read_settings([]))


OTHERS = ["", "evil.example", "localhost.evil.example", "127.0.0.1.evil.example:80", "10.0.0.1", "::1", "[", "a:b"]


@pytest.mark.parametrize("host", OTHERS)
def test_other_names_are_refused_where_only_this_machine_can_ask(host: str) -> None:
    with pytest.raises(AccessError, match="not a name of this machine"):
        check_access(asked("GET", host=host), read_settings([]))


@pytest.mark.parametrize("arguments", [["--host", "0.0.0.0"], PROXIED])  # noqa: S104 - nothing listens
def test_other_names_are_let_in_where_others_may_ask(arguments: list[str]) -> None:
    check_access(asked("GET", host="faces.example"), read_settings(arguments))


def test_with_a_token_any_name_is_let_in() -> None:
    check_access(asked("GET", host="a.example", authorization=f"Bearer {TOKEN}"), read_settings(["--tokens", TOKEN]))


@pytest.mark.parametrize("origin", ["null", EVIL, "https://localhost.evil.example", "http://["])
def test_only_the_own_origin_and_allowed_ones_may_send(origin: str) -> None:
    settings = read_settings(PROXIED)
    check_access(asked("POST", host="localhost:8000", origin="http://localhost:8000"), settings)
    check_access(asked("POST", host="localhost:8000", origin="https://faces.example"), settings)
    check_access(asked("GET", host="localhost:8000", origin=origin), settings)
    with pytest.raises(AccessError, match="may not use this service"):
        check_access(asked("POST", host="localhost:8000", origin=origin), settings)


@pytest.mark.parametrize(("tokens", "warned"), [([], True), (["--tokens", TOKEN], False)])
def test_the_start_warns_where_others_may_ask_without_a_token(
    model: Path, tmp_path: Path, tokens: list[str], *, warned: bool
) -> None:
    with running(tmp_path, model, "--host", "0.0.0.0", *tokens) as started:  # noqa: S104
        assert ("anyone who can reach 0.0.0.0 may use the service" in started.log.read_text()) == warned
