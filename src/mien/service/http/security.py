"""Access control: bearer tokens, cross-site requests, and host names of other machines (DNS rebinding)."""

import hmac
import re
from collections.abc import Sequence
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from mien.errors import AccessError
from mien.service.http.limits import Client, client_address
from mien.service.settings import ServiceSettings

#: A page cannot set headers on a WebSocket, so its token comes as one of the subprotocols that it offers.
STREAM_PROTOCOL, TOKEN_PROTOCOL = "mien.v1", "mien.token."

_PORT = re.compile(r":\d+$")

#: Methods that change nothing; browsers hide their answers from pages of other sites.
_SAFE_METHODS = {"GET", "HEAD", "OPTIONS"}


def check_access(connection: HTTPConnection, settings: ServiceSettings) -> Client:
    """Identify the client of a request or WebSocket, and refuse it if it is not allowed to use the service.

    Raises:
        AccessError: The host name, the origin or the token is wrong.
    """
    check_host(connection, settings)
    if connection.scope.get("method") not in _SAFE_METHODS:  # a WebSocket has no method, and is checked
        check_origin(connection, settings)
    token = check_token(connection, settings)
    host = connection.client.host if connection.client else ""
    return Client(client_address(host), token)


def check_host(connection: HTTPConnection, settings: ServiceSettings) -> None:
    """On the loopback interface without tokens, refuse host names of other machines (DNS rebinding).

    A hostile site can point its own name to 127.0.0.1; its pages could then read what this service answers.

    Raises:
        AccessError: The request names such a host, and ``cors_origins`` does not list it.
    """
    if settings.tokens or not is_loopback(settings.host):
        return
    # Tokens protect by themselves: a page of another site does not have one.
    host = connection.headers.get("host", "")
    if not is_loopback(_PORT.sub("", host).strip("[]")) and host not in map(_host_of, settings.cors_origins):
        hint = "use http://127.0.0.1, set a token, or list the proxy's address in --cors-origins"
        raise AccessError(f"{host or 'an empty host'} is not a name of this machine", hint=hint)


def is_loopback(name: str) -> bool:
    """Whether a host name or address is of the loopback interface."""
    try:
        return name.lower() == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def check_token(connection: HTTPConnection, settings: ServiceSettings) -> int | None:
    """Position of the client's token in the settings; None where the service has no tokens.

    Raises:
        AccessError: The token is missing or wrong.
    """
    given = _given_token(connection).encode("utf-8", "surrogateescape")
    known = [token.get_secret_value().encode() for token in settings.tokens]
    matches = [
        hmac.compare_digest(given, token) for token in known
    ]  # with all of them, so that the time taken does not depend on which one matches
    if not known:
        return None
    if not any(matches):
        raise AccessError("a valid token is required", hint="send the header Authorization: Bearer TOKEN")
    return matches.index(True)


def check_origin(connection: HTTPConnection, settings: ServiceSettings) -> None:
    """Refuse requests that a page of another site makes in a visitor's browser (CSRF); programs send no origin.

    Raises:
        AccessError: The origin is neither this service nor allowed.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in settings.cors_origins:
        return
    if _host_of(origin) != connection.headers.get("host"):
        raise AccessError(f"pages of {origin} may not use this service", hint="allow them with --cors-origins")


def offered_protocols(connection: HTTPConnection) -> Sequence[str]:
    """The subprotocols that a WebSocket client offers."""
    return [part.strip() for part in connection.headers.get("sec-websocket-protocol", "").split(",") if part.strip()]


def _host_of(origin: str) -> str:
    return origin.partition("://")[2]


def _given_token(connection: HTTPConnection) -> str:
    """The token of the Authorization header, or of a WebSocket's subprotocols; empty without one."""
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [name for name in offered_protocols(connection) if name.startswith(TOKEN_PROTOCOL)]
    return offered[0].removeprefix(TOKEN_PROTOCOL) if offered else ""
