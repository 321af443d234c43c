"""The two ways of asking in the bench send the same: else their times would compare nothing."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import elasticsearch
import pytest
from audit_query import AuditLog, QuerySettings
from audit_runtime.hits import NO_HITS

from benchmarks.questions import KINDS, Kind, Material

MATERIAL = Material(("Ada", "Ben"), ("0123456789abcdef",), datetime(2026, 11, 1, tzinfo=UTC))

ANSWER = {
    "hits": {"total": {"value": 0}, "hits": []},
    "aggregations": {
        "ranking": {
            "doc_count_error_upper_bound": 0,
            "buckets": [
                {"key": key, "doc_count": 1, "over_time": {"buckets": []}}
                for key in (
                    *("chat-answered", "chat-assigned-to-user", "chat-closed", "chat-opened"),
                    *("login", "login-failed", "logout", "role-granted", "settings-changed"),
                    "user-joined-to-chat",
                )
            ],
        },
        "over_time": {"buckets": []},
    },
}


@dataclass(frozen=True)
class _Answered:
    body: object


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_module_sends_what_is_written_by_hand(kind: Kind, monkeypatch: pytest.MonkeyPatch) -> None:
    """Request by request; only that a half answer is refused stands in the module's alone."""
    sent: list[dict[str, Any]] = []
    partial: list[bool] = []

    def search(_: object, **body: Any) -> _Answered:
        partial.append(body.pop("allow_partial_search_results"))
        sent.append(
            {name: value for name, value in body.items() if name != "index" and value is not None}
        )
        return _Answered(NO_HITS if "source_includes" in body else ANSWER)

    monkeypatch.setattr(elasticsearch.Elasticsearch, "search", search)
    with AuditLog(QuerySettings()) as log:
        kind.ask(log, MATERIAL, 7)
    assert partial == [False] * len(sent)
    assert sent == kind.write(MATERIAL, 7)
