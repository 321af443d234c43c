"""What is too much for Elasticsearch, or unknown to it: told in a sentence, up front where possible."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import elasticsearch
import pytest
from audit_cli.sentences import sentence_of
from audit_producer import new_event
from audit_query import AuditLog, Filter, ParameterError, QuerySpec, TimeZoneError
from audit_query.filter import WORDS_MAX, Criteria, words_of
from audit_query.refusals import refusal_of
from audit_query.reports import users
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig
from support.log_index import log_index
from support.servers import Deployment, Servers
from support.stored_events import store

AT = datetime(2026, 11, 1, 10, tzinfo=UTC)
WORDY = " ".join(f"w{number}" for number in range(200))
EMOJI = "😀" * 501
"""Of 501 characters, and 1,002 as Java counts them."""


def refused(*causes: Mapping[str, Any]) -> elasticsearch.ApiError:
    """Return Elasticsearch's refusal of a search, with what was wrong on its shards."""
    shards = [{"shard": 0, "reason": cause} for cause in causes]
    error = {"type": "search_phase_execution_exception", "reason": "Partial shards failure"}
    meta = ApiResponseMeta(400, "1.1", HttpHeaders(), 0.1, NodeConfig("http", "127.0.0.1", 9200))
    body = {"error": {**error, "root_cause": list(causes), "failed_shards": shards}}
    return elasticsearch.BadRequestError("", meta, body)


@pytest.fixture(scope="module")
def deployment(servers: Servers) -> Iterator[Deployment]:
    """Give a log with one event."""
    with log_index(servers) as found:
        store(found, new_event("login", user={"id": "u-1", "name": "Ada"}, at=AT))
        yield found


@pytest.fixture(scope="module")
def audit_log(deployment: Deployment) -> Iterator[AuditLog]:
    """Give the client of that log."""
    with AuditLog(deployment.query) as found:
        yield found


def test_a_text_is_counted_as_elasticsearch_counts_it() -> None:
    """In UTF-16, where characters beyond the first 65,536 take two."""
    with pytest.raises(
        ParameterError, match="at most 1000 characters, where an emoji is two, not 1002"
    ):
        Criteria(text=(EMOJI,))
    with pytest.raises(ParameterError) as told:
        QuerySpec.parse([("not_text", EMOJI)])
    assert "not_text" == told.value.parameter
    Criteria(text=(EMOJI[:500], "x" * 1000))


@pytest.mark.parametrize("wanted", [5, 0], ids=["wanted", "excluded"])
def test_words_are_bounded_in_all(wanted: int) -> None:
    """Wanted and excluded ones together: a small Elasticsearch takes 1,024 clauses in one search."""
    texts = [f"{WORDY} {number}" for number in range(5)]
    with pytest.raises(ParameterError, match=f"1005 words in all; give at most {WORDS_MAX}") as told:
        Filter(text=tuple(texts[:wanted]), exclude=Criteria(text=tuple(texts[wanted:])))
    assert "text" == told.value.parameter
    Filter(text=tuple(texts[:3]))


def test_the_rest_of_a_query_has_room_beside_its_words() -> None:
    """Each text is also looked for among labels, and there are other filters."""
    assert WORDS_MAX + 200 < 1024


@pytest.mark.servers
@pytest.mark.parametrize(
    "text",
    [
        "Settings of the tenant changed, by hand (2 fields).",
        "Ünal O'Neill user_name ada@example.com 192.0.2.7 1,024.5",
        "設定を変更しました 管理者",
        "설정이 변경되었습니다",
        "การตั้งค่าถูกเปลี่ยน",
        "تم تغيير الإعدادات",
        "😀😀 ok 👩‍👩‍👧 ½ ²",
        "x" * 1000,
    ],
)
def test_no_fewer_words_are_counted_than_elasticsearch_sees(deployment: Deployment, text: str) -> None:
    """By the analyzer of the field."""
    with deployment.client() as client:
        tokens = client.indices.analyze(index=f"{deployment.name}-2026.11", field="message", text=text)
    assert len(tokens["tokens"]) <= words_of(text)


@pytest.mark.servers
def test_the_most_that_is_let_through_is_searched(audit_log: AuditLog) -> None:
    """In characters, and in words."""
    for texts in (("😀" * 500, "x" * 1000), (WORDY,) * 4, ("é " * 400,)):
        assert 0 == audit_log.count(Filter(text=texts))


@pytest.mark.servers
def test_a_time_zone_that_elasticsearch_lacks_is_named(audit_log: AuditLog) -> None:
    """Python's list may be newer than that of Elasticsearch's Java."""
    with pytest.raises(TimeZoneError, match="does not know the time zone Mars/Base") as told:
        audit_log.buckets(Filter(), interval="day", time_zone="Mars/Base")
    assert "Java" in str(told.value)


@pytest.mark.servers
def test_reports_name_the_time_zone_too(audit_log: AuditLog, monkeypatch: pytest.MonkeyPatch) -> None:
    """They ask by composite aggregations."""
    monkeypatch.setattr("audit_query.reports.windows.zone", lambda _: None)
    with pytest.raises(TimeZoneError, match="Mars/Base"):
        list(users(audit_log, Filter(), interval="day", time_zone="Mars/Base"))


def test_what_a_smaller_elasticsearch_refuses_is_told_as_what_it_is() -> None:
    """Its limits follow from its memory and its settings; some shards may have no such field."""
    cause = {"type": "too_many_nested_clauses", "reason": "maxClauseCount is set to 1024"}
    told = refusal_of(refused({"type": "query_shard_exception", "caused_by": cause}))
    assert isinstance(told, ParameterError)
    assert ("text", True) == (told.parameter, "give fewer" in told.reason)
    length = "failed to create query: The length of prefix [900] used in the Prefix Query request has "
    length += "exceeded the allowed maximum of [500]."
    told = refusal_of(refused({"type": "query_shard_exception", "reason": length}))
    assert isinstance(told, ParameterError)
    assert "at most 500 characters" in told.reason


def test_the_command_line_tells_the_cause_of_a_refusal() -> None:
    """And not that some shards failed."""
    told = sentence_of(refused({"type": "illegal_argument_exception", "reason": "no such field"}))
    assert "Elasticsearch refuses the request: 400 no such field" == told


@pytest.mark.parametrize("body", ["", None, {"error": "text"}, {"error": {"root_cause": "?"}}, {}])
def test_other_refusals_are_left_as_they_are(body: Any) -> None:
    """Whatever their form."""
    error = refused({"type": "illegal_argument_exception", "reason": "other"})
    assert refusal_of(error) is None
    error.body = body
    assert refusal_of(error) is None
