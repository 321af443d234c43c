"""The client's address behind proxies, believed only as far as the proxies are trusted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from audit_schemas import canonical_ip

__all__ = ["ProxyHeader", "client_ip"]

ProxyHeader = Literal["x-forwarded-for", "forwarded"]

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_FOR = re.compile(r'(?:^|;)\s*for\s*=\s*("(?:[^"\\]|\\.)*"|[^;,\s]*)', re.IGNORECASE)
_ELEMENTS = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*"|")+')


def client_ip(
    peer: str,
    headers: Headers,
    *,
    trusted: Iterable[str],
    header: ProxyHeader = "x-forwarded-for",
) -> str | None:
    """Return the address of the client that a request came from, None where it can't be known.

    `peer` is the other end of the connection; `trusted` are the proxies, as addresses or CIDR
    networks. Each trusted proxy vouches for the hop before it, so the header is read from its end
    to the first address that isn't trusted; all before that may be forged. Name the one header
    that your proxies set: the other one comes from the client.

    Raises ValueError if `trusted` holds something that is no network.
    """
    networks = [ip_network(network) for network in trusted]
    hop = _address(peer)
    for element in reversed(list(_hops(headers, header))):
        if hop is None or not _is_in(hop, networks):
            return hop
        hop = _address(element)
    return hop


def _hops(headers: Headers, wanted: ProxyHeader) -> Iterator[str]:
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    for name, value in pairs:
        if name.lower() != wanted:
            continue
        if wanted == "x-forwarded-for":
            yield from value.split(",")
        else:
            yield from (_forwarded_for(element) for element in _ELEMENTS.findall(value))


def _forwarded_for(element: str) -> str:
    """Return the `for` of one element of RFC 7239, "" if it has none."""
    match = _FOR.search(element)
    return re.sub(r"\\(.)", r"\1", match[1].strip('"')) if match else ""


def _address(text: str) -> str | None:
    """Return the address in `1.2.3.4`, `1.2.3.4:80`, `2001:db8::1` or `[2001:db8::1]:80`."""
    text = text.strip().strip('"')
    if text.startswith("["):
        text = text[1:].split("]")[0]
    elif text.count(":") == 1:
        text = text.split(":")[0]
    try:
        return canonical_ip(text)
    except ValueError:
        return None


def _is_in(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    parsed = ip_address(address)
    return any(parsed in network for network in networks)
