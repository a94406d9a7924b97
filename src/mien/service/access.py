"""Who may ask: bearer tokens, and pages of other sites.

It does not know what is asked.
"""

import hmac
from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.requests import HTTPConnection

from mien.errors import AccessError
from mien.service.settings import ServiceSettings

#: A socket cannot send headers from a page, so its token comes as one of the protocols it offers.
STREAM_PROTOCOL, TOKEN_PROTOCOL = "mien.v1", "mien.token."


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
    """Refuse a socket that another site's page opens in a visitor's browser; programs send no origin.

    Raises:
        AccessError: The origin is neither this service nor allowed.
    """
    origin = connection.headers.get("origin")
    own = urlsplit(origin or "").netloc == connection.headers.get("host")
    if origin is not None and not own and origin not in settings.cors_origins:
        raise AccessError(f"pages of {origin} may not ask here", hint="--cors-origins allows them")


def offered_protocols(connection: HTTPConnection) -> Sequence[str]:
    """The protocols that a socket offers."""
    return [part.strip() for part in connection.headers.get("sec-websocket-protocol", "").split(",") if part.strip()]


def _given_token(connection: HTTPConnection) -> str:
    scheme, _, token = connection.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer":
        return token.strip()
    offered = [name for name in offered_protocols(connection) if name.startswith(TOKEN_PROTOCOL)]
    return offered[0].removeprefix(TOKEN_PROTOCOL) if offered else ""
