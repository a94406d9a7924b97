"""Pictures at https addresses, within limits of size and time, and never from inside the network that asks.

    address → host → its IP addresses, all of them public → a connection to one of these → redirect, or bytes

The connection goes to an address that was checked, so that a name whose answer changes in between gains nothing; each
redirect is checked like the first address. Proxies of the environment are not used: they would resolve names anew.
"""

import ipaddress
import re
import socket
import ssl
from contextlib import suppress
from http.client import HTTPException, HTTPResponse, HTTPSConnection
from threading import Timer
from time import monotonic
from urllib.parse import SplitResult, urljoin, urlsplit

from mien.errors import LimitError, OverdueError, SourceError
from mien.text import printable
from mien.version import __version__

#: Limits of one picture from the web.
MAX_WEB_BYTES, MAX_WEB_S = 64 * 2**20, 20.0
_MAX_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_BLOCK = 2**16
#: Set by the tests of this package alone, whose servers are on the loopback.
_LOOPBACK_IS_PUBLIC = False
#: Also the inner protocol of a chained address of fsspec: ``simplecache::http://…``.
_WEB = re.compile(r"(?:^|::)\s*https?(?:::|:/)", re.IGNORECASE)


def is_web(address: str) -> bool:
    """Whether an address is one of the web, or is read through one.

    Examples:
        >>> is_web("https://example.org/a.jpg"), is_web("zip://a.jpg::http://example.org/b.zip"), is_web("s3://a/b.jpg")
        (True, True, False)
    """
    return _WEB.search(address) is not None


def fetch(address: str, *, max_bytes: int = MAX_WEB_BYTES, time_s: float = MAX_WEB_S) -> bytes:
    """The content at an https address.

    Args:
        address: ``https://host[:port]/path``; anything else is refused, in redirects too.
        max_bytes: A longer answer is given up.
        time_s: Limit of the whole, redirects included.

    Raises:
        SourceError: The address is none of https, its host has one that is not public, does not answer, or answers
            with an error.
        LimitError: The answer is too long.
        OverdueError: It took too long.
    """
    until, asked = monotonic() + time_s, address
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            answer = _ask(asked, max_bytes, until)
        except (OSError, HTTPException, UnicodeError) as err:  # of names, TLS, connections and headers
            if isinstance(err, SourceError):
                raise
            if monotonic() >= until:
                raise OverdueError(f"{_named(address)}: did not arrive within {time_s:g} s") from err
            raise SourceError(f"{_named(asked)}: cannot be fetched ({type(err).__name__}: {err})"[:300]) from err
        if isinstance(answer, bytes):
            return answer
        asked = urljoin(asked, answer)
    raise SourceError(f"{_named(address)}: more than {_MAX_REDIRECTS} redirects")


def _ask(address: str, max_bytes: int, until: float) -> bytes | str:
    """The content, or where it has moved."""
    parts = _checked(address)
    host, port = parts.hostname or "", parts.port or 443
    connection = _Connection(host, port, _public_address(host, port), until)
    # a server that sends a byte now and then never runs into the timeout of a socket
    cut = Timer(max(0.0, until - monotonic()), connection.cut)
    cut.daemon = True
    cut.start()
    try:
        path = parts._replace(scheme="", netloc="", fragment="").geturl() or "/"
        connection.request("GET", path, headers={"User-Agent": f"mien/{__version__}", "Accept": "image/*"})
        with connection.getresponse() as response:
            if response.status in _REDIRECTS and (place := response.getheader("Location")):
                return place
            if response.status != 200:
                raise SourceError(f"{_named(address)}: the server answers {response.status} {response.reason}"[:200])
            return _content(response, address, max_bytes)
    finally:
        cut.cancel()
        connection.close()


def _content(response: HTTPResponse, address: str, max_bytes: int) -> bytes:
    """The body, a block at a time; what the header says of its length is not believed."""
    content = bytearray()
    while block := response.read1(_BLOCK):
        content += block
        if len(content) > max_bytes:
            raise LimitError(f"{_named(address)}: more than {max_bytes:,} bytes, which is the limit")
    if response.length:  # what is left to come of a connection that ended early
        raise ConnectionError(f"it ended {response.length:,} bytes too early")
    return bytes(content)


class _Connection(HTTPSConnection):
    """TLS to an address that was checked, under the certificate of the host's name."""

    def __init__(self, host: str, port: int, address: str, until: float) -> None:
        self._tls = ssl.create_default_context()
        super().__init__(host, port, context=self._tls)
        self._address, self._until = address, until
        self._plain: socket.socket | None = None

    def connect(self) -> None:
        left = max(0.01, self._until - monotonic())
        self._plain = socket.create_connection((self._address, self.port), timeout=left)
        self.sock = self._tls.wrap_socket(self._plain, server_hostname=self.host)

    def cut(self) -> None:
        """From another thread: whoever waits for the server gets an error."""
        for each in (self.sock, self._plain):
            with suppress(OSError):
                if each is not None:
                    each.shutdown(socket.SHUT_RDWR)


def _checked(address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme == "https" and bool(parts.hostname) and parts.port != 0 and address.isascii()
    except ValueError:  # a port that is no number
        is_usable = False
    if not is_usable or any(letter <= " " for letter in address):
        raise SourceError(
            f"{_named(address)}: no https address, and no other is fetched", hint="write it as https://host/picture.jpg"
        )
    if parts.username is not None:
        raise SourceError("an address with a user's name or password is not fetched", hint="leave them out")
    return parts


def _public_address(host: str, port: int) -> str:
    """An IP address of the host.

    Raises:
        SourceError: One of its addresses is not public: of this machine, of the local network, link-local, reserved.
    """
    found = [str(place[4][0]) for place in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    for address in found:
        if not _is_public(address):
            raise SourceError(f"{printable(host)}: its address {address} is not public, and such are not fetched")
    return found[0]


def _is_public(address: str) -> bool:
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address):
        # an IPv4 address in disguise: mapped, of 6to4, of Teredo, or of NAT64 (RFC 6052), which Python does not know
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo and found.teredo[1])
        if found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner:
            return _is_public(str(inner))
    if found.is_loopback:
        return _LOOPBACK_IS_PUBLIC
    return found.is_global and not found.is_multicast


def _named(address: str) -> str:
    """An address as messages name it: without its query, which may hold a secret."""
    return printable(address.partition("?")[0], limit=80)
