"""Names that look alike: one user if they are the same text in other forms, else told apart."""

from datetime import UTC, datetime

import pytest
from audit_producer import new_event
from audit_query import AuditLog, Filter
from support.servers import Deployment
from support.stored_events import store

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)
COMPOSED, DECOMPOSED = "Jos\xe9", "Jose\u0301"


@pytest.mark.servers
def test_forms_of_a_name_are_one_user_and_hidden_characters_another(deployment: Deployment) -> None:
    """Counted, suggested and found, however it is typed."""
    names = (COMPOSED, DECOMPOSED, "Ada", "Ada\u200b")
    store(deployment, *(new_event("login", user={"name": name}, at=NOW) for name in names))
    with AuditLog(deployment.query, clock=lambda: NOW) as log:
        assert {(COMPOSED, 2), ("Ada", 1), ("Ada\\u200b", 1)} == {
            (row.value, row.count) for row in log.top(Filter(), "user")
        }
        asked = (COMPOSED, DECOMPOSED, "Ada", "Ada\u200b", "Ada\\u200b")
        assert [2, 2, 1, 1, 1] == [log.count(Filter(users=(name,))) for name in asked]
        assert [COMPOSED] == log.suggest("user", "Jose\u0301")
        assert {"Ada", "Ada\\u200b"} == {*log.suggest("user", "ada")}
