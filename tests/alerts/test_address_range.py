"""Ranges of addresses that exceptions are for: what they cover, and what can't be one."""

import pytest
from audit_alerts import TriageError, usual_range
from audit_alerts.desk.address_range import is_within, parse_range


@pytest.mark.parametrize(
    ("text", "own", "stored"),
    [
        ("192.0.2.0/24", "192.0.2.7", "192.0.2.0/24"),
        (" 192.0.2.7/24 ", "192.0.2.7", "192.0.2.0/24"),
        ("192.0.0.0/16", "192.0.2.7", "192.0.0.0/16"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.7"),
        ("2001:db8::/48", "2001:db8::7", "2001:db8::/48"),
        ("192.0.0.0/20", "192.0.2.0/24", "192.0.0.0/20"),
    ],
)
def test_range_is_stored_as_a_network(text: str, own: str, stored: str) -> None:
    """Without bits behind its prefix; one address is that address."""
    assert parse_range(text, own) == stored


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (
            "0.0.0.0/0",
            "is 4,294,967,296 addresses, whoever uses them; an exception is for a /16 at most",
        ),
        ("192.0.0.0/15", "for a /16 at most"),
        ("::/0", "for a /48 at most"),
        ("2001:db8::/47", "for a /48 at most"),
        ("198.51.100.0/24", "without the alert's own address, 192.0.2.7"),
        ("2001:db8::/64", "without the alert's own address"),
        ("192.0.2.0/33", "is not a range such as 192.0.2.0/24"),
        ("fe80::1%eth0/64", "is not a range"),
        ("\x1b[31m", "is not a range"),
    ],
)
def test_what_can_t_be_a_range_says_why(text: str, sentence: str) -> None:
    """In a sentence; nothing that was typed is obeyed."""
    with pytest.raises(TriageError, match=r"^range: ") as refused:
        parse_range(text, "192.0.2.7")
    assert sentence in str(refused.value)
    assert "\x1b" not in str(refused.value)


def test_what_lies_within_a_range_is_told_by_version() -> None:
    """A network lies in a wider one; an invalid address lies nowhere."""
    assert is_within("192.0.2.255", "192.0.2.0/24")
    assert not is_within("192.0.3.0", "192.0.2.0/24")
    assert is_within("192.0.2.0/24", "192.0.0.0/16")
    assert not is_within("2001:db8::1", "192.0.2.0/24")
    assert not is_within("(none)", "192.0.2.0/24")


def test_usual_range_is_around_the_address() -> None:
    """That of a network is wider."""
    assert usual_range("192.0.2.7") == "192.0.2.0/24"
    assert usual_range("2001:db8::7") == "2001:db8::/64"
    assert usual_range("192.0.2.0/24") == "192.0.0.0/20"
