"""The live picture in a browser: a page on this machine that shows one JPEG after the other, without a GUI toolkit.

It listens on the loopback interface only, and answers only requests that know its secret address.
"""

from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from secrets import token_urlsafe
from threading import Condition, Thread
from urllib.parse import urlsplit

from PIL import Image

from mien.errors import ConfigError, SourceError
from mien.expressions import LabelSet
from mien.video.drawing import FrameRenderer
from mien.video.results import FrameResult
from mien.video.sinks.base import Ending
from mien.video.sources.base import VideoInfo

#: Separates the parts of the endless answer (multipart/x-mixed-replace), each a JPEG that replaces the last.
_BOUNDARY = "frame"
_QUALITY = 80
_LAST_PORT = 2**16 - 1
_PAGE = b"""<!doctype html><html lang="en"><head><meta charset="utf-8"><title>mien live</title><style>
body { margin: 0; background: #1c1f24; display: grid; place-items: center; min-height: 100vh; }
img { max-width: 100vw; max-height: 100vh; }
</style></head><body><img src="live" alt="Live picture with the expression of each face"></body></html>"""
#: Names of this machine. A hostile site that points its own name at this machine (DNS rebinding) sends that as Host.
_OWN_NAMES = frozenset({"127.0.0.1", "localhost", "::1"})


class LivePage:
    """A sink: serves the last picture; each viewer gets the newest one when it is ready for it.

    The address holds a random secret, so that no other page or user can guess it.

    Args:
        port: 0 chooses one that is free.

    Raises:
        ConfigError: There is no such port.
        SourceError: The port is taken.
    """

    name = "show page"

    def __init__(self, port: int = 0) -> None:
        if not 0 <= port <= _LAST_PORT:
            raise ConfigError(f"port is {port}, expected 0 to {_LAST_PORT}")
        self._renderer = FrameRenderer()
        self._secret = token_urlsafe(16)
        self._jpeg, self._number, self._open = b"", 0, True
        self._changed = Condition()  # guards the picture, its number and whether the page is open
        # The server makes a handler for each connection; the class attribute is how it finds this page.
        handler = type("Handler", (_Handler,), {"page": self})
        try:
            self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        except OSError as err:
            raise SourceError(f"port {port}: {err.strerror or err}", hint="choose another with --port") from err
        self._server.daemon_threads = True  # a viewer that stays must not keep the command from ending
        self._worker = Thread(target=self._server.serve_forever, daemon=True)

    @property
    def address(self) -> str:
        """The URL that a browser opens."""
        return f"http://127.0.0.1:{self._server.server_port}{self.path}"

    @property
    def path(self) -> str:
        """The path of the URL with the secret, between slashes."""
        return f"/{self._secret}/"

    def open(self, video: VideoInfo, labels: LabelSet) -> None:  # noqa: ARG002 - of the protocol
        """Start serving."""
        self._worker.start()

    def write(self, result: FrameResult) -> None:
        """Show a frame with its faces rendered."""
        self.show(self._renderer.render(result.image, [face.mark() for face in result.faces]))

    def close(self, ending: Ending) -> None:  # noqa: ARG002 - of the protocol
        """Stop serving."""
        with self._changed:
            self._open = False
            self._changed.notify_all()  # wake the threads of viewers, which end
        self._server.shutdown()
        self._server.server_close()
        self._worker.join()

    def show(self, picture: Image.Image) -> None:
        """Replace the picture."""
        encoded = BytesIO()
        picture.save(encoded, "JPEG", quality=_QUALITY)
        with self._changed:
            self._jpeg, self._number = encoded.getvalue(), self._number + 1
            self._changed.notify_all()

    def newer_than(self, number: int) -> tuple[int, bytes] | None:
        """Wait for a picture after ``number``; None when the page is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._number > number or not self._open)
            return (self._number, self._jpeg) if self._open else None


class _Handler(BaseHTTPRequestHandler):
    page: LivePage

    def do_GET(self) -> None:
        """Answer with the page or with its picture."""
        if not _names_this_machine(self.headers.get("Host", "")):
            self.send_error(403)
        elif self.path == self.page.path:
            self._send("text/html; charset=utf-8")
            self.wfile.write(_PAGE)
        elif self.path == f"{self.page.path}live":
            self._send(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self._stream()
        else:
            self.send_error(404)

    def _send(self, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Cache-Control", "no-store")
        self.end_headers()

    def _stream(self) -> None:
        number = 0
        while (newer := self.page.newer_than(number)) is not None:
            number, jpeg = newer
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
            try:
                self.wfile.write(head.encode() + jpeg + b"\r\n")
            except OSError:
                return  # the viewer has disconnected

    def log_message(self, *_: object) -> None:
        """Keep the server's log off standard error, where the terminal view is."""


def _names_this_machine(host: str) -> bool:
    """Whether a Host header, with or without a port, is a name of this machine."""
    try:
        return urlsplit(f"//{host}").hostname in _OWN_NAMES
    except ValueError:
        return False
