"""The beginning of an IP address, as somebody types it, as ranges of addresses. Pure."""

import re
from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from audit_query.clauses import any_of

__all__ = ["address_query", "is_written_so"]

Query = dict[str, Any]
_Range = tuple[IPv4Address | IPv6Address, IPv4Address | IPv6Address]

_OCTETS, _GROUPS = 4, 8
_VALUES = 256
_HEX = re.compile("[0-9a-f]{1,4}")
_MAPPED = "::ffff:"


def address_query(prefix: str) -> Query:
    """Return a query for the addresses that begin so, of IPv4 or IPv6 or, by digits alone, of both."""
    text = _normal(prefix)
    if not text:
        return {"exists": {"field": "source.ip"}}
    ipv4 = [] if ":" in text else [_between(span) for span in _ipv4(text.split("."))]
    ipv6 = [] if "." in text else [_between(span) for span in _ipv6(text)]
    queries = [*ipv4, *([_ipv6_alone(ipv6)] if ipv6 else [])]
    return any_of(queries)


def is_written_so(value: str, prefix: str) -> bool:
    """Tell whether an address that the query found is meant: after `::`, only its text can tell."""
    text = _normal(prefix)
    return "::" not in text or value.startswith(text)


def _normal(prefix: str) -> str:
    """Return it as addresses are written: in small letters, without zeros before a group's digits."""
    text = prefix.strip().lower()
    if text.startswith(_MAPPED) and "." in text:
        return text.removeprefix(_MAPPED)
    text = "::" if text == ":" else text
    before, colon, last = text.rpartition(":")
    return re.sub(r"(?<![0-9a-f])0+(?=[0-9a-f])", "", before) + colon + last


def _ipv4(parts: list[str]) -> Iterator[_Range]:
    *whole, last = parts
    known = [int(part) for part in whole if re.fullmatch("[0-9]{1,3}", part) and int(part) < _VALUES]
    if len(known) < len(whole) or len(parts) > _OCTETS or not re.fullmatch("[0-9]{0,3}", last):
        return
    for octet in range(_VALUES):
        if str(octet).startswith(last):
            begin = [*known, octet]
            left = _OCTETS - len(begin)
            yield (
                IPv4Address(bytes([*begin, *[0] * left])),
                IPv4Address(bytes([*begin, *[255] * left])),
            )


def _ipv6(text: str) -> Iterator[_Range]:
    left, gap, right = text.partition("::")
    groups = left.split(":") if left else []
    if gap:
        # It stands for two groups of zeros at least; what follows has any place.
        is_valid = len(groups) <= _GROUPS - 2 and "::" not in right
        if is_valid and all(map(_HEX.fullmatch, groups)):
            yield _span([*(int(group, 16) for group in groups), 0, 0])
        return
    *whole, last = groups
    if len(groups) > _GROUPS or not all(map(_HEX.fullmatch, whole)):
        return
    known = [int(group, 16) for group in whole]
    if not last:
        yield _span(known)
    elif _HEX.fullmatch(last):
        for more in range(4 - len(last) + 1):
            lowest = int(last, 16) << (4 * more)
            yield _span([*known, lowest], [*known, lowest + (1 << (4 * more)) - 1])


def _span(first: list[int], final: list[int] | None = None) -> _Range:
    """Return all addresses from the first groups of one to the first groups of another, or the same."""
    left = _GROUPS - len(first)
    lowest, highest = [*first, *[0] * left], [*(final or first), *[0xFFFF] * left]
    return IPv6Address(_packed(lowest)), IPv6Address(_packed(highest))


def _packed(groups: list[int]) -> bytes:
    return b"".join(group.to_bytes(2) for group in groups)


def _between(span: _Range) -> Query:
    return {"range": {"source.ip": {"gte": str(span[0]), "lte": str(span[1])}}}


def _ipv6_alone(ranges: list[Query]) -> Query:
    """Elasticsearch stores IPv4 addresses as mapped ones, which lie among those of IPv6."""
    return {
        "bool": {
            "should": ranges,
            "minimum_should_match": 1,
            "must_not": [{"terms": {"source.ip": ["0.0.0.0/0"]}}],
        }
    }
