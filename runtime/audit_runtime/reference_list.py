"""A list that a deployment keeps: addresses, ranges, networks' numbers and names. Pure.

One entry a line; what follows a # is a comment. Comments at the top may give a title and the day, or
the RFC 3339 time, up to which the list is to be believed:

    # title: Exit nodes of Tor
    # valid until: 2026-12-31
    192.0.2.7           an address
    2001:db8::/32       a range
    AS64500             a network, by its number
    Example Hosting     a network's owner, or any other name
"""

import re
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property
from hashlib import sha256
from ipaddress import IPv4Network, IPv6Network, collapse_addresses, ip_address, ip_network

__all__ = [
    "LIST_ENTRIES_MAX",
    "LIST_NAME",
    "ListError",
    "Network",
    "ReferenceList",
    "parse_list",
]

LIST_ENTRIES_MAX = 200_000
LIST_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
"""What a list may be called: the name of its file without `.txt`."""

_NAME_MAX, _TITLE_MAX = 256, 256
_AS_MAX = 2**32 - 1
_NUMBER = re.compile(r"(?:AS)?(\d{1,20})", re.IGNORECASE | re.ASCII)
_ADDRESS = re.compile(r"[\d.]+(?:/.*)?|[\da-f:.]*:[\da-f:.]*(?:[/%].*)?", re.IGNORECASE | re.ASCII)
"""What is meant as an address or range, so that a mistyped one is not taken for a name."""
_HEADER = re.compile(r"(title|valid until)\s*:\s*(.*)", re.IGNORECASE)

Network = IPv4Network | IPv6Network


class ListError(ValueError):
    """A list can't be used; the message says which, where and why."""


@dataclass(frozen=True)
class ReferenceList:
    """A list that was read: its entries by kind, each kind without repetitions."""

    name: str
    title: str
    expires: datetime | None
    """From then on it is out of date; None if it does not say."""
    networks: tuple[Network, ...]
    """Addresses and ranges, sorted; those that overlap or meet are one."""
    numbers: tuple[int, ...]
    """Autonomous systems."""
    names: tuple[str, ...]
    digest: str
    """The SHA-256 of its text, in hex."""

    def is_valid(self, at: datetime) -> bool:
        """Tell whether it is not past its validity."""
        return self.expires is None or at < self.expires

    def has_address(self, text: str) -> bool:
        """Tell whether an address is an entry or in a range; False for what is not a valid one."""
        try:
            address = ip_address(text)
        except ValueError:
            return False
        mapped = address.ipv4_mapped if address.version == 6 else None  # noqa: PLR2004
        address = mapped or address
        starts, networks = self._by_version[address.version]
        at = bisect_right(starts, int(address)) - 1
        return at >= 0 and address in networks[at]

    def has_number(self, text: str) -> bool:
        """Tell whether the number of an autonomous system, in digits, is an entry."""
        return text.isdecimal() and int(text) in self._numbers

    def has_name(self, text: str) -> bool:
        """Tell whether a name is an entry, to the letter."""
        return text in self._names

    @cached_property
    def _numbers(self) -> frozenset[int]:
        return frozenset(self.numbers)

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self.names)

    @cached_property
    def _by_version(self) -> dict[int, tuple[list[int], list[Network]]]:
        """Return the networks of IPv4 and IPv6, with the first address of each to search by."""
        found: dict[int, tuple[list[int], list[Network]]] = {4: ([], []), 6: ([], [])}
        for network in self.networks:
            starts, networks = found[network.version]
            starts.append(int(network.network_address))
            networks.append(network)
        return found


def parse_list(name: str, text: str, place: str) -> ReferenceList:
    """Return a list by its text; `place`, such as its file, is named where a line is wrong.

    Raises ListError for an invalid entry that looks like an address, for a range with host bits,
    which mostly is a slip (10.1.2.3/8 is sixteen million addresses), for a list without an entry,
    which may have been cut, and for one of too many.
    """
    found = _Entries(name)
    count = 0
    for number, line in enumerate(text.splitlines(), start=1):
        before, _, comment = line.partition("#")
        try:
            if entry := before.strip():
                count += 1
                found.add(entry)
            elif not count and (header := _HEADER.fullmatch(comment.strip())):
                found.set_header(header[1].lower(), header[2].strip())
        except ValueError as error:
            raise ListError(f"{place}:{number}: {error}") from None
        if count > LIST_ENTRIES_MAX:
            raise ListError(f"{place}: has more than {LIST_ENTRIES_MAX:,} entries")
    if not count:
        raise ListError(f"{place}: holds no entry; remove the file if nothing is to be on this list")
    return ReferenceList(
        name,
        found.title,
        found.expires,
        _merged(found.networks),
        tuple(found.numbers),
        tuple(found.names),
        sha256(text.encode()).hexdigest(),
    )


class _Entries:
    """What was read so far. Its methods raise ValueError for what they refuse."""

    def __init__(self, name: str) -> None:
        self.title = name
        self.expires: datetime | None = None
        self.networks: list[Network] = []
        self.numbers: dict[int, None] = {}
        self.names: dict[str, None] = {}

    def set_header(self, key: str, value: str) -> None:
        if key == "title":
            self.title = value[:_TITLE_MAX] or self.title
        else:
            self.expires = _end(value)

    def add(self, entry: str) -> None:
        if number := _NUMBER.fullmatch(entry):
            self.numbers[_as_number(int(number[1]))] = None
        elif _ADDRESS.fullmatch(entry):
            self.networks.append(_network(entry))
        else:
            self.names[_name(entry)] = None


def _network(entry: str) -> Network:
    if "%" in entry:
        raise ValueError(f"{entry!r} has a zone, which means something on one host only")
    try:
        found = ip_network(entry)
    except ValueError as error:
        raise ValueError(f"{error}; write such as 192.0.2.7 or 192.0.2.0/24") from None
    if isinstance(found, IPv6Network) and found.subnet_of(_MAPPED):
        return IPv4Network((found.network_address.ipv4_mapped, found.prefixlen - _MAPPED.prefixlen))
    return found


def _as_number(number: int) -> int:
    if number > _AS_MAX:
        raise ValueError(f"{number} is not the number of an autonomous system, such as AS64500")
    return number


def _name(entry: str) -> str:
    if len(entry) > _NAME_MAX:
        raise ValueError(f"a name has at most {_NAME_MAX} characters")
    if not entry.isprintable():
        raise ValueError(f"{entry!r} has characters that can't be seen")
    return entry


def _end(text: str) -> datetime:
    """Return the moment from which a list is out of date: a day is good until it is over in UTC."""
    try:
        return datetime.combine(date.fromisoformat(text) + timedelta(days=1), time(), UTC)
    except (ValueError, OverflowError):
        pass
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise ValueError(f"{text!r} is not a day such as 2026-12-31, nor a time with its zone")
    return at.astimezone(UTC)


def _merged(networks: Sequence[Network]) -> tuple[Network, ...]:
    """Return them in order, without what others cover; IPv4 first."""
    of_ipv4 = collapse_addresses(each for each in networks if isinstance(each, IPv4Network))
    of_ipv6 = collapse_addresses(each for each in networks if isinstance(each, IPv6Network))
    return (*of_ipv4, *of_ipv6)


_MAPPED = IPv6Network("::ffff:0:0/96")
