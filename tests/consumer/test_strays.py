"""An id is one event's, also where another claims it under the time of another index."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from audit_consumer.bulk import Stored
from audit_consumer.decode import Decoder
from audit_consumer.home_index import HomeIndex
from audit_consumer.record import Outcome, Prepared, Record, Refusal, StrayLines
from audit_consumer.strays import resolve_strays
from audit_producer import new_event
from audit_query import AuditLog
from audit_schemas import Catalogue, IndexNaming, Reason, TimeBounds, format_timestamp
from audit_schemas.dead_letter import REASON_HEADER
from support.consumed import consume_all
from support.events import fields
from support.messages import NOW, message
from support.servers import Deployment
from support.stored_events import store

NAMING = IndexNaming("audit-events")
RANDOM_ID = "9b1d7c1e-4a52-4d0b-9f7e-2f3a4b5c6d7e"


def id_of(moment: datetime) -> str:
    """Return an id as the SDK makes it at a moment."""
    text = f"{round(moment.timestamp() * 1000):012x}"
    return f"{text[:8]}-{text[8:]}-7abc-8def-0123456789ab"


def event(event_id: str, at: datetime, user: str = "Ada") -> bytes:
    """Return an event under an id, at a time."""
    found: dict[str, Any] = fields(user={"name": user}, **{"@timestamp": format_timestamp(at)})
    return json.dumps({**found, "event": {"id": event_id, "action": "login"}}).encode()


def prepared(
    value: bytes, *, offset: int = 0, partition: int = 0, received: datetime = NOW
) -> Prepared:
    """Return an event as the consumer prepares it."""
    decoder = Decoder(Catalogue.load(), TimeBounds.unlimited(), NAMING)
    found = message(value, partition=partition, offset=offset, received=received)
    item = decoder.prepare(Record.of(found), format_timestamp(NOW))
    assert isinstance(item, Prepared)
    return item


@pytest.mark.parametrize(
    ("event_id", "home"),
    [
        (id_of(datetime(2026, 3, 1, tzinfo=UTC)), "audit-events-2026.03"),
        (id_of(datetime(2026, 2, 28, 23, 59, 59, 999_000, tzinfo=UTC)), "audit-events-2026.02"),
        (RANDOM_ID, "audit-events-2026.11"),
        ("a-publishers-own-id-that-says-nothing", "audit-events-2026.11"),
        ("ffffffff-ffff-7abc-8def-0123456789ab", "audit-events-2999.12"),
        ("not-hexa-deci-7abc-8def-0123456789ab", "audit-events-2026.11"),
    ],
)
def test_an_id_is_expected_where_it_was_made_else_where_it_was_received(
    event_id: str, home: str
) -> None:
    """The SDK's ids have their time inside; of others only Kafka's time is known."""
    assert home == HomeIndex(NAMING).of(event_id, format_timestamp(NOW))


@pytest.mark.parametrize(
    ("event_id", "days", "is_stray"),
    [
        (id_of(NOW), 0, False),
        (id_of(NOW), 40, True),
        (id_of(NOW - timedelta(days=40)), 40, False),  # kept back by its publisher, not forged
        (id_of(NOW - timedelta(days=40)), 0, True),
        (RANDOM_ID, 0, False),
        (RANDOM_ID, 40, True),
    ],
)
def test_only_events_away_from_home_are_looked_up(
    event_id: str,
    days: int,
    is_stray: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Both ways to a record's lines agree on that."""
    decoder = Decoder(Catalogue.load(), TimeBounds(), NAMING)
    value = event(event_id, NOW - timedelta(days=days))
    for raw in (value, json.dumps(json.loads(value), separators=(",", ":")).encode()):
        lines = decoder.read(message(raw), format_timestamp(NOW))
        assert is_stray == isinstance(lines, StrayLines)
        assert is_stray == isinstance(prepared(raw).lines, StrayLines)


def test_the_first_that_kafka_received_keeps_the_id() -> None:
    """Whichever stands first in the batch, and whatever time the events claim."""
    true = prepared(event(RANDOM_ID, NOW), partition=2, offset=7)
    later = NOW + timedelta(seconds=1)
    forged = prepared(event(RANDOM_ID, NOW - timedelta(days=40), "Eve"), received=later)
    for items in ({0: true, 1: forged}, {1: forged, 0: true}):
        ((position, result),) = resolve_strays(items, {}).items()
        assert isinstance(result, Refusal)
        assert (position, result.reason, result.path) == (1, Reason.ID_CONFLICT, "event.id")


def test_what_other_indices_hold_decides_only_if_kafka_received_it_before() -> None:
    """A forgery that a quicker consumer wrote first does not shut the true event out."""
    item = prepared(event(RANDOM_ID, NOW), offset=5)

    def result(created: datetime, *, digest: str = "other", offset: int = 3) -> object:
        origin = Record.of(message(b"", offset=offset)).origin
        stored = Stored(digest, origin, format_timestamp(created))
        found = resolve_strays({0: item}, {RANDOM_ID: [stored]}).get(0)
        return found.reason if isinstance(found, Refusal) else found

    assert result(NOW - timedelta(seconds=1)) == Reason.ID_CONFLICT
    assert result(NOW) == Reason.ID_CONFLICT
    assert result(NOW, offset=9) is None
    assert result(NOW + timedelta(seconds=1)) is None
    assert result(NOW, offset=5) == Outcome.INDEXED  # our own, written under another naming
    assert result(NOW, digest=item.document.hash) == Outcome.DUPLICATE


@pytest.mark.servers
@pytest.mark.parametrize("event_id", [id_of(datetime.now(UTC)), RANDOM_ID], ids=["made now", "random"])
@pytest.mark.parametrize("is_together", [True, False])
def test_forgery_under_another_time_is_dead_lettered(
    deployment: Deployment,
    event_id: str,
    is_together: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Read in one batch with the event, or after it: the rule on id conflicts sees it either way."""
    now = datetime.now(UTC)
    forgeries = [event(event_id, now - timedelta(days=days), "Eve") for days in (40, 100)]
    deployment.publish_raw(event(event_id, now), key=b"one partition")
    if not is_together:
        consume_all(deployment)
    deployment.publish_raw(*forgeries, key=b"one partition")
    consume_all(deployment)
    letters = deployment.dead_letters()
    assert [b"id-conflict"] * 2 == [letter.header(REASON_HEADER) for letter in letters]
    assert {*forgeries} == {letter.value for letter in letters}
    (document,) = deployment.documents()
    assert document["user"]["name"] == "Ada"


@pytest.mark.servers
def test_id_of_a_past_month_cannot_be_used_again_now(deployment: Deployment) -> None:
    """The other way round: the event is old, what claims its id is of today."""
    now = datetime.now(UTC)
    event_id = id_of(now - timedelta(days=40))
    deployment.publish_raw(event(event_id, now - timedelta(days=40)), key=b"one partition")
    consume_all(deployment)
    deployment.publish_raw(event(event_id, now, "Eve"), key=b"one partition")
    consume_all(deployment)
    (letter,) = deployment.dead_letters()
    assert letter.header(REASON_HEADER) == b"id-conflict"


@pytest.mark.servers
def test_many_strays_are_looked_up_where_they_are_expected_alone(deployment: Deployment) -> None:
    """The import of an old log does not wait for all indices; its own second reading is no conflict."""
    now = datetime.now(UTC)
    old = [event(f"imported-{n:08}", now - timedelta(days=40)) for n in range(1100)]
    deployment.publish_raw(event("imported-00000007", now), key=b"one partition")
    consume_all(deployment)
    deployment.publish_raw(*old, *old[:20], key=b"one partition")
    consume_all(deployment)
    assert deployment.count() == 1100
    assert [old[7]] * 2 == [letter.value for letter in deployment.dead_letters()]


@pytest.mark.servers
def test_the_true_event_is_shown_where_a_forgery_is_in_the_log(deployment: Deployment) -> None:
    """What an earlier version let in: Kafka's time decides, not the event's."""
    now = datetime.now(UTC)
    deployment.publish_raw(event(RANDOM_ID, now))
    consume_all(deployment)
    at = now - timedelta(days=40)
    forged = new_event("login", user={"name": "Eve"}, at=at, event_id=RANDOM_ID)
    store(deployment, forged, ingested=now + timedelta(minutes=1))
    with AuditLog(deployment.query) as log:
        log.refresh()
        assert log.get(RANDOM_ID)["user"]["name"] == "Ada"  # type: ignore[index]
        assert ["Ada", "Eve"] == [one["user"]["name"] for one in log.claims(RANDOM_ID)]
