"""Addresses, as Elasticsearch takes and shows them."""

from ipaddress import IPv6Address, ip_address, ip_network

import pytest
from audit_schemas.addresses import canonical_ip, is_ip, network_of
from hypothesis import given
from support.event_strategies import anything, ips, many


@many
@given(ips)
def test_canonical_form_and_network_are_those_of_the_standard_library(ip: str) -> None:
    """Another parser agrees on each address."""
    parsed = ip_address(ip)
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        parsed = parsed.ipv4_mapped
    assert parsed == ip_address(canonical_ip(ip))
    assert canonical_ip(ip) == canonical_ip(canonical_ip(ip))
    width = 24 if parsed.version == 4 else 64
    assert ip_network((parsed, width), strict=False) == ip_network(network_of(ip))


@many
@given(anything)
def test_what_is_taken_is_an_address(text: str) -> None:
    """Nothing passes that the standard library refuses, and nothing raises."""
    if is_ip(text):
        ip_address(text)


@pytest.mark.parametrize("text", ["", "x", "\x00", "\ud800", "fe80::1%eth0", "1.2.3.4/24"])
def test_what_is_no_address_has_no_form_and_no_network(text: str) -> None:
    """Both say so."""
    with pytest.raises(ValueError, match="not an IP address"):
        canonical_ip(text)
    with pytest.raises(ValueError, match="not an IP address"):
        network_of(text)
