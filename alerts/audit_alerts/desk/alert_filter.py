"""Which alerts are asked for, as a query. Pure."""

import ipaddress
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

from audit_query import ParameterError, address_query
from audit_runtime import Network
from audit_schemas import format_timestamp

from audit_alerts.desk.alert import AlertStatus
from audit_alerts.plan import LEVELS

__all__ = ["NOBODY", "AlertFilter", "AlertOrder", "scoped"]

NOBODY = "none"
"""As an assignee: alerts that are nobody's."""

AlertOrder = Literal["newest", "worst"]
"""By their last event, or by level and then by their last event."""

_SHOWN = (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED, AlertStatus.CLOSED)
_VALUES_MAX = 100
_LONGEST = 512


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Alerts that fit all of it; of several values any. Raises ParameterError for what is none.

    Without a status: open, acknowledged and closed ones. `start` and `end` are those of a time range
    that an alert's own time overlaps; an address may be a CIDR range.
    """

    levels: Sequence[str] = ()
    rules: Sequence[str] = ()
    statuses: Sequence[str] = ()
    addresses: Sequence[str] = ()
    users: Sequence[str] = ()
    assignees: Sequence[str] = ()
    organizations: Sequence[str] = ()
    exceptions: Sequence[str] = ()
    start: datetime | None = None
    end: datetime | None = None

    def __post_init__(self) -> None:
        for each in fields(self):
            values = getattr(self, each.name)
            if isinstance(values, Sequence):
                _check(_SINGULAR[each.name], values)
        _among("level", self.levels, LEVELS)
        _among("status", self.statuses, [status.value for status in AlertStatus])
        for address in self.addresses:
            _network(address)

    def to_query(self) -> dict[str, Any]:
        """Return what Elasticsearch is asked."""
        return {"bool": {"filter": list(self._filters())}}

    def _filters(self) -> Iterator[Mapping[str, Any]]:
        statuses = self.statuses or _SHOWN
        yield {"terms": {"audit.alert.status": [str(status) for status in statuses]}}
        for field, values in (
            ("audit.alert.level", self.levels),
            ("rule.name", self.rules),
            ("related.user", self.users),
            ("audit.alert.exceptions", self.exceptions),
        ):
            if values:
                yield {"terms": {field: list(values)}}
        if self.addresses:
            yield address_query("related.ip", list(map(_network, self.addresses)))
        if self.assignees:
            yield _any(map(_assigned, self.assignees))
        if self.organizations:
            yield _any(map(_of_organization, self.organizations))
        if self.start is not None:
            yield {"range": {"audit.alert.last": {"gte": format_timestamp(self.start)}}}
        if self.end is not None:
            yield {"range": {"event.start": {"lt": format_timestamp(self.end)}}}


_SINGULAR = {
    "levels": "level",
    "rules": "rule",
    "statuses": "status",
    "addresses": "address",
    "users": "user",
    "assignees": "assignee",
    "organizations": "org",
    "exceptions": "exception",
}


def scoped(query: Mapping[str, Any], organization: str | None) -> Mapping[str, Any]:
    """Return a query for what an organization's people may see; None: for those who see all."""
    if organization is None:
        return query
    own = _any(
        {"term": {field: organization}}
        for field in ("organization.id", "audit.alert.sole_organization")
    )
    return {"bool": {"filter": [own, query]}}


def _of_organization(organization: str) -> Mapping[str, Any]:
    return _any(
        {"term": {field: organization}} for field in ("organization.id", "audit.alert.organizations")
    )


def _assigned(name: str) -> Mapping[str, Any]:
    if name == NOBODY:
        return {"bool": {"must_not": [{"exists": {"field": "audit.alert.assignee"}}]}}
    return {"term": {"audit.alert.assignee": name}}


def _any(queries: Iterator[Mapping[str, Any]]) -> dict[str, Any]:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _check(name: str, values: Sequence[str]) -> None:
    if len(values) > _VALUES_MAX:
        raise ParameterError(name, f"at most {_VALUES_MAX} values")
    if any(not value or len(value) > _LONGEST for value in values):
        raise ParameterError(name, f"must have between 1 and {_LONGEST} characters")


def _among(name: str, values: Sequence[str], known: Sequence[str]) -> None:
    for value in values:
        if value not in known:
            raise ParameterError(name, f"must be one of {', '.join(known)}")


def _network(text: str) -> Network:
    """Return an address or a range, as Elasticsearch takes it. Raises ParameterError."""
    try:
        network = ipaddress.ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:  # a zone means something on one host only
        raise ParameterError("address", "is not a valid IP address or CIDR range")
    if network.version == 6 and network.subnet_of(_MAPPED):  # noqa: PLR2004
        bits = network.prefixlen - _MAPPED.prefixlen
        return ipaddress.IPv4Network((network.network_address.ipv4_mapped, bits))
    return network


_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
