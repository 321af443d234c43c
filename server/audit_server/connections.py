"""The open connections: how many there may be, and which one makes way for another."""

import resource
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Protocol

__all__ = ["ConnectionLimits", "Connections", "connections_max"]

_A_REQUEST = 32
_LEAST = 64
_IPV6_PREFIX = 64


class Connection(Protocol):
    """What the table knows of a connection."""

    @property
    def is_waiting(self) -> bool:
        """Whether it has no whole request in progress, so that dropping it costs no answer."""
        ...

    def drop(self) -> None:
        """Close it now, whatever has not been sent."""
        ...


@dataclass(frozen=True, slots=True)
class ConnectionLimits:
    """How many connections, and how long a client may take."""

    total: int
    by_address: int
    """Of one address, or of one /64 of IPv6, which is what one subscriber has."""
    proxies: tuple[str, ...] = ()
    """Networks to which `by_address` does not apply: many readers stand behind them."""
    head_seconds: float = 20.0
    """From the connection, or from the first byte of a further request, to the end of its headers."""
    handshake_seconds: float = 10.0
    linger_seconds: float = 60.0
    """From a close to the last byte that the client reads."""


def connections_max(requests: int) -> int:
    """Return how many connections suit so many concurrent requests, and this process's open files."""
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = requests * _A_REQUEST
    return few if files == resource.RLIM_INFINITY else max(_LEAST, min(few, files // 2))


class Connections:
    """Admits connections. Of too many, one that waits is dropped for the new one.

    It is the oldest of the address that has the most, so whoever opens many costs themselves; a
    probe always gets in, unless every connection has a whole request in progress.
    """

    def __init__(self, limits: ConnectionLimits) -> None:
        self.limits = limits
        self._by_address: dict[str, dict[Connection, None]] = {}
        self._proxies = [ip_network(proxy) for proxy in limits.proxies]
        self._total = 0

    def __len__(self) -> int:
        return self._total

    def admit(self, connection: Connection, ip: str | None) -> bool:
        """Tell whether it may stay; then it counts until `remove`."""
        address = _subscriber(ip)
        own = self._by_address.get(address, {})
        if len(own) >= self.limits.by_address and not self._is_proxy(ip) and not self._drop_of([own]):
            return False
        if self._total >= self.limits.total:
            crowded_first = sorted(self._by_address.values(), key=len, reverse=True)
            if not self._drop_of(crowded_first):
                return False
        self._by_address.setdefault(address, {})[connection] = None
        self._total += 1
        return True

    def remove(self, connection: Connection, ip: str | None) -> None:
        """Forget a connection that was closed; one that is not known is no error."""
        address = _subscriber(ip)
        own = self._by_address.get(address, {})
        if connection not in own:
            return
        del own[connection]
        self._total -= 1
        if not own:
            del self._by_address[address]

    def _drop_of(self, groups: Iterable[dict[Connection, None]]) -> bool:
        for own in groups:
            waiting = next((connection for connection in own if connection.is_waiting), None)
            if waiting is not None:
                waiting.drop()  # which removes it
                return True
        return False

    def _is_proxy(self, ip: str | None) -> bool:
        return ip is not None and any(ip_address(ip) in network for network in self._proxies)


def _subscriber(ip: str | None) -> str:
    if ip is None:
        return ""
    address = ip_address(ip)
    if isinstance(address, IPv6Address) and address.ipv4_mapped is None:
        return str(ip_network((int(address), _IPV6_PREFIX), strict=False))
    return ip
