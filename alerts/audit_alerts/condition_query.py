"""A condition as a query for Elasticsearch, which says the same. Pure."""

import re
from typing import Any

from audit_query import address_query, value_query

from audit_alerts.condition import AllOf, AnyOf, Equals, Exists, InList, InNetwork, Like, Not
from audit_alerts.plan import Base

__all__ = ["base_query"]

Query = dict[str, Any]


def base_query(base: Base) -> Query:
    """Return the query for the events that fit a base rule."""
    return _query(base.condition)


def _query(condition: Any) -> Query:
    match condition:
        case AllOf(parts):
            return {"bool": {"filter": [_query(part) for part in parts]}}
        case AnyOf(parts):
            return {"bool": {"should": [_query(part) for part in parts], "minimum_should_match": 1}}
        case Not(part):
            return {"bool": {"must_not": [_query(part)]}}
        case InList():
            return _listed(condition)
        case _:
            return _single(condition)


def _single(leaf: Any) -> Query:
    match leaf:
        case Equals(field, value):
            return {"term": {field: value}}
        case InNetwork(field, network):
            is_one = network.prefixlen == network.max_prefixlen
            return {"term": {field: str(network.network_address if is_one else network)}}
        case Like(field, pattern):
            return {"wildcard": {field: {"value": "".join(map(_wildcard, pattern))}}}
        case Exists(field):
            return {"exists": {"field": field}}
        case _:
            raise TypeError(f"{leaf!r} is not a condition")


def _listed(leaf: InList) -> Query:
    entries = leaf.entries
    if entries is None:
        return {"match_none": {}}
    match leaf.kind:
        case "ip":
            return address_query(leaf.field, entries.networks)
        case "number":
            return value_query(leaf.field, entries.numbers)
        case _:
            return value_query(leaf.field, entries.names)


def _wildcard(part: Any) -> str:
    """Return a part of a pattern: text, None for any text, ... for one character."""
    if part is None:
        return "*"
    return "?" if part is ... else re.sub(r"([*?\\])", r"\\\1", part)
