"""Who may ask: bearer tokens, pages of other sites, and names of other machines.

It does not know what is asked.
"""

import hmac
import re
from collections.abc import Sequence
from ipaddress import ip_address

from starlette.requests import HTTPConnection

from mien.errors import AccessError
from mien.service.settings import ServiceSettings

#: A socket cannot send headers from a page, so its token comes as one of the protocols it offers.
STREAM_PROTOCOL, TOKEN_PROTOCOL = "mien.v1", "mien.token."


_PORT = re.compile(r":\d+$")

#: Requests that change nothing; what they answer browsers keep from pages of other sites.
_READING = {"GET", "HEAD", "OPTIONS"}


def check_access(connection: HTTPConnection, settings: ServiceSettings) -> None:
    """Let a request or a socket pass that comes under a name of this service, from no strange page, with a token.

    Raises:
        AccessError: It does not.
    """
    check_host(connection, settings)
    if connection.scope.get("method") not in _READING:
        check_origin(connection, settings)
    check_token(connection, settings)


def check_host(connection: HTTPConnection, settings: ServiceSettings) -> None:
    """Where only this machine can ask and no token is needed, refuse names of other machines.

    A site can let its own name point to the loopback address; its pages would then read what this service answers.

    Raises:
        AccessError: The request came under such a name, and ``cors_origins`` does not have it either.
    """
    if settings.tokens or not is_loopback(settings.host):
        return
    host = connection.headers.get("host", "")
    if not is_loopback(_PORT.sub("", host).strip("[]")) and host not in map(_host_of, settings.cors_origins):
        hint = "ask http://127.0.0.1, set a token, or name the proxy's address in --cors-origins"
        raise AccessError(f"{host or 'no host'} is no name of this machine", hint=hint)


def is_loopback(name: str) -> bool:
    """Whether a host's name or address leads to this machine alone."""
    try:
        return name.lower() == "localhost" or ip_address(name).is_loopback
    except ValueError:
        return False


def check_token(connection: HTTPConnection, settings: ServiceSettings) -> None:
    """Let a request with a valid token pass, and every one where no token is set.

    Raises:
        AccessError: It has none, or another.
    """
    given = _given_token(connection).encode("utf-8", "surrogateescape")
    known = [token.get_secret_value().encode() for token in settings.tokens]
    matches = [hmac.compare_digest(given, token) for token in known]  # all of them, so that time tells nothing
    if known and not any(matches):
        raise AccessError("a valid token is needed", hint="send the header Authorization: Bearer TOKEN")


def check_origin(connection: HTTPConnection, settings: ServiceSettings) -> None:
    """Refuse what another site's page sends or opens in a visitor's browser; programs send no origin.

    Raises:
        AccessError: The origin is neither this service nor allowed.
    """
    origin = connection.headers.get("origin")
    if origin is None or origin in settings.cors_origins:
        return
    if _host_of(origin) != connection.headers.get("host"):
        raise AccessError(f"pages of {origin} may not ask here", hint="--cors-origins allows them")


def offered_protocols(connection: HTTPConnection) -> Sequence[str]:
    """The protocols that a socket offers."""
    return [part.strip() for part in connection.headers.get("sec-websocket-protocol", "").split(",") if part.strip()]


def _host_of(origin: str) -> str:
    return origin.partition("://")[2]


def _given_token(connection: HTTPConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [name for name in offered_protocols(connection) if name.startswith(TOKEN_PROTOCOL)]
    return offered[0].removeprefix(TOKEN_PROTOCOL) if offered else ""
