"""Whether the lists of a deployment can be used, and for how long."""

from collections.abc import Iterator
from datetime import datetime

from audit_query import QuerySettings
from audit_runtime import ListFolder, ReferenceList

from audit_admin.check import Check

__all__ = ["reference_list_checks"]


def reference_list_checks(settings: QuerySettings, now: datetime) -> Iterator[Check]:
    """Yield a check for each list of AUDITLOG_LISTS and AUDITLOG_DENIED_RANGES; reads them all."""
    found = ListFolder(settings.lists, settings.denied_ranges).current()
    for name, each in sorted(found.lists.items()):
        yield _list(name, each, now)
    for name, problem in sorted(found.problems.items()):
        subject = f"list {name}" if name else "lists"
        yield Check(subject, False, problem, "Correct it; filters and rules that name it don't work")


def _list(name: str, found: ReferenceList, now: datetime) -> Check:
    subject = f"list {name}"
    entries = f"{len(found.networks) + len(found.numbers) + len(found.names):,} entries"
    if found.expires is None:
        return Check(subject, True, entries)
    until = f"valid until {found.expires:%Y-%m-%d %H:%M} UTC"
    if found.is_valid(now):
        return Check(subject, True, f"{entries}, {until}")
    return Check(
        subject,
        False,
        f"was {until}; filters and rules that name it don't work",
        "Put a newer one there; it is read without a restart",
    )
