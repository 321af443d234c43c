"""Ranges of addresses that an exception is for, in place of one address. Pure."""

from ipaddress import IPv4Network, IPv6Network, ip_network

from audit_schemas import printable

from audit_alerts.errors import TriageError

__all__ = ["ADDRESS_FIELDS", "WIDEST", "is_within", "parse_range", "usual_range"]

ADDRESS_FIELDS = ("source.ip", "audit.source.network")
"""Fields of groups whose values are addresses, or networks."""

WIDEST = {4: 16, 6: 48}
"""The shortest prefix by version: the networks of a company, not those of a provider."""

_Network = IPv4Network | IPv6Network


def parse_range(text: str, own: str) -> str:
    """Return a range such as 192.0.2.0/24, as it is stored; `own` is the alert's own address.

    Bits behind the prefix are left out. Raises TriageError for what is no range, for one that is too
    wide, and for one without that address.
    """
    shown = printable(text.strip())[:64]
    try:
        found = _network(text.strip())
    except ValueError:
        raise TriageError(f"range: {shown!r} is not a range such as 192.0.2.0/24") from None
    widest = WIDEST[found.version]
    if found.prefixlen < widest:
        raise TriageError(
            f"range: {found} is {found.num_addresses:,} addresses, whoever uses them; an exception is "
            f"for a /{widest} at most. Where the rule is wrong for more, change the rule"
        )
    if not is_within(own, str(found)):
        raise TriageError(f"range: {found} is without the alert's own address, {own}")
    return str(found) if found.num_addresses > 1 else str(found.network_address)


def usual_range(own: str) -> str:
    """Return a range around an address, or around a network, that somebody is likely to mean."""
    found = _network(own)
    is_address = found.num_addresses == 1
    prefix = {4: 24 if is_address else 20, 6: 64 if is_address else 56}[found.version]
    return str(found.supernet(new_prefix=min(prefix, found.prefixlen)))


def is_within(value: str, network: str) -> bool:
    """Tell whether an address or network lies in a network; False for what is neither."""
    try:
        inner, outer = _network(value), _network(network)
    except ValueError:
        return False
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _network(text: str) -> _Network:
    if "%" in text:
        raise ValueError("a zone means something on one host only")
    return ip_network(text, strict=False)
