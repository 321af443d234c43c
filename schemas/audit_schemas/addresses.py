"""IP addresses, exactly as Elasticsearch's `ip` type takes them, zone ids apart.

Elasticsearch drops a zone id, which means something on one host only; here it is refused.
`ipaddress` is laxer (zone ids, integers) and several times slower than the C library's parser.
"""

import socket
from functools import lru_cache

__all__ = ["canonical_ip", "is_ip", "network_of"]

_MAPPED = b"\x00" * 10 + b"\xff\xff"


def is_ip(text: str) -> bool:
    """Tell whether `text` is an IPv4 or IPv6 address: no zone id, port, prefix or leading zeros."""
    return _packed(text) is not None


def canonical_ip(text: str) -> str:
    """Return the shortest form of an address; an IPv4 address mapped into IPv6 becomes IPv4.

    Raises ValueError if `text` is not an IP address.
    """
    packed = _packed(text)
    if packed is None:
        raise ValueError("not an IP address")
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6  # noqa: PLR2004
    return socket.inet_ntop(family, packed)


@lru_cache(maxsize=8192)  # the same addresses come again and again
def network_of(text: str) -> str:
    """Return the network that an address is counted to: its /24 for IPv4, its /64 for IPv6.

    Raises ValueError if `text` is not an IP address.
    """
    packed = _packed(text)
    if packed is None:
        raise ValueError("not an IP address")
    if len(packed) == 4:  # noqa: PLR2004
        return f"{packed[0]}.{packed[1]}.{packed[2]}.0/24"
    return socket.inet_ntop(socket.AF_INET6, packed[:8] + b"\x00" * 8) + "/64"


def _packed(text: str) -> bytes | None:
    """Return 4 or 16 bytes, or None if `text` is not an IP address."""
    try:
        return socket.inet_pton(socket.AF_INET, text)
    except (OSError, ValueError):  # ValueError: a NUL or a lone surrogate inside
        pass
    try:
        packed = socket.inet_pton(socket.AF_INET6, text)
    except (OSError, ValueError):
        return None
    return packed[12:] if packed.startswith(_MAPPED) else packed
