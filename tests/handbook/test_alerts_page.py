"""What docs/alerts.md shows: the example rule, and how a receiver verifies a webhook's signature."""

import hashlib
import hmac
import time
from pathlib import Path
from typing import Any

import pytest
from audit_alerts.examples import check_examples
from audit_alerts.rules import read_rules
from audit_schemas import Catalogue
from handbook.block import blocks_of
from support.servers import ROOT


def block(language: str) -> str:
    """Return the page's only whole program or rule in a language; the others are parts of a rule."""
    found = (b.text for b in blocks_of(ROOT / "docs" / "alerts.md") if b.language == language)
    (whole,) = (text for text in found if not text.startswith("detection:"))
    return whole


def test_example_rule_passes_its_own_test(tmp_path: Path) -> None:
    """It loads, and its examples do what they say."""
    catalogue = Catalogue.load()
    (tmp_path / "brute-force.yml").write_text(block("yaml"))
    (rule,) = read_rules([tmp_path], catalogue)
    assert rule.name == "brute-force"
    assert list(check_examples(rule, catalogue)) == []


@pytest.mark.parametrize(
    ("sent", "age", "expected"),
    [(b"{}", 0, (True, True)), (b"{ }", 0, (False, True)), (b"{}", 400, (True, False))],
)
def test_receiver_of_the_page_verifies_signatures(
    sent: bytes, age: int, expected: tuple[bool, bool]
) -> None:
    """Right bytes are valid, changed ones are not, and old ones are not recent."""
    secret, moment = b"a secret", str(int(time.time()) - age)
    digest = hmac.new(secret, f"{moment}.{{}}".encode(), hashlib.sha256).hexdigest()
    headers = {"X-Auditlog-Timestamp": moment, "X-Auditlog-Signature": f"v1={digest}"}
    names: dict[str, Any] = {"headers": headers, "body": sent, "secret": secret}
    names |= {"hmac": hmac, "hashlib": hashlib, "time": time}
    exec(block("python"), names)  # noqa: S102 - the page's own code
    assert expected == (names["valid"], names["recent"])
