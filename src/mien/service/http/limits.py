"""Limits of concurrent work, in total and for one client.

A client is identified by its address and, where the service has tokens, by its token; both count. See ``Client``.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from math import ceil

from mien.errors import BusyError

#: Providers hand an IPv6 network of this size to one customer, who may use any address in it.
_IPV6_PREFIX = 64


@dataclass(frozen=True, slots=True)
class Client:
    """Who sent a request.

    Attributes:
        address: The peer's IP address; for IPv6, its /64 network.
        token: Position of its bearer token in the settings, never the token itself; None without one.
    """

    address: str
    token: int | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """The names under which this client's requests are counted."""
        by_address = f"address {self.address}"
        return (by_address,) if self.token is None else (by_address, f"token {self.token}")


def client_address(host: str) -> str:
    """The part of a peer's address that identifies one client.

    Examples:
        >>> client_address("192.0.2.7"), client_address("::ffff:192.0.2.7"), client_address("2001:db8::1:2:3:4")
        ('192.0.2.7', '192.0.2.7', '2001:db8::/64')
    """
    try:
        address = ip_address(host.partition("%")[0])  # a link-local address may name its interface
    except ValueError:
        return host  # a Unix socket has no address
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _IPV6_PREFIX), strict=False))


class ConcurrencyLimit:
    """A number of slots, of which one client may hold a share; without a free slot a request is refused at once.

    Args:
        limit: Slots in total.
        what: Plural noun for messages, such as "requests".
        share: Largest part of the slots that one client may hold, in (0, 1]; at least one slot.
    """

    def __init__(self, limit: int, what: str, *, share: float = 1.0) -> None:
        self.limit, self.per_client = limit, max(1, ceil(limit * share))
        self._what, self._taken = what, 0
        self._by_key: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """Slots in use."""
        return self._taken

    @contextmanager
    def slot(self, client: Client) -> Iterator[None]:
        """Hold one slot during the block.

        Raises:
            BusyError: All slots are in use, or all that this client may hold.
        """
        self.acquire(client)
        try:
            yield
        finally:
            self.release(client)

    def acquire(self, client: Client) -> None:
        """Take a slot, to be given back with :meth:`release`.

        Raises:
            BusyError: All slots are in use, or all that this client may hold.
        """
        if self._taken >= self.limit:
            raise BusyError(f"{self.limit} {self._what} at a time is the limit", hint="try again later")
        if any(self._by_key[key] >= self.per_client for key in client.keys):
            raise BusyError(
                f"{self.per_client} {self._what} at a time is the limit for one client",
                hint="wait for an answer before sending the next request",
            )
        self._taken += 1
        self._by_key.update(client.keys)

    def release(self, client: Client) -> None:
        """Give a slot back."""
        self._taken -= 1
        self._by_key.subtract(client.keys)
        for key in client.keys:  # or the counts would grow with the number of clients ever seen
            if self._by_key[key] <= 0:
                del self._by_key[key]
