"""What `auditlog doctor` says of settings with which no server is asked."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import elasticsearch
import pytest
from audit_admin import SetupSettings
from audit_admin.doctor import elasticsearch_checks
from audit_admin.reachability import away_brokers
from audit_runtime import KafkaSettings
from support.in_process import auditlog_in_process

NOWHERE = {
    "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "AUDITLOG_ELASTICSEARCH_URL": "http://127.0.0.1:1",
}


def test_client_that_can_not_be_made_is_a_check_like_the_others(tmp_path: Path) -> None:
    """What comes after it is checked all the same."""
    bad = tmp_path / "ca.crt"
    bad.write_text("no certificate")
    settings = {
        "AUDITLOG_KAFKA_SECURITY_PROTOCOL": "SSL",
        "AUDITLOG_KAFKA_CA_FILE": str(bad),
        "AUDITLOG_ELASTICSEARCH_URL": "http://192.0.2.1:1",
        "AUDITLOG_ELASTICSEARCH_API_KEY": "key",
    }
    done = auditlog_in_process("doctor", **NOWHERE | settings)
    assert done.returncode == 1
    assert not done.stderr
    said = " ".join(done.stdout.split())
    assert "ok catalogue:" in said
    assert "failed Kafka: Failed to create admin client: ssl.ca.location failed" in said
    assert "failed Elasticsearch: Elasticsearch would get credentials in plain text" in said


def test_password_that_would_cross_the_network_is_a_check_like_the_others() -> None:
    """Kafka is not asked, and Elasticsearch is."""
    settings = {
        "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "192.0.2.1:9092",
        "AUDITLOG_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    }
    said = " ".join(auditlog_in_process("doctor", **NOWHERE | settings).stdout.split())
    assert "failed Kafka: Kafka would get credentials in plain text" in said
    assert "failed Elasticsearch: http://127.0.0.1:1 does not answer" in said


@pytest.mark.parametrize("address", ["127.0.0.1:port", "[::1:9092", f"{'a' * 70}.example:9092"])
def test_broker_whose_address_is_none_is_named(address: str) -> None:
    """Kafka's client goes on with the others, so nobody else says so."""
    settings = KafkaSettings(kafka_bootstrap_servers=f"{address},127.0.0.1:1")
    first, second = away_brokers(settings)
    assert first.message.startswith(f"{address} takes no connection (")
    assert second.message == "127.0.0.1:1 takes no connection (Connection refused)"


@pytest.mark.parametrize(
    ("nodes", "is_told"),
    [
        ("https://192.0.2.1:1,http://192.0.2.2:1", True),
        ("http://127.0.0.1:1,http://192.0.2.2:1", True),
        ("http://127.0.0.1:1,https://192.0.2.2:1", False),
        ("http://127.0.0.1:1, http://[::1]:1", False),
    ],
)
def test_node_without_tls_is_told_among_others(nodes: str, is_told: bool) -> None:  # noqa: FBT001
    """Requests go to each of them, so one is enough."""
    settings: Any = SimpleNamespace(elasticsearch_url=nodes)
    client: Any = elasticsearch.Elasticsearch("http://127.0.0.1:1", max_retries=0)
    with client:
        found = [each.subject for each in elasticsearch_checks(client, settings, SetupSettings())]
    assert ("Elasticsearch connection" in found) == is_told
