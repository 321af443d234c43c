"""`auditlog settings` shows what is in force, and no secret."""

import pytest
from support.in_process import auditlog_in_process


@pytest.mark.parametrize("options", [(), ("--json",)], ids=["text", "json"])
@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("https://ada:hunter2@es.example:9200", "https://***@es.example:9200"),
        ("https://ada:hunter2/@x@es.example:9200", "https://***@es.example:9200"),
        ("https://a.example:1,https://:hunter2@b.example:1", "@b.example:1"),
        ("https://es.example:9200", "https://es.example:9200"),
    ],
)
def test_login_in_an_address_is_not_shown(options: tuple[str, ...], given: str, shown: str) -> None:
    """Commands refuse it without showing it, and name the variable; that is where one looks then."""
    done = auditlog_in_process("settings", *options, AUDITLOG_ELASTICSEARCH_URL=given)
    assert done.returncode == 0
    assert shown in done.stdout
    assert "hunter2" not in done.stdout
