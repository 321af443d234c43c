"""Which of several servers are away: clients go on with the others, so that nobody else notices."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import elasticsearch
from audit_runtime import ElasticsearchSettings, KafkaSettings
from audit_runtime.elastic import connect

from audit_admin.check import Check

__all__ = ["away_brokers", "away_nodes"]

_SECONDS = 3.0


def away_brokers(settings: KafkaSettings) -> Iterator[Check]:
    """Yield a failed check for each broker of several that takes no connection."""
    addresses = _several(settings.kafka_bootstrap_servers)
    for address in addresses:
        try:
            parts = urlsplit(f"//{address.rpartition('//')[2]}")
            socket.create_connection((parts.hostname or "", parts.port or 9092), _SECONDS).close()
        except (OSError, ValueError) as error:  # a ValueError: not an address
            why = isinstance(error, OSError) and error.strerror
            yield Check(
                "Kafka broker",
                False,
                f"{address} takes no connection ({why or error})",
                "Start it, or take it out of AUDITLOG_KAFKA_BOOTSTRAP_SERVERS",
            )


def away_nodes(settings: ElasticsearchSettings) -> Iterator[Check]:
    """Yield a failed check for each node of several that does not answer."""
    for url in _several(settings.elasticsearch_url):
        alone = settings.model_copy(update={"elasticsearch_url": url})
        try:
            with connect(alone, seconds=_SECONDS) as client:
                client.cluster.health()
        except elasticsearch.ApiError:
            pass  # it answers; what it says, another check tells
        except elasticsearch.TransportError as error:
            yield Check(
                "Elasticsearch node",
                False,
                f"{url} does not answer ({type(error).__name__}); others are asked in its place",
                "Start it, or take it out of AUDITLOG_ELASTICSEARCH_URL",
            )


def _several(addresses: str) -> list[str]:
    """Return the addresses, if they are more than one."""
    found = [address.strip() for address in addresses.split(",") if address.strip()]
    return found if len(found) > 1 else []
