"""Fields that are left out or pseudonymised, and their copies."""

import hashlib
import hmac
from ipaddress import ip_address, ip_network
from typing import Any

import pytest
from audit_forward.fields import FieldRules, pseudonym
from audit_schemas import shown_user

KEY = b"stream's own"


def document() -> dict[str, Any]:
    """Return a stored document with copies of who and where."""
    return {
        "event": {"id": "e1", "action": "login", "hash": "ab", "original": '{"user":"Ada"}'},
        "user": {"id": "u-1", "name": "Ada", "target": {"id": "u-2"}},
        "source": {"ip": "192.0.2.7", "geo": {"country_iso_code": "TR"}},
        "related": {"user": ["u-1", "Ada", "u-2"], "ip": ["192.0.2.7"]},
        "labels": {"cost.centre": "7", "team": "a"},
        "audit": {"user": "Ada", "source": {"network": "192.0.2.0/24"}},
    }


def test_value_that_is_left_out_has_no_copy_left() -> None:
    """Nor is there the published text, nor a hash that would confirm a guess; nothing is left empty."""
    found = document()
    FieldRules(["user.name", "source.ip", "labels.cost.centre"]).apply(found)
    assert found == {
        "event": {"id": "e1", "action": "login"},
        "user": {"id": "u-1", "target": {"id": "u-2"}},
        "source": {"geo": {"country_iso_code": "TR"}},
        "related": {"user": ["u-1", "u-2"]},
        "labels": {"team": "a"},
    }


def test_pseudonym_is_the_same_wherever_the_value_stands() -> None:
    """HMAC-SHA-256 with the stream's key; an address becomes one, so that its fields take it."""
    found = document()
    FieldRules((), ["user", "source.ip"], KEY).apply(found)
    name = hmac.new(KEY, b"Ada", hashlib.sha256).hexdigest()
    assert found["user"]["name"] == found["audit"]["user"] == found["related"]["user"][1] == name
    assert "Ada" not in str(found)
    assert "u-2" not in str(found)
    address = found["source"]["ip"]
    assert found["related"]["ip"] == [address]
    assert ip_address(address) in ip_network("fd00::/8")
    assert "network" not in str(found)
    other = document()
    FieldRules((), ["source.ip"], b"another").apply(other)
    assert other["source"]["ip"] != address


def test_copies_of_each_account_go_with_it() -> None:
    """Of who did it, as whom, and to whom: `related.user` has the ids and names of all."""
    for path in ("user.effective.id", "user.effective.name", "user.target.id", "user.target.name"):
        _, account, name = path.split(".")
        for rules in (FieldRules([path]), FieldRules((), [path], KEY)):
            found = {
                "user": {"name": "Ada", account: {name: "Bob"}},
                "related": {"user": ["Ada", "Bob"]},
            }
            rules.apply(found)
            assert "Bob" not in str(found), path
            assert "Ada" in str(found)


@pytest.mark.parametrize(
    "name",
    ["Zoe\u0308", "Ada\u200b", "\u200cAda", "System", "\u263a\ufe0f Ada", "\U0001f469\u200d\U0001f4bb"],
)
@pytest.mark.parametrize("kind", ["user", "system"])
def test_name_goes_in_the_form_that_the_log_shows(name: str, kind: str) -> None:
    """`audit.user` has names composed, what is hidden in them as escapes, and a person's own mark."""
    shown = shown_user(kind, name)
    found: dict[str, Any] = {"user": {"name": name}, "audit": {"user": shown}}
    FieldRules((), ["user.name"], KEY).apply(found)
    whole = "system" if shown == "system" else pseudonym(KEY, name)
    assert found == {"user": {"name": pseudonym(KEY, name)}, "audit": {"user": whole}}
    left: dict[str, Any] = {"user": {"id": "u-1", "name": name}, "audit": {"user": shown}}
    FieldRules(["user.name"]).apply(left)
    assert left["user"] == {"id": "u-1"}
    assert left.get("audit", {}).get("user") in (None, "system")


def test_without_rules_nothing_changes() -> None:
    """The hash can be checked by the receiver."""
    found = document()
    FieldRules().apply(found)
    assert found == document()
