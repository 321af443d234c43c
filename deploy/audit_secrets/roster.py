"""The users of both servers, and the services with their logins."""

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["ELASTICSEARCH_USERS", "KAFKA_USERS", "SERVED", "SERVICES", "Service"]

_SERVERS_UID = 1000
"""The account of Kafka, Elasticsearch and Kibana in their images."""
_OUR_UID = 10001
"""The account of our image."""

KAFKA_USERS = (
    "audit-broker",  # the broker itself
    "audit-health",  # may log in, no more
    "audit-admin",
    "audit-alerter",
    "audit-consumer",
    "audit-forwarder",
    "audit-page",
    "audit-publisher",
    "audit-reader",
    "audit-sealer",
)

ELASTICSEARCH_USERS: Mapping[str, tuple[str, ...]] = {
    "audit-admin": ("audit_admin", "kibana_admin"),
    "audit-alerter": ("audit_alerter",),
    "audit-forwarder": ("audit_forwarder",),
    "audit-health": ("audit_health",),
    "audit-kibana": ("kibana_system",),
    "audit-reader": ("audit_reader",),
    "audit-sealer": ("audit_sealer",),
    "audit-server": ("audit_server",),
    "audit-writer": ("audit_writer",),
}
"""Each user's roles."""

SERVED = ("kafka", "elasticsearch", "kibana", "page")
"""Services that listen, and so have a certificate."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service, the account that it runs as, and the users that it logs in as."""

    name: str
    uid: int
    kafka: str | None = None
    elasticsearch: str | None = None


SERVICES = (
    Service("kafka", _SERVERS_UID),
    Service("elasticsearch", _SERVERS_UID),
    Service("kibana", _SERVERS_UID),
    Service("admin", _OUR_UID, kafka="audit-admin", elasticsearch="audit-admin"),
    Service("alerter", _OUR_UID, kafka="audit-alerter", elasticsearch="audit-alerter"),
    Service("consumer", _OUR_UID, kafka="audit-consumer", elasticsearch="audit-writer"),
    Service("forwarder", _OUR_UID, kafka="audit-forwarder", elasticsearch="audit-forwarder"),
    Service("page", _OUR_UID, kafka="audit-page", elasticsearch="audit-server"),
    Service("publisher", _OUR_UID, kafka="audit-publisher"),
    Service("quotas", _SERVERS_UID, kafka="audit-admin"),
    Service("reader", _OUR_UID, kafka="audit-reader", elasticsearch="audit-reader"),
    Service("sealer", _OUR_UID, kafka="audit-sealer", elasticsearch="audit-sealer"),
    Service("witness", _OUR_UID),
)
