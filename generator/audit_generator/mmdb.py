"""A writer of small databases in MaxMind's format, version 2.0 of its public specification. Pure."""

import struct
from collections.abc import Mapping, Sequence
from datetime import datetime
from ipaddress import IPv4Network, IPv6Network
from typing import TypeVar

__all__ = ["Value", "write_mmdb"]

Network = TypeVar("Network", IPv4Network, IPv6Network, IPv4Network | IPv6Network)
Value = str | int | float | Mapping[str, "Value"] | Sequence["Value"]

_BITS = 128
_IPV4_DEPTH = 96
"""IPv4 stands below ::/96."""
_SEPARATOR = b"\x00" * 16
_MARKER = b"\xab\xcd\xefMaxMind.com"
_STRING, _DOUBLE, _UINT16, _UINT32, _MAP, _UINT64, _ARRAY = 2, 3, 5, 6, 7, 9, 11
_EXTENDED = 8
"""From this type on, a byte of its own says which."""

_Node = list["_Node | int | None"]
"""Where 0 and 1 lead: to a node, to the data at an offset, or nowhere."""


def write_mmdb(records: Mapping[Network, Mapping[str, Value]], kind: str, built: datetime) -> bytes:
    """Return a database that gives each network its record; of several, the narrowest one's.

    `kind` is the `database_type` of its metadata. Meant for thousands of networks, not millions.
    """
    root: _Node = [None, None]
    data, offsets = bytearray(), dict[bytes, int]()
    for network in sorted(records, key=lambda each: each.prefixlen + _ipv4_depth(each)):
        encoded = _encoded(records[network])
        if encoded not in offsets:
            offsets[encoded] = len(data)
            data += encoded
        _insert(root, network, offsets[encoded])
    nodes: list[_Node] = _numbered(root)
    metadata = b"".join(
        [
            _control(_MAP, 9),
            *_member("binary_format_major_version", _unsigned(_UINT16, 2)),
            *_member("binary_format_minor_version", _unsigned(_UINT16, 0)),
            *_member("build_epoch", _unsigned(_UINT64, int(built.timestamp()))),
            *_member("database_type", _encoded(kind)),
            *_member("description", _encoded({"en": kind})),
            *_member("ip_version", _unsigned(_UINT16, 6)),
            *_member("languages", _encoded(["en"])),
            *_member("node_count", _unsigned(_UINT32, len(nodes))),
            *_member("record_size", _unsigned(_UINT16, 32)),
        ]
    )
    return b"".join([_tree(nodes), _SEPARATOR, bytes(data), _MARKER, metadata])


def _ipv4_depth(network: IPv4Network | IPv6Network) -> int:
    return _IPV4_DEPTH if isinstance(network, IPv4Network) else 0


def _insert(root: _Node, network: IPv4Network | IPv6Network, offset: int) -> None:
    address, depth = int(network.network_address), network.prefixlen + _ipv4_depth(network)
    if not depth:
        root[:] = [offset, offset]
        return
    path = [address >> (_BITS - 1 - at) & 1 for at in range(depth)]
    node = root
    for bit in path[:-1]:
        below = node[bit]
        if not isinstance(below, list):
            below = node[bit] = [below, below]  # what was said of the wider network
        node = below
    node[path[-1]] = offset


def _numbered(root: _Node) -> list[_Node]:
    nodes = [root]
    for node in nodes:  # grows while it is read
        nodes += [below for below in node if isinstance(below, list)]
    return nodes


def _tree(nodes: Sequence[_Node]) -> bytes:
    numbers = {id(node): number for number, node in enumerate(nodes)}

    def record(below: "_Node | int | None") -> int:
        if isinstance(below, list):
            return numbers[id(below)]
        return len(nodes) + (0 if below is None else len(_SEPARATOR) + below)

    return b"".join(struct.pack(">II", record(left), record(right)) for left, right in nodes)


def _encoded(value: Value) -> bytes:
    match value:
        case str():
            text = value.encode()
            return _control(_STRING, len(text)) + text
        case int():
            return _unsigned(_UINT32, value)
        case float():
            return _control(_DOUBLE, 8) + struct.pack(">d", value)
        case Mapping():
            members = [part for name, inner in value.items() for part in _member(name, _encoded(inner))]
            return _control(_MAP, len(value)) + b"".join(members)
    return _control(_ARRAY, len(value)) + b"".join(map(_encoded, value))


def _member(name: str, encoded: bytes) -> tuple[bytes, bytes]:
    return _encoded(name), encoded


def _unsigned(kind: int, value: int) -> bytes:
    digits = value.to_bytes((value.bit_length() + 7) // 8)
    return _control(kind, len(digits)) + digits


def _control(kind: int, size: int) -> bytes:
    """Return what stands before a value: its type, and how long it is, in one byte to four."""
    short, more = size, b""
    if size >= 285:  # noqa: PLR2004 - sizes are the specification's
        short, more = 30, (size - 285).to_bytes(2)
    elif size >= 29:  # noqa: PLR2004
        short, more = 29, (size - 29).to_bytes(1)
    if kind >= _EXTENDED:
        return bytes([short, kind - 7]) + more
    return bytes([kind << 5 | short]) + more
