"""Which alerts are asked for: addresses as people write them."""

import pytest
from audit_alerts import AlertFilter
from audit_query import ParameterError


@pytest.mark.parametrize(
    ("written", "asked"),
    [
        ("192.0.2.7", {"terms": {"related.ip": ["192.0.2.7"]}}),
        ("::ffff:192.0.2.7", {"terms": {"related.ip": ["192.0.2.7"]}}),
        ("::ffff:192.0.2.0/120", {"term": {"related.ip": "192.0.2.0/24"}}),
        ("192.0.2.0/255.255.255.0", {"term": {"related.ip": "192.0.2.0/24"}}),
        ("192.0.2.7/24", {"term": {"related.ip": "192.0.2.0/24"}}),
        ("2001:DB8::/32", {"term": {"related.ip": "2001:db8::/32"}}),
    ],
)
def test_address_is_asked_for_as_elasticsearch_takes_it(written: str, asked: object) -> None:
    """It refuses masks, and ranges of IPv4 addresses that are written as those of IPv6."""
    _, query = AlertFilter(addresses=[written]).to_query()["bool"]["filter"]
    assert query["bool"]["should"] == [asked]


@pytest.mark.parametrize("written", ["fe80::1%eth0", "192.0.2.7/33", "x", "192.0.2.7 "])
def test_what_is_no_address_is_refused(written: str) -> None:
    """In a sentence, before anything is asked."""
    with pytest.raises(ParameterError, match="is not a valid IP address or CIDR range"):
        AlertFilter(addresses=[written])
