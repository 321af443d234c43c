"""The client's address behind proxies."""

import time

import pytest
from audit_producer import client_ip
from audit_producer.client_ip import ProxyHeader

PROXIES = ["10.0.0.0/8", "2001:db8:1::/48"]
XFF = "X-Forwarded-For"


@pytest.mark.parametrize(
    ("peer", "header", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("203.0.113.9", "1.2.3.4", "203.0.113.9"),
        ("10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "6.6.6.6, 1.2.3.4, 10.0.0.2", "1.2.3.4"),
        ("10.0.0.1", "10.9.9.9, 1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.2", "10.0.0.3"),
        ("10.0.0.1", "", None),
        ("10.0.0.1", "unknown", None),
        ("10.0.0.1", "1.2.3.4, garbage", None),
        ("10.0.0.1", "<script>", None),
        ("10.0.0.1", "1.2.3.4:5678", "1.2.3.4"),
        ("10.0.0.1", "[2001:db8:9::7]:443", "2001:db8:9::7"),
        ("10.0.0.1", "2001:db8:9::7", "2001:db8:9::7"),
        ("2001:db8:1::5", "1.2.3.4", "1.2.3.4"),
        ("::ffff:10.0.0.1", "1.2.3.4", "1.2.3.4"),
        ("not an address", "1.2.3.4", None),
    ],
)
def test_only_what_trusted_proxies_vouch_for_is_believed(
    peer: str, header: str, expected: str | None
) -> None:
    """The header is read from its end, up to the first address that isn't trusted."""
    headers = {XFF: header} if header else {}
    # A trusted proxy that names nobody leaves the client unknown, unless it is the client itself.
    found = client_ip(peer, headers, trusted=PROXIES)
    assert found == (peer if expected is None and not header else expected)


def test_no_proxy_is_trusted_unless_named() -> None:
    """Without trusted proxies the connection's own address is all there is."""
    assert client_ip("10.0.0.1", {XFF: "1.2.3.4"}, trusted=[]) == "10.0.0.1"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("for=1.2.3.4", "1.2.3.4"),
        ('For="[2001:db8:9::7]:4711";proto=https', "2001:db8:9::7"),
        ("proto=https;for=1.2.3.4;by=10.0.0.1", "1.2.3.4"),
        ("for=6.6.6.6, for=1.2.3.4", "1.2.3.4"),
        ('for="6.6.6.6, for=7.7.7.7", for=1.2.3.4', "1.2.3.4"),
        ("for=_hidden", None),
        ("for=unknown", None),
        ("proto=https", None),
        ('host="a;for=6.6.6.6";for=1.2.3.4', "1.2.3.4"),
        ('for=6.6.6.6;host="a, for=7.7.7.7, \\"";FOR = "1.2.3.4"', None),
        ('by="a\\\\";for=1.2.3.4', "1.2.3.4"),
        ('for=6.6.6.6;x="a\\", for=1.2.3.4', "1.2.3.4"),
        ('for="6.6.6.6, for="[2001:db8:9::7]"', "2001:db8:9::7"),
    ],
)
def test_forwarded_header_is_read_as_rfc_7239_says(value: str, expected: str | None) -> None:
    """Quotes, ports, obfuscated and missing identifiers are understood."""
    headers = {"Forwarded": value}
    assert client_ip("10.0.0.1", headers, trusted=PROXIES, header="forwarded") == expected


def test_header_that_the_proxies_do_not_set_is_not_believed() -> None:
    """A client that sends the other header gains nothing."""
    headers = {"Forwarded": "for=6.6.6.6", XFF: "1.2.3.4"}
    assert client_ip("10.0.0.1", headers, trusted=PROXIES) == "1.2.3.4"


def test_several_lines_of_a_header_are_one_list() -> None:
    """Lines are joined in order: a client can't hide behind a line of its own."""
    headers = [("x-forwarded-for", "6.6.6.6"), ("X-FORWARDED-FOR", "1.2.3.4")]
    assert client_ip("10.0.0.1", headers, trusted=PROXIES) == "1.2.3.4"


@pytest.mark.parametrize("proxy", ["::ffff:10.0.0.1", "::ffff:10.0.0.0/104", "::ffff:0:0/96"])
@pytest.mark.parametrize("peer", ["10.0.0.1", "::ffff:10.0.0.1"])
def test_proxy_may_be_given_as_an_address_mapped_into_ipv6(proxy: str, peer: str) -> None:
    """A server that listens on both families shows its peers so, and that is what gets copied."""
    assert client_ip(peer, {XFF: "2001:db8:9::7"}, trusted=[proxy]) == "2001:db8:9::7"


LONG = 1_000_000


@pytest.mark.parametrize(
    "hostile",
    [
        '"' * LONG,
        ";" * LONG,
        "\\" * LONG,
        '\\"' * LONG,
        "for=" * LONG,
        ' for="' * LONG,
        "10.0.0.3," * LONG,
    ],
)
@pytest.mark.parametrize("header", ["forwarded", "x-forwarded-for"])
@pytest.mark.parametrize(
    ("peer", "vouched", "expected"),
    [
        ("203.0.113.9", "", "203.0.113.9"),
        ("10.0.0.1", ", {}1.2.3.4", "1.2.3.4"),
        ("10.0.0.1", "", None),
    ],
)
def test_hostile_header_takes_no_time(
    hostile: str, header: ProxyHeader, peer: str, vouched: str, expected: str | None
) -> None:
    """Megabytes are not read at all for a stranger, and to a bound for a proxy."""
    value = hostile + vouched.format("for=" if header == "forwarded" else "")
    begin = time.thread_time()
    assert client_ip(peer, [(header, value)], trusted=PROXIES, header=header) == expected
    assert time.thread_time() - begin < 0.25


def test_address_that_the_bound_cuts_is_not_believed() -> None:
    """What is left of an address, such as 1.2.3.4 of 11.2.3.4, is another one."""
    for spaces in range(12):
        value = "11.2.3.4" + ",10.0.0.3" * 909 + " " * spaces
        expected = "11.2.3.4" if len(value) <= 8192 else None
        assert client_ip("10.0.0.1", {XFF: value}, trusted=PROXIES) == expected


def test_wrong_network_is_refused() -> None:
    """A typing mistake in the trusted proxies does not trust the world in silence."""
    with pytest.raises(ValueError, match="does not appear to be an IPv4 or IPv6 network"):
        client_ip("10.0.0.1", {}, trusted=["10.0.0.0/8, 192.168.0.0/16"])
