"""Faults of the set-up: an operator's to mend. No event is dead-lettered for one, and none is lost."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import elasticsearch
import pytest
from audit_admin import set_up
from faults.crew import Crew
from faults.fleet import ADMIN, WRITER, Fleet
from faults.flow import Flow
from faults.group import lag
from faults.proof import assert_exactly_once
from support.command import start_auditlog
from support.conditions import wait_until
from support.consumers import settle
from support.events import chats
from support.server_processes import Search
from support.servers import Deployment

pytestmark = pytest.mark.servers

Fault = Callable[[Deployment], AbstractContextManager[None]]


@contextmanager
def write_block(deployment: Deployment) -> Iterator[None]:
    """Let no index of the log be written to; Elasticsearch answers 403 for each item."""
    indices = f"{deployment.name}-*"
    with deployment.client() as client:
        client.indices.put_settings(index=indices, settings={"index.blocks.write": True})
        yield
        client.indices.put_settings(index=indices, settings={"index.blocks.write": None})


@contextmanager
def shard_limit(deployment: Deployment) -> Iterator[None]:
    """Leave no room for another shard; Elasticsearch answers 400 for each item of a new index."""
    setting = "cluster.max_shards_per_node"
    with deployment.client() as client:
        health = client.cluster.health()
        shards = health["active_shards"] + health["unassigned_shards"]
        client.cluster.put_settings(persistent={setting: shards})
        try:
            yield
        finally:
            client.cluster.put_settings(persistent={setting: None})


@contextmanager
def missing_template(deployment: Deployment) -> Iterator[None]:
    """Delete the template: a new index gets a guessed mapping, and is not ours.

    Mended by `auditlog setup`, and by deleting the index that was guessed.
    """
    indices = f"{deployment.name}-*"
    with deployment.client() as client:
        ours = set(client.indices.get(index=indices))
        client.indices.delete_index_template(name=deployment.name)
        yield
        list(set_up(deployment.setup))
        for guessed in set(client.indices.get(index=indices)) - ours:
            client.indices.delete(index=guessed)


FAULTS = pytest.mark.parametrize(
    ("fault", "days_ago"), [(write_block, 0), (shard_limit, 40), (missing_template, 40)]
)
"""Each with the time of events that meet it: some need an index, some one that is not there yet."""


def events(count: int, *, days_ago: int = 0) -> dict[str, bytes]:
    """Return events of a time by their ids."""
    return chats(count, at=datetime.now(UTC) - timedelta(days=days_ago))


def consume_all(deployment: Deployment, folder: Path) -> None:
    """Let one consumer settle what is published, and end."""
    folder.mkdir()
    with Crew(deployment, folder) as crew:
        consumer = crew.join()
        crew.settle()
        crew.leave(consumer)


def sentence_it_stops_with(deployment: Deployment, log: Path) -> str:
    """Start a consumer that ends by itself, committing and refusing nothing; return what it says."""
    before = lag(deployment)
    with deployment.consuming(log=log) as process:
        assert process.wait(120) == 1
    assert before == lag(deployment)
    assert deployment.dead_letters() == []
    lines = log.read_text().splitlines()
    assert "Traceback" not in log.read_text()
    assert [lines[-1]] == [line for line in lines if line.startswith("auditlog: ")]
    return lines[-1]


def wait_until_it_waits(deployment: Deployment, crew: Crew) -> None:
    """Return when a running consumer has tried again and again, and has said so."""
    tries = crew.log().count('"waiting"')
    wait_until(lambda: crew.log().count('"waiting"') > tries + 2, what="the consumer waits")
    crew.check()
    assert lag(deployment) > 0


@FAULTS
def test_fault_at_the_start_stops_it_with_what_to_mend(
    deployment: Deployment, tmp_path: Path, log: Path, fault: Fault, days_ago: int
) -> None:
    """Nothing is committed or refused; once the fault is mended, the next start goes on."""
    before, held_up = chats(3), events(50, days_ago=days_ago)
    deployment.publish_raw(*before.values())
    consume_all(deployment, tmp_path / "before")
    deployment.publish_raw(*held_up.values())
    with fault(deployment):
        sentence = sentence_it_stops_with(deployment, log)
        assert re.search("auditlog (doctor|setup)", sentence)
    consume_all(deployment, tmp_path / "after")
    assert_exactly_once(deployment, [*before, *held_up])


@FAULTS
def test_fault_while_it_runs_is_waited_out(
    deployment: Deployment, tmp_path: Path, fault: Fault, days_ago: int
) -> None:
    """It pauses and says so; once the fault is mended it goes on, without a restart."""
    deployment.extra["AUDITLOG_BACKOFF_SECONDS"] = "0.5"
    before, held_up = chats(100), events(50, days_ago=days_ago)
    with Crew(deployment, tmp_path) as crew:
        crew.join()
        deployment.publish_raw(*before.values())
        crew.settle()
        with fault(deployment):
            deployment.publish_raw(*held_up.values())
            wait_until_it_waits(deployment, crew)
        crew.settle()
    assert_exactly_once(deployment, [*before, *held_up])


@pytest.fixture
def guarded(fleet: Fleet, deployment: Deployment) -> Iterator[Deployment]:
    """Give a deployment whose commands say who they are only if the test lets them."""
    yield deployment
    for user in (WRITER, ADMIN):
        fleet.search.set_password(user.name, user.password)


def credentials(user: str, password: str) -> dict[str, str]:
    """Return the variables that say who one is."""
    return {
        "AUDITLOG_ELASTICSEARCH_USERNAME": user,
        "AUDITLOG_ELASTICSEARCH_PASSWORD": password,
    }


def test_refused_credentials_at_the_start_stop_it(guarded: Deployment, log: Path) -> None:
    """One sentence says which variables to look at, and no secret is in the log."""
    guarded.publish_raw(*chats(3).values())
    guarded.extra |= credentials(WRITER.name, "no-such-password")
    sentence = sentence_it_stops_with(guarded, log)
    assert "AUDITLOG_ELASTICSEARCH_USERNAME" in sentence
    assert "no-such-password" not in log.read_text()


def accepts(search: Search, password: str, name: str = WRITER.name) -> bool:
    """Tell whether Elasticsearch takes a user with a password."""
    with elasticsearch.Elasticsearch(search.url, basic_auth=(name, password)) as client:
        try:
            client.cluster.health()
        except elasticsearch.AuthenticationException:
            return False
    return True


@pytest.mark.parametrize("fix", ["put back", "written into the file"])
def test_password_rotated_while_it_runs(
    guarded: Deployment, fleet: Fleet, tmp_path: Path, fix: str
) -> None:
    """It pauses and says so. It goes on when the old one holds again, or its file has the new one."""
    file, administrator, before = tmp_path / "password", dict(guarded.extra), chats(100)
    file.write_text(f"{WRITER.password}\n")
    guarded.extra |= credentials(WRITER.name, WRITER.password)
    if fix == "written into the file":
        del guarded.extra["AUDITLOG_ELASTICSEARCH_PASSWORD"]
        guarded.extra["AUDITLOG_ELASTICSEARCH_PASSWORD_FILE"] = str(file)
    guarded.extra["AUDITLOG_BACKOFF_SECONDS"] = "0.5"
    with Crew(guarded, tmp_path) as crew:
        crew.join()
        guarded.publish_raw(*before.values())
        crew.settle()
        with Flow(guarded) as flow:
            flow.start()
            crew.wait_for_work()
            fleet.search.set_password(WRITER.name, "second-password")
            wait_until(
                lambda: not accepts(fleet.search, WRITER.password), what="the old one is refused"
            )
            wait_until_it_waits(guarded, crew)
            assert "credentials" in crew.log()
            if fix == "put back":
                fleet.search.set_password(WRITER.name, WRITER.password)
            else:
                file.write_text("second-password\n")
            crew.wait_for_work()
        crew.settle()
    assert not re.search("(first|second)-password", crew.log())
    guarded.extra = administrator
    ids = [*before, *flow.ids]
    assert_exactly_once(guarded, ids, refused=flow.refused, repeated=flow.repeated)


def is_written(client: elasticsearch.Elasticsearch, index: str) -> bool:
    """Tell whether an index exists and has a document."""
    if not client.indices.exists(index=index):
        return False
    client.indices.refresh(index=index)
    return bool(client.count(index=index)["count"])


def test_alert_runner_takes_a_password_that_is_rotated(
    guarded: Deployment, fleet: Fleet, log: Path, tmp_path: Path
) -> None:
    """It waits for the new one in its file, says so in a sentence, and needs no restart."""
    file, output = tmp_path / "password", tmp_path / "runner"
    file.write_text(f"{ADMIN.password}\n")
    guarded.publish_raw(*chats(3).values())
    with guarded.consuming(log=log) as consumer:
        settle(guarded, log, consumer)
    environment = guarded.environment | {
        "AUDITLOG_ELASTICSEARCH_USERNAME": ADMIN.name,
        "AUDITLOG_ELASTICSEARCH_PASSWORD_FILE": str(file),
        "AUDITLOG_ALERTS_INDEX": f"alerts-{guarded.name}",
    }
    process = start_auditlog("alerts", "run", "--every", "0.2s", output=output, **environment)
    try:
        state = f"alerts-{guarded.name}-state"
        with guarded.client() as client:
            wait_until(lambda: is_written(client, state), what="it is past its start")
        fleet.search.set_password(ADMIN.name, "rotated-password")
        wait_until(lambda: b"refuses the credentials" in output.read_bytes(), what="it waits")
        file.write_text("rotated-password\n")
        wait_until(lambda: b'"event": "resumed"' in output.read_bytes(), what="it goes on")
        process.terminate()
        assert process.wait(120) == 0, output.read_text()
    finally:
        process.kill()
        process.wait()
    assert not re.search("(admin|rotated)-password", output.read_text())
    with guarded.client() as client:
        for index in client.indices.get(index=f"alerts-{guarded.name}*", expand_wildcards="all"):
            client.indices.delete(index=index)


def test_refused_credentials_of_kafka_stop_it(fleet: Fleet, deployment: Deployment, log: Path) -> None:
    """As with Elasticsearch's: else it would wait for ever, and look like a healthy one."""
    deployment.publish_raw(*chats(3).values())
    deployment.extra |= {
        "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": fleet.secured_kafka,
        "AUDITLOG_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
        "AUDITLOG_KAFKA_SASL_MECHANISM": "PLAIN",
        "AUDITLOG_KAFKA_USERNAME": WRITER.name,
        "AUDITLOG_KAFKA_PASSWORD": "wrong-password",
    }
    with deployment.consuming(log=log) as process:
        assert process.wait(120) == 1
    assert "AUDITLOG_KAFKA_USERNAME" in log.read_text().splitlines()[-1]
    assert "wrong-password" not in log.read_text()
    assert "Traceback" not in log.read_text()
    deployment.extra |= {
        "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": fleet.broker.address,
        "AUDITLOG_KAFKA_SECURITY_PROTOCOL": "PLAINTEXT",
    }
    assert (lag(deployment), deployment.dead_letters()) == (3, [])
