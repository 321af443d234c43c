"""`auditlog retention`."""

import contextlib
import getpass
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, date, datetime
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings, EventIndex, SetupFaultError
from audit_producer import AuditProducer, PublishError
from audit_producer.publishing import PublisherSettings
from audit_runtime.elastic import connect
from audit_runtime.terminal import Json, print_json, print_lines, report_progress
from rich.console import Console
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Table

from audit_admin.indices.inventory import IndexInfo
from audit_admin.indices.lifecycle import set_lifecycle
from audit_admin.indices.retention import Decision, RetentionPlan, RetentionPolicy, delete, evaluate
from audit_admin.indices.seal_guard import SealGuard
from audit_admin.settings import SetupSettings

__all__ = ["account_name", "register"]

_EXAMPLE = (
    "Example: auditlog retention --keep-months 24; then add --delete --yes --as NAME to delete them"
)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("retention", epilog=_EXAMPLE)(retention_command)


def retention_command(
    keep_months: Annotated[
        int | None,
        typer.Option(min=1, max=1200, help="Months to keep an index after its period has ended."),
    ] = None,
    keep_days: Annotated[
        int | None,
        typer.Option(min=1, max=36500, help="Days to keep it after its period has ended, instead."),
    ] = None,
    delete_expired: Annotated[
        bool, typer.Option("--delete", help="Delete expired indices; without it, only show them.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask before deleting; for scheduled jobs.")
    ] = False,
    who: Annotated[
        str | None,
        typer.Option("--as", help="User to record in the audit event; default: this account."),
    ] = None,
    ilm: Annotated[
        bool,
        typer.Option(
            "--ilm", help="Let Elasticsearch delete (ILM): store the policy and set it on all indices."
        ),
    ] = False,
    json_output: Json = False,
) -> None:
    """Show the indices with their age and size; delete those that a retention policy has expired.

    Only whole indices are deleted, by the end of the month or day in their name. Never deleted are: the
    current index, an index that matches the prefix but is not ours, and an index of which Kafka still
    holds events (a replay would bring it back, and verify would report its events as missing). Each
    deletion is recorded in the log first (audit-log-deleted); if that event can't be published, nothing
    is deleted. Sealed events are retired first: the sealer states it with its next checkpoint, and the
    next run deletes them. The index of alerts and the dead-letter topic are not touched.
    """
    policy = _policy(keep_months, keep_days, required=delete_expired or ilm)
    settings = ConsumerSettings()
    index = EventIndex(settings, settings.request_seconds)
    naming = index.naming()
    index.close()
    with (
        report_progress(hidden=json_output) as report,
        connect(settings, seconds=settings.request_seconds) as client,
    ):
        guard = SealGuard(settings, report)
        if ilm and policy is not None:
            if guard.is_sealed:
                raise SetupFaultError(
                    "The log is sealed, and ILM would delete what is not stated as retired. Schedule "
                    f"this instead: auditlog retention {policy} --delete --yes"
                )
            done = set_lifecycle(client, naming, SetupSettings(), policy)
            print_json({"done": done}) if json_output else print_lines(*done)
            return
        plan = evaluate(client, naming, settings, policy, datetime.now(UTC).date(), guard.kept_because)
        if not json_output:
            _show(plan, policy)
        deleted: list[IndexInfo] = []
        ending = [d for d in plan.decisions if d.is_deletion or d.info.index in guard.unretired]
        if delete_expired and policy and ending and _is_confirmed(ending, yes=yes):
            with _recording(who or account_name(), policy) as record:
                for info in delete(client, naming, plan.deletions, record):
                    deleted.append(info)
                    if not json_output:
                        print_lines(f"deleted {info.index}")
            for name in guard.unretired:
                events = guard.retire(name)
                if not json_output:
                    print_lines(f"asked the sealer to state that {name} is retired: {events:,} events")
        if json_output:
            print_json(_as_json(plan, policy, deleted))


def account_name() -> str:
    """Return the name of this account, or its number where it has none, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def _policy(months: int | None, days: int | None, *, required: bool) -> RetentionPolicy | None:
    if months is not None and days is not None:
        raise typer.BadParameter("use either --keep-months or --keep-days, not both")
    if months is None and days is None:
        if required:
            raise typer.BadParameter("say how long to keep events: --keep-months or --keep-days")
        return None
    return RetentionPolicy(months or 0, days or 0)


def _is_confirmed(deletions: Sequence[Decision], *, yes: bool) -> bool:
    if yes:
        return True
    if not sys.stdin.isatty():
        raise SetupFaultError(
            "Deleting needs confirmation, and this is not a terminal: add --yes to confirm"
        )
    events = sum(decision.info.documents or 0 for decision in deletions)
    return typer.confirm(
        f"Permanently delete {len(deletions)} indices with {events:,} events?", err=True
    )


@contextlib.contextmanager
def _recording(who: str, policy: RetentionPolicy) -> Iterator[Callable[[IndexInfo, str | None], None]]:
    """Give what records a deletion in the log. It returns when Kafka has acknowledged the event."""
    with AuditProducer(PublisherSettings()) as audit:
        audit.check()

        def record(info: IndexInfo, failure: str | None) -> None:
            audit.audit_log_deleted(
                user={"name": who},
                outcome="failure" if failure else None,
                reason=failure,
                service="auditlog-retention",
                labels={
                    "index": info.index,
                    "from": str(info.begin),
                    "before": str(info.end),
                    "events": str(info.documents),
                    "bytes": str(info.bytes),
                    "policy": str(policy),
                },
            )
            if audit.flush() or audit.counts.undelivered:
                raise PublishError(
                    f"Index {info.index} was not deleted: Kafka did not accept the event about it"
                )

        yield record


def _show(plan: RetentionPlan, policy: RetentionPolicy | None) -> None:
    table = Table("Index", "Period", "Age", box=None, pad_edge=False)
    for heading in ("Events", "Size"):
        table.add_column(heading, justify="right")
    table.add_column("" if policy is None else f"With {policy}")
    today = datetime.now(UTC).date()
    for decision in plan.decisions:
        info = decision.info
        table.add_row(
            escape(info.index),
            f"{info.begin} to {info.end}",
            _age(info.end, today),
            "closed" if info.documents is None else f"{info.documents:,}",
            "" if info.bytes is None else decimal(info.bytes),
            escape(_outcome(decision)) if policy else _note(info),
        )
    for index in plan.foreign:
        table.add_row(escape(index), "", "", "", "", "not managed by auditlog")
    Console(emoji=False).print(table)


def _age(end: date, today: date) -> str:
    return "current" if end > today else f"{(today - end).days:,} days"


def _note(info: IndexInfo) -> str:
    return "" if info.is_live else "copy made or kept by reindex"


def _outcome(decision: Decision) -> str:
    if decision.is_deletion:
        return "delete" if decision.info.is_live else "delete (copy)"
    return f"keep: {decision.kept_because}" if decision.kept_because else "keep"


def _as_json(
    plan: RetentionPlan, policy: RetentionPolicy | None, deleted: Sequence[IndexInfo]
) -> dict[str, object]:
    rows = [
        {
            "index": decision.info.index,
            "name": decision.info.name,
            "from": str(decision.info.begin),
            "before": str(decision.info.end),
            "documents": decision.info.documents,
            "bytes": decision.info.bytes,
            "live": decision.info.is_live,
            "expired": decision.is_expired,
            "kept_because": decision.kept_because or None,
            "deleted": decision.info in deleted,
        }
        for decision in plan.decisions
    ]
    return {"policy": str(policy) if policy else None, "indices": rows, "foreign": list(plan.foreign)}
