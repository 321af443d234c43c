"""Which networks events come from: countries, AS numbers, and lists that a deployment keeps. Pure."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from ipaddress import IPv6Network
from typing import Any

from audit_runtime import ListError, Network, ReferenceList

from audit_query.clauses import any_of
from audit_query.errors import ParameterError

__all__ = [
    "RANGES_MAX",
    "FindList",
    "address_query",
    "as_number",
    "country_code",
    "list_query",
    "no_lists",
    "ranges_in",
    "value_query",
]

FindList = Callable[[str], ReferenceList]
"""Returns a list by its name; raises ListError."""

RANGES_MAX = 500
"""Each range is a clause, of which an Elasticsearch of little memory takes 1,024 in one search."""
_TERMS_MAX = 50_000
"""Elasticsearch takes 65,536 terms in one clause (index.max_terms_count)."""
_COUNTRY = re.compile("[A-Za-z]{2}")
_NUMBER = re.compile(r"(?:AS)?(\d{1,10})", re.IGNORECASE | re.ASCII)
_AS_MAX = 2**32 - 1

Query = dict[str, Any]


def no_lists(name: str) -> ReferenceList:
    """Know no list."""
    raise ListError(f"there is no list {name!r}; set AUDITLOG_LISTS")


def country_code(text: str) -> str:
    """Return a country as it is indexed. Raises ParameterError."""
    if _COUNTRY.fullmatch(text) is None:
        raise ParameterError("country", f"{text!r} is not a country's two letters, such as DE")
    return text.upper()


def as_number(text: str) -> int:
    """Return the number of an autonomous system. Raises ParameterError."""
    found = _NUMBER.fullmatch(text)
    if found is None or int(found[1]) > _AS_MAX:
        raise ParameterError("asn", f"{text!r} is not a network's number, such as AS64500")
    return int(found[1])


def list_query(names: Sequence[str], find: FindList) -> Query:
    """Return the query for events of an address or network on any of the lists.

    A list's names are those of networks' owners. Raises ParameterError for a list that can't be used,
    and for more ranges than a search takes.
    """
    try:
        lists = [find(name) for name in names]
    except ListError as error:
        raise ParameterError("list", str(error)) from None
    networks = [network for each in lists for network in each.networks]
    if (count := len(ranges_in(networks))) > RANGES_MAX:
        raise ParameterError(
            "list",
            f"{', '.join(names)} has {count:,} ranges, and a search takes {RANGES_MAX}; name "
            "networks by their AS numbers instead",
        )
    numbers = [number for each in lists for number in each.numbers]
    owners = [name for each in lists for name in each.names]
    return any_of(
        [
            *_addresses("source.ip", networks),
            *_terms("source.as.number", numbers),
            *_terms("source.as.organization.name", owners),
        ]
    )


def ranges_in(networks: Iterable[Network]) -> list[Network]:
    """Return those that are more than one address: each costs a clause of the query."""
    return [network for network in networks if network.prefixlen < network.max_prefixlen]


def address_query(path: str, networks: Sequence[Network]) -> Query:
    """Return the query for addresses of a field that are among some, or within their ranges."""
    return any_of(_addresses(path, networks))


def value_query(path: str, values: Sequence[str] | Sequence[int]) -> Query:
    """Return the query for events that have one of the values."""
    return any_of(_terms(path, values))


def _addresses(path: str, networks: Sequence[Network]) -> Iterator[Query]:
    alone = [str(each.network_address) for each in networks if each.prefixlen == each.max_prefixlen]
    yield from _terms(path, alone)
    for each in ranges_in(networks):
        yield (_range_of_ipv6 if _holds_ipv4(each) else _range)(path, str(each))


def _terms(path: str, values: Sequence[str] | Sequence[int]) -> Iterator[Query]:
    for at in range(0, len(values), _TERMS_MAX):
        yield {"terms": {path: list(values[at : at + _TERMS_MAX])}}


def _range(path: str, text: str) -> Query:
    return {"term": {path: text}}


def _holds_ipv4(network: object) -> bool:
    """Tell whether Elasticsearch, which stores IPv4 addresses as mapped ones, finds these too."""
    return isinstance(network, IPv6Network) and network.supernet_of(_MAPPED)


def _range_of_ipv6(path: str, text: str) -> Query:
    return {"bool": {"filter": [_range(path, text)], "must_not": [_range(path, "0.0.0.0/0")]}}


_MAPPED = IPv6Network("::ffff:0:0/96")
