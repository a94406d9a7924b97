"""A reverse proxy in front of a server, that can lose it."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread

import httpx


class Proxy(ThreadingHTTPServer):
    """Passes on what it is asked, and answers 502 itself while ``lost`` is set."""

    daemon_threads = True

    def __init__(self, behind: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind, self.lost = behind, Event()
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Proxy

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.lost.is_set():
            self._answer(502, {"Content-Type": "text/html"}, b"<h1>Bad Gateway</h1>")
            return
        answer = httpx.request(
            self.command, self.server.behind + self.path, headers=dict(self.headers), content=body, timeout=60
        )
        kept = {"content-type", "content-security-policy", "location", "retry-after"}
        headers = {name: value for name, value in answer.headers.items() if name in kept}
        self._answer(answer.status_code, headers, answer.content)

    do_GET = do_POST = do_DELETE = _pass_on  # noqa: N815 - names of http.server

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def proxied(behind: str) -> Iterator[Proxy]:
    """A proxy in front of the address ``behind``; it is stopped at the end."""
    with Proxy(behind) as proxy:
        Thread(target=proxy.serve_forever, daemon=True).start()
        yield proxy
        proxy.shutdown()
