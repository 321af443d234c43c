"""What each document assumes before its commands are typed, and what they must print."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from handbook.typist import Typist
from support.certificates import loopback_certificate
from support.servers import Deployment

__all__ = ["EVENT_ID", "STORIES", "Story", "given"]

EVENT_ID = "01980c7e-5f3a-7000-8c1d-2b3a4c5d6e7f"
"""The event that docs/searching.md shows."""


def _nothing(_: Typist) -> None:
    """Assume nothing, and expect only that every command succeeds."""


@dataclass(frozen=True, slots=True)
class Story:
    """What is set up before a document's commands, and what is checked after them."""

    before: Callable[[Typist], None] = _nothing
    after: Callable[[Typist], None] = _nothing
    given: Mapping[str, str] = field(default_factory=dict)
    until: Mapping[str, str] = field(default_factory=dict)
    """Commands that are repeated until they print this."""


def given(deployment: Deployment, port: int) -> dict[str, str]:
    """Return what replaces the servers, addresses and ids that the documents name."""
    return {
        "kafka-1:9092,kafka-2:9092": deployment.servers.kafka,
        "https://elasticsearch:9200": deployment.servers.elasticsearch,
        "https://audit.example": f"https://127.0.0.1:{port}",
        "EVENT_ID": EVENT_ID,
    }


def _readme_after(typist: Typist) -> None:
    assert "= indexed" in typist.said["auditlog verify"]


def _searching_after(typist: Typist) -> None:
    said = typist.said
    assert EVENT_ID in said[f"auditlog show {EVENT_ID}"]
    assert "login-failed" in said["auditlog tail --activity login-failed"]


def _with_certificate(typist: Typist) -> None:
    certificate = loopback_certificate()
    typist.variables |= {
        "AUDITLOG_SERVE_CERT_FILE": certificate.cert,
        "AUDITLOG_SERVE_KEY_FILE": certificate.key,
        "CURL_CA_BUNDLE": certificate.authority,
    }


def _http_api_after(typist: Typist) -> None:
    (answer,) = (words for line, words in typist.said.items() if line.startswith("curl "))
    assert '"events":[' in answer


def _dead_letters_after(typist: Typist) -> None:
    said = typist.said
    assert "Nothing is missing" in said["auditlog verify --repair"]
    assert said["auditlog dead-letters list --from -24h"].startswith("unknown-activity: 1 record\n")
    (shown,) = (words for line, words in said.items() if line.startswith("auditlog dead-letters show"))
    assert "door-opened" in shown
    (tried,) = (words for line, words in said.items() if "replay" in line and "dead-letters" in line)
    assert tried.startswith("Would publish 1 record")


def _own_indices(typist: Typist) -> None:
    typist.given["audit-events-"] = typist.variables["AUDITLOG_INDEX_PREFIX"] + "-"


def _activities_after(typist: Typist) -> None:
    said = typist.said
    assert "Published 1 record" in said["auditlog dead-letters replay --reason unknown-activity"]
    assert "dead-lettered 0" not in said["auditlog verify"], "it counts as refused, and as indexed"


def _migrating_after(typist: Typist) -> None:
    said = typist.said
    assert "3 rows would be published" in said["auditlog import old.csv --mapping old.toml --dry-run"]
    (imported,) = (words for line, words in said.items() if "--rejects" in line)
    assert "3 rows published" in imported


STORIES: dict[str, Story] = {
    "README.md": Story(after=_readme_after),
    "docs/activities.md": Story(
        after=_activities_after,
        until={"auditlog search --activity door-opened --from -24h": "door-opened"},
    ),
    "docs/dead-letters.md": Story(after=_dead_letters_after),
    "docs/http-api.md": Story(_with_certificate, _http_api_after),
    "docs/migrating.md": Story(
        after=_migrating_after,
        until={"auditlog search --user Ada --from 2026-10-01 --to 2026-11-01": "chat-opened"},
    ),
    "docs/searching.md": Story(after=_searching_after),
    "docs/sizing.md": Story(before=_own_indices),
}
