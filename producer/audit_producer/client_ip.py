"""The client's address behind proxies, believed only as far as the proxies are trusted."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network
from typing import Literal

from audit_schemas import canonical_ip

__all__ = ["ProxyHeader", "client_ip"]

ProxyHeader = Literal["x-forwarded-for", "forwarded"]

Headers = Mapping[str, str] | Iterable[tuple[str, str]]

_READ_MAX = 8192
"""Characters of the header that are read, from its end: hundreds of proxies."""

_MAPPED_BITS = 96


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
    to the first address that isn't trusted; all before that may be forged, and is not read. Name the
    one header that your proxies set: the other one comes from the client.

    Takes time in proportion to what is read, at most 8,192 characters of the header. Raises
    ValueError if `trusted` holds something that is no network.
    """
    networks = [_network(network) for network in trusted]
    hops = _hops(headers, header)
    hop = _address(peer)
    while hop is not None and _is_in(hop, networks):
        element = next(hops, None)
        if element is None:
            return hop
        hop = _address(element)
    return hop


def _hops(headers: Headers, wanted: ProxyHeader) -> Iterator[str]:
    """Give the hops that the header names, from the last to the first."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    values = [value for name, value in pairs if name.lower() == wanted]
    if not values:
        return
    text = ",".join(values)
    if len(text) > _READ_MAX:
        text = "?" + text[-_READ_MAX:]  # an element that is cut there must not pass for an address
    if wanted == "x-forwarded-for":
        yield from reversed(text.split(","))
    else:
        yield from (_forwarded_for(element) for element in _split_from_end(text, ","))


def _forwarded_for(element: str) -> str:
    """Return the `for` of one element of RFC 7239, "" if it has none or several."""
    pairs = (pair.partition("=") for pair in _split_from_end(element, ";"))
    values = [value.strip() for name, _, value in pairs if name.strip().lower() == "for"]
    return re.sub(r"\\(.)", r"\1", values[0].strip('"')) if len(values) == 1 else ""


def _split_from_end(text: str, separator: str) -> Iterator[str]:
    """Split where the separator isn't in quotes, from the last part to the first.

    What a client left open at the beginning can't swallow what the proxies appended.
    """
    end, quoted = len(text), False
    for at in range(len(text) - 1, -1, -1):
        if text[at] == '"' and not _is_escaped(text, at):
            quoted = not quoted
        elif text[at] == separator and not quoted:
            yield text[at + 1 : end]
            end = at
    yield text[:end]


def _is_escaped(text: str, at: int) -> bool:
    first = at
    while first > 0 and text[first - 1] == "\\":
        first -= 1
    return (at - first) % 2 == 1


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


@lru_cache(maxsize=1024)  # the same proxies at each request
def _network(text: str) -> IPv4Network | IPv6Network:
    """Return a network; one of IPv4 that is mapped into IPv6 as IPv4, as addresses are."""
    network = ip_network(text)
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS:
        first: IPv4Address | None = network.network_address.ipv4_mapped
        if first is not None:
            return IPv4Network((first, network.prefixlen - _MAPPED_BITS))
    return network


def _is_in(address: str, networks: Iterable[IPv4Network | IPv6Network]) -> bool:
    parsed = ip_address(address)
    return any(parsed in network for network in networks)
