"""Dead letters as the server shows them: from a real topic, in the background, harmless."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from html import unescape
from typing import NoReturn

import jsonschema
import pytest
from audit_admin import set_up
from audit_admin.dead_letters import DeadLetterReader, ReadLimits, Selection, read_newest
from audit_admin.topic_reader import TopicReader
from audit_query import AuditLog
from audit_schemas import Reason
from audit_server.background import BackgroundValue
from audit_server.pipeline import Pipeline
from audit_server.roles import Role
from support.api_client import NOW, ApiClient, api_client
from support.conditions import wait_until
from support.dead_letters import refuse
from support.servers import Deployment, Servers, new_deployment, tear_down

pytestmark = pytest.mark.servers

HOSTILE = b'{"event":{"id":"e-1","action":"<script>alert(1)</script>"},"x":"\xff\x1b[2J\xe2\x80\xae"}'


@pytest.fixture(scope="module")
def refused(servers: Servers) -> Iterator[Deployment]:
    """Give a deployment with five dead letters of one reason, and two of another."""
    deployment = new_deployment(servers)
    list(set_up(deployment.setup))
    refuse(deployment, *(b'{"n":%d}' % number for number in range(4)), HOSTILE)
    refuse(deployment, b"no JSON", b"x" * 9000, reason=Reason.MALFORMED, path="", message="not JSON")
    yield deployment
    tear_down(deployment)


@contextmanager
def client_of(deployment: Deployment, *, pipeline: Pipeline | None) -> Iterator[ApiClient]:
    """Give a client of a server with this pipeline."""
    with AuditLog(deployment.query, clock=lambda: NOW) as log, api_client(log) as client:
        client.app.state.pipeline = pipeline  # type: ignore[attr-defined]
        yield client


@pytest.fixture(scope="module")
def page(refused: Deployment) -> Iterator[ApiClient]:
    """Give a client of a server that reads Kafka."""
    pipeline = Pipeline(refused.consumer)
    pipeline.dead_letters.read(wait_seconds=60)
    pipeline.lag.read(wait_seconds=60)
    with client_of(refused, pipeline=pipeline) as client:
        yield client


def test_dead_letters_are_shown_by_reason_with_what_to_do(page: ApiClient) -> None:
    """The reason with most first; commands are spelled out, replay only where it helps."""
    text = unescape(page.get("/dead-letters").text)
    assert text.index(">unknown-activity</a>") < text.index(">malformed</a>")
    assert "The activity is not in the catalogue" in text
    assert "auditlog dead-letters replay --reason unknown-activity --dry-run" in text
    assert "auditlog dead-letters show --reason malformed --limit 3" in text
    assert "replay --reason malformed" not in text


def test_samples_are_escaped_and_cut(page: ApiClient) -> None:
    """Markup is text, control characters and broken UTF-8 are seen, long values end."""
    text = page.get("/dead-letters").text
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "\\xff\\u001b[2J\\u202e" in text
    assert "x" * 2000 in text
    assert "x" * 2001 not in text
    assert "cut here" in text
    assert "9,000 bytes" in text


def test_reading_dead_letters_is_on_record(page: ApiClient) -> None:
    """As a search is, with how many there were."""
    page.get("/dead-letters")
    events = [e for e in page.published.events if e["labels"].get("part") == "dead-letters"]
    assert [event["labels"]["results"] for event in events] == ["7"]


def test_overview_shows_the_pipeline(page: ApiClient) -> None:
    """Seven records that no consumer has taken, and the reasons of those refused."""
    text = unescape(page.get("/overview").text)
    assert "<strong>7</strong> records behind" in text
    assert '<a href="/dead-letters#reason-1">unknown-activity</a> <span class="number">5</span>' in text
    assert "no event yet" in text


def test_api_returns_reasons_and_samples(page: ApiClient) -> None:
    """The same as the page, in the shape of the OpenAPI document and its example."""
    found = page.json("/dead-letters")
    schemas = page.json("/openapi.json")["components"]["schemas"]
    shape, example = schemas["DeadLettersResponse"], schemas["DeadLettersResponse"]["example"]
    for some in (found, example):
        jsonschema.validate(some, {**shape, "components": {"schemas": schemas}})
    assert set(example["reasons"][0]) == set(found["reasons"][0])
    assert (found["examined"], found["total"]) == (7, 7)
    assert [(row["reason"], row["records"]) for row in found["reasons"]] == [
        ("unknown-activity", 5),
        ("malformed", 2),
    ]
    newest = found["reasons"][0]["samples"][0]
    assert newest["value_base64"] or newest["value"]
    assert newest["origin"]["topic"].endswith(".events")


def test_only_so_many_are_read_newest_first(refused: Deployment) -> None:
    """A topic of millions is read from its end."""
    with TopicReader(refused.consumer) as topic:
        reader = DeadLetterReader(topic, refused.consumer.dead_letter_topic)
        newest = read_newest(reader, Selection(refused.consumer.topic), ReadLimits(records=3))
        late = read_newest(reader, Selection(refused.consumer.topic), ReadLimits(seconds=-1))
    assert (newest.examined, newest.total, newest.is_partial) == (3, 7, True)
    counts = {reason: row.records for reason, row in newest.summary.by_reason.items()}
    assert counts == {"malformed": 2, "unknown-activity": 1}
    assert [letter.value for letter in newest.samples["malformed"]] == [b"x" * 4096, b"no JSON"]
    assert (late.examined, late.is_partial) == (0, True)


def test_pages_never_wait_for_kafka(refused: Deployment) -> None:
    """A Kafka that does not answer leaves a sentence in the overview, and all else."""
    released = threading.Event()
    pipeline = Pipeline(refused.consumer)

    def fail(seconds: float) -> NoReturn:
        released.wait(seconds)
        raise OSError

    pipeline.lag = BackgroundValue("lag", lambda: fail(60), fresh_seconds=60)
    pipeline.dead_letters = BackgroundValue("letters", lambda: fail(0), fresh_seconds=60)
    try:
        with client_of(refused, pipeline=pipeline) as client:
            text = client.get("/overview").text
            assert "Kafka is being asked" in text
            assert "data-pending" in text
            wait_until(lambda: pipeline.dead_letters.read().failed, what="it failed")
            assert "can't be read at the moment" in unescape(client.get("/dead-letters").text)
            assert client.problem("/dead-letters", 503)["detail"].startswith("The dead letters")
            released.set()
            wait_until(lambda: pipeline.lag.read().failed, what="it failed")
            assert "Kafka does not answer" in client.get("/overview").text
    finally:
        released.set()


def test_server_without_kafka_says_so(refused: Deployment) -> None:
    """In the overview, on the page, in the API."""
    with client_of(refused, pipeline=None) as client:
        assert "This server has no Kafka" in client.get("/overview").text
        assert "This server has no Kafka" in client.get("/dead-letters").text
        assert "no Kafka" in client.problem("/dead-letters", 503)["detail"]


@pytest.mark.parametrize(
    ("roles", "organization", "status"),
    [
        ((Role.ADMIN,), None, 200),
        ((Role.AUDITOR,), None, 200),
        ((Role.READER,), None, 403),
        ((Role.ADMIN,), "acme", 403),
    ],
)
def test_dead_letters_are_for_those_who_see_the_whole_log(
    page: ApiClient,
    refused: Deployment,
    tmp_path_factory: pytest.TempPathFactory,
    roles: tuple[Role, ...],
    organization: str | None,
    status: int,
) -> None:
    """Whose a refused record is, nobody knows."""
    tokens = tmp_path_factory.mktemp("tokens") / "tokens.json"
    with AuditLog(refused.query) as log, api_client(log, tokens, organization="x") as client:
        assert client.tokens is not None
        secret = client.tokens.create("somebody", organization=organization, roles=roles)
        client.app.state.pipeline = page.app.state.pipeline  # type: ignore[attr-defined]
        client.headers["Authorization"] = f"Bearer {secret}"
        for path in ("/dead-letters", "/api/v1/dead-letters"):
            assert status == client.get(path).status_code


def test_value_is_found_by_one_thread_and_kept() -> None:
    """However many ask; a failure keeps the value that was known."""
    clock, calls = [0.0], []

    def find() -> int:
        calls.append(1)
        return len(calls) if len(calls) != 2 else 1 // 0

    value = BackgroundValue("value", find, fresh_seconds=10, clock=lambda: clock[0])
    assert value.read(wait_seconds=10).value == 1
    assert [value.read().value for _ in range(5)] == [1] * 5
    clock[0] = 11
    value.read()
    wait_until(lambda: value.read().failed, what="the second time fails")
    assert (value.read().value, len(calls)) == (1, 2)
