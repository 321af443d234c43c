"""`auditlog retention`: what goes, what stays and why, on real servers."""

import json
import os
from datetime import UTC, date, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from audit_admin.indices import retention
from audit_admin.indices.inventory import IndexInfo, Inventory
from audit_admin.indices.retention import RetentionPolicy, delete, evaluate
from audit_admin.indices.retention_commands import account_name
from audit_consumer.elastic import EventIndex
from audit_schemas import IndexNaming
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient
from support.consumed import consume_all
from support.events import chat_opened
from support.in_process import call
from support.servers import Deployment

OLD = datetime.now(UTC) - timedelta(days=100)


@pytest.mark.parametrize(
    ("policy", "end", "last_day"),
    [
        (RetentionPolicy(months=1), date(2026, 10, 1), date(2026, 10, 31)),
        (RetentionPolicy(months=12), date(2024, 3, 1), date(2025, 2, 28)),
        (RetentionPolicy(months=3), date(2026, 12, 1), date(2027, 2, 28)),
        (RetentionPolicy(days=30), date(2026, 10, 1), date(2026, 10, 30)),
        (RetentionPolicy(days=1), date(2026, 11, 24), date(2026, 11, 24)),
    ],
)
def test_index_is_kept_from_the_end_of_its_period(
    policy: RetentionPolicy, end: date, last_day: date
) -> None:
    """To the last day, and not one day less."""
    assert not policy.is_expired(end, last_day)
    assert policy.is_expired(end, last_day + timedelta(days=1))


def test_time_without_end_is_never_over() -> None:
    """Neither the end of the calendar nor a long keep ends with an error."""
    assert not RetentionPolicy(months=1200).is_expired(date(9950, 1, 1), date.max)
    assert not RetentionPolicy(days=36_500).is_expired(date(9950, 1, 1), date.max)


def test_account_without_a_name_has_a_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in many containers: nobody is in /etc/passwd there."""
    monkeypatch.setattr("getpass.getuser", lambda: (_ for _ in ()).throw(KeyError("uid not found")))
    assert account_name() == f"uid-{os.getuid()}"


@pytest.mark.parametrize(("successful", "is_kept"), [(2, False), (1, True)])
def test_index_with_a_shard_that_is_away_stays(
    successful: int,
    is_kept: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What Kafka still holds of it may be in that shard; Elasticsearch counts the others."""
    span = date(2026, 1, 1), date(2026, 2, 1)
    info = IndexInfo("a-2026.01", "a-2026.01", 1, *span, True, 7, 7, {}, {}, frozenset("a"))
    monkeypatch.setattr(retention, "_refresh", lambda *_: None)
    monkeypatch.setattr(retention, "take_inventory", lambda *_: Inventory([info], []))
    monkeypatch.setattr(retention, "_still_in_kafka", lambda _: [{"match_all": {}}])
    answer = {"count": 0, "_shards": {"total": 2, "successful": successful, "skipped": 0, "failed": 0}}
    client: Any = SimpleNamespace(count=lambda **_: answer)
    settings: Any = None
    plan = evaluate(client, IndexNaming("a"), settings, RetentionPolicy(days=30), date(2026, 11, 1))
    (decision,) = plan.decisions
    assert decision.is_expired
    assert ("not all of its shards answer" in decision.kept_because) == is_kept


@pytest.fixture
def filled(deployment: Deployment) -> Deployment:
    """Give a deployment with events of now and of a hundred days ago."""
    deployment.publish_raw(*(chat_opened(n, at=OLD) for n in range(20)))
    deployment.publish_raw(*(chat_opened(n) for n in range(5)))
    consume_all(deployment)
    return deployment


def name_of(deployment: Deployment, moment: datetime) -> str:
    """Return the index of a moment."""
    return IndexNaming(deployment.name).index_of(moment.isoformat())


def expire(deployment: Deployment) -> None:
    """Let Kafka lose all records, as its own retention would."""
    admin = AdminClient({"bootstrap.servers": deployment.servers.kafka})
    topic = f"{deployment.name}.events"
    ends = [TopicPartition(topic, number, -1) for number in range(6)]
    for done in admin.delete_records(ends).values():
        done.result(30)


def rows(deployment: Deployment, *arguments: str) -> dict[str, dict[str, Any]]:
    """Return what the command says of each index."""
    said = call(deployment, "retention", "--json", *arguments).stdout
    return {row["index"]: row for row in json.loads(said)["indices"]}


@pytest.mark.servers
def test_index_goes_when_it_is_old_and_kafka_has_let_go(filled: Deployment) -> None:
    """Not before, not without being told, and the log says who did it; the proof holds throughout."""
    old, now = name_of(filled, OLD), name_of(filled, datetime.now(UTC))
    policy = ("--keep-months", "2", "--delete", "--yes", "--as", "the-timer")
    info = rows(filled, *policy)[old]
    assert (info["expired"], info["deleted"]) == (True, False)
    assert "Kafka still holds 20 of its events" in info["kept_because"]

    expire(filled)
    shown = call(filled, "retention", "--keep-months", "2").stdout
    assert "delete" in shown.split()
    assert filled.count() == 25, "it only shows"

    found = rows(filled, *policy)
    assert {name: row["deleted"] for name, row in found.items()} == {old: True, now: False}
    consume_all(filled)
    left = filled.documents()
    (noted,) = [one for one in left if one["event"]["action"] == "audit-log-deleted"]
    assert noted["user"]["name"] == "the-timer"
    assert (noted["labels"]["index"], noted["labels"]["events"]) == (old, "20")
    assert len(left) == 6
    call(filled, "verify")


@pytest.mark.servers
def test_nothing_goes_without_a_yes(filled: Deployment) -> None:
    """Where nobody can be asked, it ends with a plan."""
    expire(filled)
    done = call(filled, "retention", "--keep-days", "30", "--delete", check=False)
    assert done.returncode == 1
    assert "auditlog: Deleting needs confirmation, and this is not a terminal: add --yes" in done.stderr
    assert filled.count() == 25


@pytest.mark.servers
def test_index_that_is_not_ours_stays(deployment: Deployment) -> None:
    """By its name, or by its mapping."""
    strange, foreign = f"{deployment.name}-2020.13", f"{deployment.name}-notes"
    guessed = f"{deployment.name}-2020.01"
    with deployment.client() as client:
        for name in (strange, foreign):
            client.indices.create(index=name)
        client.indices.delete_index_template(name=deployment.name)
        client.indices.create(index=guessed, mappings={"dynamic": True})
    call(deployment, "setup")
    said = call(deployment, "retention", "--json", "--keep-days", "1", "--delete", "--yes").stdout
    assert json.loads(said)["foreign"] == sorted([guessed, strange, foreign])
    with deployment.client() as client:
        assert len(client.indices.get(index=f"{deployment.name}-*")) == 3


@pytest.mark.servers
def test_closed_index_stays(filled: Deployment) -> None:
    """Nobody can tell what it holds."""
    expire(filled)
    old = name_of(filled, OLD)
    with filled.client() as client:
        client.indices.close(index=old)
        found = rows(filled, "--keep-days", "30", "--delete", "--yes")[old]
        assert "is closed" in found["kept_because"]
        client.indices.open(index=old)


@pytest.mark.servers
def test_nothing_goes_that_could_not_be_noted(filled: Deployment) -> None:
    """The event of a deletion comes first."""
    expire(filled)
    naming = IndexNaming(filled.name)

    def record(*_: object) -> None:
        raise ConnectionError

    with filled.client() as client:
        today = datetime.now(UTC).date()
        plan = evaluate(client, naming, filled.consumer, RetentionPolicy(days=30), today)
        assert [decision.info.name for decision in plan.deletions] == [name_of(filled, OLD)]
        with pytest.raises(ConnectionError):
            list(delete(client, naming, plan.deletions, record))
    assert filled.count() == 25


@pytest.mark.servers
def test_late_event_makes_its_index_again_and_that_stays_for_as_long_as_kafka_holds_it(
    filled: Deployment,
) -> None:
    """Nothing that was published is lost because its time is over."""
    expire(filled)
    old = name_of(filled, OLD)
    policy = ("--keep-months", "2", "--delete", "--yes")
    assert rows(filled, *policy)[old]["deleted"]
    filled.publish_raw(chat_opened(99, at=OLD))
    consume_all(filled)
    assert "Kafka still holds 1 of its events" in rows(filled, *policy)[old]["kept_because"]
    assert EventIndex(filled.consumer, 10).naming() == IndexNaming(filled.name)
    call(filled, "verify")


@pytest.mark.servers
def test_rebuilt_index_is_deleted_with_the_old_copy(filled: Deployment) -> None:
    """Under its own name, which consumers don't know."""
    old, naming = name_of(filled, OLD), IndexNaming(filled.name)
    call(filled, "reindex", "--index", old)
    both = {naming.copy_of(old, 1), naming.copy_of(old, 2)}
    today = datetime.now(UTC).date()
    with filled.client() as client:
        plan = evaluate(client, naming, filled.consumer, RetentionPolicy(days=30), today)
        assert plan.deletions == [], "Kafka holds their events"
        expire(filled)
        plan = evaluate(client, naming, filled.consumer, RetentionPolicy(days=30), today)
        gone = delete(client, naming, plan.deletions, lambda *_: None)
        assert both == {info.index for info in gone}
    assert filled.count() == 5
