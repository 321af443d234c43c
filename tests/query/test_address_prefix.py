"""The beginning of an address as it is typed."""

from ipaddress import ip_address

import pytest
from audit_query.address_prefix import address_query, is_written_so


def finds(prefix: str, address: str) -> bool:
    """Tell whether the query finds an address, by its ranges, and its text fits."""
    return _holds(address_query(prefix), address) and is_written_so(address, prefix)


def _holds(query: dict, address: str) -> bool:  # type: ignore[type-arg]
    (kind, body), ip = next(iter(query.items())), ip_address(address)
    if kind == "range":
        low, high = (ip_address(body["source.ip"][end]) for end in ("gte", "lte"))
        return low.version == ip.version and int(low) <= int(ip) <= int(high)
    if kind == "bool":
        return any(_holds(other, address) for other in body["should"])
    return bool(kind == "exists")


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        *(("", "192.0.2.1"), ("1", "192.0.2.1"), ("192", "192.0.2.1"), ("192.", "192.0.2.1")),
        *(("192.0.2.1", "192.0.2.1"), ("192.0.2.1", "192.0.2.199"), ("::ffff:192.0", "192.0.2.1")),
        *(("2", "2001:db8::1"), ("2001", "2001:db8::1"), ("2001:", "2001:db8::1")),
        *(("2001:DB8", "2001:db8::1"), ("2001:db8:", "2001:db8::1"), ("2001:db8::", "2001:db8::1")),
        *(("2001:0db8:", "2001:db8:7::1"), ("2001:0DB8::1", "2001:db8::1"), ("2001:0", "2001:db8::1")),
        *(("::", "::1"), (":", "::1"), ("::1", "::1"), ("fe80::", "fe80::a:b")),
        *(
            ("2001:db8:7:", "2001:db8:7::5"),
            ("2001:d", "2001:db8::1"),
            ("2001:db8::1:2", "2001:db8::1:2"),
        ),
    ],
)
def test_address_is_found_by_how_it_begins(prefix: str, address: str) -> None:
    """In capitals, with zeros, and where it is shortened."""
    assert finds(prefix, address)


@pytest.mark.parametrize(
    ("prefix", "address"),
    [
        *(("::", "192.0.2.1"), ("192.", "2001:db8::1"), ("2001:", "200.1.2.3"), ("19.", "192.0.2.1")),
        *(("192.0.2.1.", "192.0.2.1"), ("256.", "2.5.6.1"), ("x", "192.0.2.1"), (".*", "192.0.2.1")),
        *(("2001:db8:", "2001:db80::1"), ("2001:db8::2", "2001:db8::1"), ("1::2::", "1::2")),
        *(("fe80::1%eth0", "fe80::1"), ("1:2:3:4:5:6:7:8:9", "1:2:3:4:5:6:7:8"), ("99999", "9.9.9.9")),
    ],
)
def test_address_that_begins_otherwise_is_not_found(prefix: str, address: str) -> None:
    """Nor anything by what begins no address."""
    assert not finds(prefix, address)
