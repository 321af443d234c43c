"""Which events are searched for, and the Elasticsearch query for them. Pure."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from audit_schemas import format_timestamp, id_of, visible_name

from audit_query.effective_user import EFFECTIVE_FIELDS
from audit_query.errors import ParameterError, TimeRangeError
from audit_query.letter_case import has_whole_pattern, prefix_pattern
from audit_query.network_filter import FindList, as_number, country_code, list_query, no_lists
from audit_query.time_range import check_year

__all__ = ["NO_IP", "WORDS_MAX", "Criteria", "Filter", "words_of"]

NO_IP = "none"
"""Among `ips`: the address is unknown."""

WORDS_MAX = 800
"""Words in all texts of a query. An Elasticsearch of little memory takes 1,024 clauses in one search:
one for each word, one for each text among the labels, and those of the other filters."""
_TEXT_MAX = 1000
"""Of UTF-16: what Elasticsearch takes for the beginning of a label's value (index.max_regex_length)."""
_WORD = re.compile(r"[^\W\u2e80-\U0010ffff]{1,255}|[\u2e80-\U0010ffff]")
"""No longer than a word of the standard analyzer, which takes each ideograph or emoji as one."""

_TERMS = {
    "activities": "event.action",
    "outcomes": "event.outcome",
    "organizations": "organization.id",
    "services": "service.name",
    "chats": "audit.chat.id",
    "sessions": "audit.session.id",
}
"""The fields of Criteria that one keyword of an event has to equal."""

Query = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Criteria:
    """Values by field. Each field that is given must match, by any one of its values."""

    users: tuple[str, ...] = ()
    """Whole ids or names; `system` for what the system did."""
    effective_users: tuple[str, ...] = ()
    """Whole ids or names of those as whom somebody else acted, as events have them."""
    activities: tuple[str, ...] = ()
    outcomes: tuple[str, ...] = ()
    ips: tuple[str, ...] = ()
    """Addresses, CIDR ranges of IPv4 or IPv6, or `none` where the address is unknown."""
    organizations: tuple[str, ...] = ()
    services: tuple[str, ...] = ()
    chats: tuple[str, ...] = ()
    sessions: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    """Two letters of ISO 3166, as the databases of that day had it."""
    asns: tuple[str, ...] = ()
    """Autonomous systems, `AS64500` or `64500`."""
    lists: tuple[str, ...] = ()
    """Names of lists that the deployment keeps: see `ListFolder`."""
    text: tuple[str, ...] = ()
    """All words of one in `message`, or a label whose value begins with it."""

    def __post_init__(self) -> None:
        for ip in self.ips:
            if ip != NO_IP:
                _network(ip)
        for country in self.countries:
            country_code(country)
        for asn in self.asns:
            as_number(asn)
        for text in self.text:
            _check_length(text)

    def clauses(self, find_list: FindList = no_lists) -> Iterator[Query]:
        """Yield a query for each field that is given. Raises ParameterError for a list."""
        if self.users:
            users = list(self.users)
            ids = [found for user in users if (found := id_of(user)) is not None]
            by_id = [{"terms": {"user.id": ids}}] if ids else []
            shown = list(dict.fromkeys([*users, *map(visible_name, users)]))
            yield _either(*by_id, {"terms": {"audit.user": shown}})
        if self.effective_users:
            effective = list(self.effective_users)
            yield _either(*({"terms": {path: effective}} for path in EFFECTIVE_FIELDS))
        for name, path in _TERMS.items():
            if values := getattr(self, name):
                yield {"terms": {path: list(values)}}
        if self.ips:
            yield _any_ip(self.ips)
        if self.countries:
            yield {"terms": {"source.geo.country_iso_code": list(map(country_code, self.countries))}}
        if self.asns:
            yield {"terms": {"source.as.number": list(map(as_number, self.asns))}}
        if self.lists:
            yield list_query(self.lists, find_list)
        if self.text:
            yield _either(*(query for text in self.text for query in _said(text)))


@dataclass(frozen=True, slots=True)
class Filter(Criteria):
    """Which events: all that match the criteria, lie in the time, and match nothing excluded.

    `start` is included, `end` is not; both are kept in UTC. Raises TimeRangeError if they have no
    zone, are the wrong way round, or in a year that no event has, and ParameterError for an invalid
    address or too long a text.
    """

    start: datetime | None = None
    end: datetime | None = None
    exclude: Criteria = field(default_factory=Criteria)

    def __post_init__(self) -> None:
        Criteria.__post_init__(self)  # super() is lost on a dataclass with slots
        words = sum(words_of(text) for text in (*self.text, *self.exclude.text))
        if words > WORDS_MAX:
            raise ParameterError(
                "text",
                f"these are {words} words in all; give at most {WORDS_MAX}",
            )
        for name in ("start", "end"):
            if (at := getattr(self, name)) is not None:
                # Python subtracts and compares times of one zone by their clocks.
                object.__setattr__(self, name, check_year(_in_utc(at)))
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise TimeRangeError(
                f"from {format_timestamp(self.start)} is not before to {format_timestamp(self.end)}"
            )

    def to_query(self, find_list: FindList = no_lists) -> Query:
        """Return the Elasticsearch query: filters only, since nothing is scored.

        Raises ParameterError for a list that can't be used.
        """
        wanted = list(self.clauses(find_list))
        if span := self._time_range():
            wanted.append({"range": {"@timestamp": span}})
        unwanted = list(self.exclude.clauses(find_list))
        if not wanted and not unwanted:
            return {"match_all": {}}
        return {
            "bool": {
                **({"filter": wanted} if wanted else {}),
                **({"must_not": unwanted} if unwanted else {}),
            }
        }

    def _time_range(self) -> dict[str, str]:
        span = {}
        if self.start is not None:
            span["gte"] = format_timestamp(self.start)
        if self.end is not None:
            span["lt"] = format_timestamp(self.end)
        return span


def _in_utc(at: datetime) -> datetime:
    if at.tzinfo is None:
        raise TimeRangeError("a time needs a zone: give datetime.now(UTC), not datetime.now()")
    try:
        return at.astimezone(UTC)
    except OverflowError:  # the first and the last hours that Python knows
        return at


def _either(*queries: Query) -> Query:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}


def _any_ip(ips: Sequence[str]) -> Query:
    """`terms` takes ranges beside addresses, since the field is of type ip."""
    networks = [_network(ip) for ip in ips if ip != NO_IP]
    plain = [_written(network) for network in networks if not _holds_ipv4(network)]
    queries: list[Query] = [{"terms": {"source.ip": plain}}] if plain else []
    queries += [_only_ipv6(network) for network in networks if _holds_ipv4(network)]
    if NO_IP in ips:
        queries.append({"bool": {"must_not": [{"exists": {"field": "source.ip"}}]}})
    return queries[0] if len(queries) == 1 else _either(*queries)


def words_of(text: str) -> int:
    """Return at least as many words as Elasticsearch finds in a text."""
    return sum(1 for _ in _WORD.finditer(text))


def _check_length(text: str) -> None:
    """Hold that a label's value can begin with the text. Raises ParameterError."""
    units = len(text.encode("utf-16-le", "surrogatepass")) // 2
    if units > _TEXT_MAX:
        raise ParameterError(
            "text", f"must have at most {_TEXT_MAX} characters, where an emoji is two, not {units}"
        )


def _said(text: str) -> tuple[Query, Query]:
    """Words are analysed; a label's value is one keyword, of which only the beginning is found."""
    return {"match": {"message": {"query": text, "operator": "and"}}}, _label_begins(text)


def _label_begins(text: str) -> Query:
    """`case_insensitive` is for ASCII alone; an expression has a limit, beyond which it has to do."""
    if text.isascii() or not has_whole_pattern(text):
        return {"prefix": {"labels": {"value": text, "case_insensitive": True}}}
    return {"regexp": {"labels": {"value": prefix_pattern(text)}}}


def _network(text: str) -> IPv4Network | IPv6Network:
    """Return an address or a range, its host part cleared. Raises ParameterError."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        network = None
    if network is None or "%" in text:
        raise ParameterError(
            "ip",
            f"{text!r} is not a valid IP address or range; give one such as 192.0.2.7, 192.0.2.0/24, "
            f"2001:db8::/32, or {NO_IP} where it is unknown",
        )
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - _MAPPED.prefixlen))
    return network


def _written(network: IPv4Network | IPv6Network) -> str:
    is_one = network.prefixlen == network.max_prefixlen
    return str(network.network_address) if is_one else str(network)


def _holds_ipv4(network: IPv4Network | IPv6Network) -> bool:
    """Tell whether Elasticsearch, which stores IPv4 addresses as mapped ones, finds these too."""
    return isinstance(network, IPv6Network) and network.supernet_of(_MAPPED)


def _only_ipv6(network: IPv4Network | IPv6Network) -> Query:
    return {
        "bool": {
            "filter": [{"terms": {"source.ip": [str(network)]}}],
            "must_not": [{"terms": {"source.ip": ["0.0.0.0/0"]}}],
        }
    }


_MAPPED = IPv6Network("::ffff:0:0/96")
