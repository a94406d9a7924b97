"""Limits for one client: by address and by token, for requests, threads, connections and videos."""

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mien.errors import BusyError
from mien.service.http.limits import Client, ConcurrencyLimit, client_address
from mien.service.inference.turns import ClientTurns
from mien.service.jobs.folder import JobFolder
from tests.service.servers import Server, running

TOKENS = ("first-user-of-the-service", "other-user-of-the-service")
HEAD = b"POST /v1/predict HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5000\r\n"
#: A held request is at work after one of these, and not yet ended for being slow; a busy machine needs the longer ones.
PATIENCE_S = (0.1, 0.2, 0.4, 0.8, 1.6, 3.2)


@given(st.lists(st.tuples(st.booleans(), st.sampled_from("abc"), st.sampled_from([None, 0, 1])), max_size=60))
def test_counts_never_exceed_the_limit_nor_a_clients_share(steps: list[tuple[bool, str, int | None]]) -> None:
    limit, held = ConcurrencyLimit(5, "things", share=0.5), list[Client]()
    for take, address, token in steps:
        client = Client(address, token)
        if take:
            with suppress(BusyError):
                limit.acquire(client)
                held.append(client)
        elif client in held:
            held.remove(client)
            limit.release(client)
        assert limit.taken == len(held) <= 5
        for key in {key for client in held for key in client.keys}:
            assert sum(key in client.keys for client in held) <= 3
    for client in held:
        limit.release(client)
    assert (limit.taken, limit._by_key) == (0, {})


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2", True),
        ("", "", True),
    ],
)
def test_addresses_of_one_client_are_one(first: str, second: str, *, same: bool) -> None:
    assert (client_address(first) == client_address(second)) == same


def test_one_client_leaves_a_thread_to_the_others_whatever_it_sends() -> None:
    async def crowd() -> list[str]:
        blocked, done = threading.Event(), list[str]()
        with ThreadPoolExecutor(3) as pool:
            turns = ClientTurns(pool, 2)
            greedy = [asyncio.create_task(turns.run(blocked.wait, Client("greedy"))) for _ in range(50)]
            await asyncio.sleep(0)
            done.append(await asyncio.wait_for(turns.run(lambda: "served", Client("other")), 10))
            for task in greedy[10:]:  # given up while they wait
                task.cancel()
            blocked.set()
            done += [str(result) for result in await asyncio.gather(*greedy[:10])]
            await asyncio.sleep(0.05)
            assert not turns._semaphores
        return done

    assert asyncio.run(crowd()) == ["served", *["True"] * 10]


@pytest.fixture(scope="module")
def shared(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    flags = ["--max-in-flight", "4", "--tokens", ",".join(TOKENS), "--max-connections", "16"]
    with running(tmp_path_factory.mktemp("shared"), model, *flags) as server:
        yield server


def hold(stack: ExitStack, server: Server, token: str, source: str = "127.0.0.1") -> None:
    """A request whose body does not come."""
    waiting = stack.enter_context(socket.create_connection(server.address, source_address=(source, 0)))
    waiting.sendall(HEAD + f"Authorization: Bearer {token}\r\n\r\n".encode() + b"x")


def ask(server: Server, photo: bytes, token: str, source: str) -> httpx.Response:
    with httpx.Client(transport=httpx.HTTPTransport(local_address=source)) as client:
        url, headers = f"{server.url}/v1/predict", {"authorization": f"Bearer {token}"}
        return client.post(url, content=photo, headers=headers, timeout=60)


@pytest.mark.parametrize(
    ("holder", "refused", "served"),
    [
        (("127.0.0.1", TOKENS[0]), ("127.0.0.2", TOKENS[0]), ("127.0.0.2", TOKENS[1])),  # by token
        (("127.0.0.1", TOKENS[0]), ("127.0.0.1", TOKENS[1]), ("127.0.0.3", TOKENS[1])),  # by address
    ],
)
def test_a_client_that_takes_all_it_may_leaves_the_rest_to_others(
    shared: Server, photo: bytes, holder: tuple[str, str], refused: tuple[str, str], served: tuple[str, str]
) -> None:
    for patience_s in PATIENCE_S:
        with ExitStack() as stack:
            for _ in range(2):
                hold(stack, shared, holder[1], holder[0])
            time.sleep(patience_s)
            answer = ask(shared, photo, refused[1], refused[0])
            if answer.status_code == 200:
                continue
            assert (answer.status_code, answer.json()["error"]) == (429, "too_many_requests")
            assert "2 requests at a time is the limit for one client" in answer.json()["detail"]
            assert ask(shared, photo, served[1], served[0]).status_code == 200
            return
    pytest.fail("a third request of a client was always served")


def test_one_address_cannot_hold_all_connections(shared: Server, photo: bytes) -> None:
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(socket.create_connection(shared.address, source_address=("127.0.0.4", 0)))
        assert ask(shared, photo, TOKENS[0], "127.0.0.5").status_code == 200
        with suppress(httpx.TransportError):  # beyond its share it is refused, sooner or later closed unheard
            assert ask(shared, photo, TOKENS[0], "127.0.0.4").status_code == 503


def test_behind_a_trusted_proxy_the_clients_are_told_apart(model: Path, tmp_path: Path, photo: bytes) -> None:
    flags = ["--max-in-flight", "2", "--trusted-proxies", "127.0.0.1"]
    with running(tmp_path, model, *flags) as server:
        for patience_s in PATIENCE_S:
            with socket.create_connection(server.address) as waiting:
                waiting.sendall(HEAD + b"X-Forwarded-For: 192.0.2.1\r\n\r\nx")
                time.sleep(patience_s)
                codes: dict[str, int] = {}
                for client in ("192.0.2.1", "192.0.2.2"):
                    headers = {"x-forwarded-for": client}
                    answer = httpx.post(f"{server.url}/v1/predict", content=photo, headers=headers, timeout=60)
                    codes[client] = answer.status_code
            if codes["192.0.2.1"] == 429:
                break
    assert codes == {"192.0.2.1": 429, "192.0.2.2": 200}


def test_one_client_leaves_waiting_videos_to_others(tmp_path: Path) -> None:
    jobs = JobFolder(tmp_path, max_bytes=10_000, max_waiting=4, keep_s=100, client_share=0.5)

    def submit(address: str) -> None:
        with jobs.uploading("clip.mp4", Client(address)) as job:
            jobs.source(job).write_bytes(b"video")

    submit("192.0.2.1")
    submit("192.0.2.1")
    with pytest.raises(BusyError, match="2 videos of one client are waiting"):
        submit("192.0.2.1")
    submit("192.0.2.2")
