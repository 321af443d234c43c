"""Exceptions from rules as the runner reads them: all of a rule's, however many were made since."""

from datetime import timedelta
from typing import Any

from audit_alerts.desk.exception_store import ExceptionStore
from audit_alerts.desk.rule_exception import ExceptionDraft, RuleException
from support.alert_runner import at


class Stored:
    """An index of exceptions, sorted as they are asked for: the latest first."""

    def __init__(self, exceptions: list[RuleException]) -> None:
        self.documents = [each.to_json() for each in reversed(exceptions)]
        self.indices = self

    def refresh(self, **_: Any) -> None:
        """Do nothing."""

    def search(self, *, size: int, search_after: Any = (0,), **_: Any) -> dict[str, Any]:
        """Return a page."""
        begin = search_after[0]
        page = enumerate(self.documents[begin : begin + size], begin + 1)
        return {"hits": {"hits": [{"_source": each, "sort": [n]} for n, each in page]}}


def test_old_exception_holds_whatever_was_made_since() -> None:
    """Somebody makes one for an hour, again and again: those that are over are read, too."""
    drafts = [
        ExceptionDraft("brute-force", "r-1", {"source.ip": f"192.0.2.{n % 250}"}, at(n), "our scanner")
        for n in range(2000)
    ]
    drafts[0] = ExceptionDraft("brute-force", "r-1", {"audit.user": "Ada"}, at(10**6), "herself")
    made = [
        RuleException(f"{n:016}", draft, "ben", at(n) - timedelta(hours=1))
        for n, draft in enumerate(drafts)
    ]
    client: Any = Stored(made)
    found = ExceptionStore(client, "alerts").for_rule("r-1")
    assert [each.id for each in found] == [each.id for each in reversed(made)]
    assert found[-1].is_in_force(at(5000))
