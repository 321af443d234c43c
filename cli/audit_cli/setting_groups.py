"""The sections of docs/settings.md: which settings belong together, and which to look at first."""

import re
from collections.abc import Iterable, Mapping

__all__ = ["ESSENTIAL", "GROUPS", "group_of", "grouped"]

ESSENTIAL = tuple(
    f"AUDITLOG_{name}"
    for name in (
        "KAFKA_BOOTSTRAP_SERVERS",
        "KAFKA_SECURITY_PROTOCOL",
        "KAFKA_PASSWORD_FILE",
        "ELASTICSEARCH_URL",
        "ELASTICSEARCH_PASSWORD_FILE",
        "CATALOGUE",
        "TOPIC_RETENTION_DAYS",
        "METRICS_PORT",
        "TOKENS_FILE",
        "WEBHOOK_URL",
    )
)
"""The ten that most deployments change."""

GROUPS: Mapping[str, re.Pattern[str]] = {
    title: re.compile(f"AUDITLOG_(?:{names})")
    for title, names in {
        "General": r"CATALOGUE|MAX_\w+_(?:DAYS|SECONDS)|ALLOW_PLAIN_TEXT|LOG_FORMAT|METRICS_\w+",
        "Kafka": r"KAFKA_\w+|TOPIC|\w+_TOPIC",
        "Elasticsearch": r"ELASTICSEARCH_\w+|INDEX_PREFIX",
        "Producer": r"SERVICE|(?:BLOCK|CLOSE|DELIVERY)_SECONDS|QUEUE_EVENTS|COMPRESSION",
        "Consumer": (
            r"GROUP|GROUP_PROTOCOL|BULKS|BULK_\w+|(?:MEMORY|FETCH)_BYTES|CAREFUL_READING|GEO_FILES|"
            r"(?:SESSION|REQUEST|BACKOFF|DRAIN)_SECONDS"
        ),
        "Topics and indices": (
            r"PARTITIONS|REPLICATION|TOPIC_RETENTION_DAYS|SHARDS|REPLICAS|REFRESH|CODEC|GRANULARITY"
        ),
        "Queries and server": (
            r"QUERY_SECONDS|TIME_ZONE|CHAT_OBJECTIVES|TEAMS_FILE|LISTS|TOKENS_FILE|VIEWS_INDEX|SERVE_\w+"
        ),
        "Signing in": r"OIDC_\w+|PEOPLE_FILE|SIGN_IN_\w+|SESSIONS_INDEX",
        "Alerts": r"ALERTS_INDEX|ALERT_\w+|DENIED_RANGES|PAGE_URL|WEBHOOK_\w+",
        "Streams": r"STREAMS(?:_\w+)?|STREAM_\w+",
        "Seal": r"(?:SEAL|STAMP)_\w+",
        "Kibana": r"KIBANA_\w+",
        "Witness": r"WITNESS_\w+",
        "Embedded servers": r"LOCAL_\w+",
    }.items()
}
"""Each group's title, and the names of its variables."""


def group_of(variable: str) -> str:
    """Return the title of a variable's group. Raises LookupError unless exactly one has it."""
    titles = [title for title, names in GROUPS.items() if names.fullmatch(variable)]
    if len(titles) != 1:
        raise LookupError(f"{variable} must be in exactly one group of settings, not in {titles}")
    return titles[0]


def grouped(variables: Iterable[str]) -> dict[str, list[str]]:
    """Return the variables of each group, groups and variables in their order."""
    groups: dict[str, list[str]] = {title: [] for title in GROUPS}
    for variable in variables:
        groups[group_of(variable)].append(variable)
    return groups
