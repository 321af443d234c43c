"""`auditlog alerts list`, `show`, and the steps of triage."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Annotated, Literal

import typer
from audit_query import zone
from audit_runtime.terminal import Json, new_console, print_json
from audit_schemas import printable

from audit_alerts.desk.alert import AlertStatus, CloseReason
from audit_alerts.desk.alert_filter import AlertFilter
from audit_alerts.desk.command_line import acting, moment, opened_desk
from audit_alerts.desk.desk import AlertDesk, Triaged
from audit_alerts.desk.exception_commands import register_exceptions
from audit_alerts.desk.tables import ID_SHOWN, alert_lines, alerts_table
from audit_alerts.desk.triage import Step, TriageStep
from audit_alerts.errors import TriageError

__all__ = ["register_desk"]

Ids = Annotated[list[str], typer.Argument(metavar="ALERT...", help="Ids, or how they begin.")]
Note = Annotated[str | None, typer.Option("--note", help="What else there is to say.")]
Who = Annotated[str | None, typer.Option("--who", help="Who acts; by default this account.")]


def register_desk(alerts: typer.Typer) -> None:
    """Add the commands of the desk."""
    alerts.command("list", epilog="Example: auditlog alerts list --level high --from -7d")(list_alerts)
    alerts.command(epilog="Example: auditlog alerts show 5a1a91fe9c")(show)
    alerts.command(epilog='Example: auditlog alerts acknowledge 5a1a91fe9c --note "I look"')(
        acknowledge
    )
    alerts.command(epilog="Example: auditlog alerts assign 5a1a91fe9c --to ada")(assign)
    alerts.command(epilog="Example: auditlog alerts close 5a1a91fe9c --reason false-positive")(close)
    alerts.command(epilog="Example: auditlog alerts reopen 5a1a91fe9c")(reopen)
    alerts.command(epilog='Example: auditlog alerts note 5a1a91fe9c --note "his phone"')(note)
    register_exceptions(alerts)


def list_alerts(
    level: Annotated[list[str] | None, typer.Option(help="critical to informational.")] = None,
    status: Annotated[
        list[AlertStatus] | None, typer.Option(help="Open and acknowledged, if left out.")
    ] = None,
    rule: Annotated[list[str] | None, typer.Option(help="A rule's name.")] = None,
    address: Annotated[list[str] | None, typer.Option(help="An address or CIDR range.")] = None,
    user: Annotated[list[str] | None, typer.Option(help="A user.")] = None,
    assignee: Annotated[list[str] | None, typer.Option(help="Whose; none: nobody's.")] = None,
    org: Annotated[list[str] | None, typer.Option(help="An organization of the evidence.")] = None,
    start: Annotated[str | None, typer.Option("--from", help="With evidence since: -7d.")] = None,
    end: Annotated[str | None, typer.Option("--to", help="That began before then.")] = None,
    order: Annotated[Literal["newest", "worst"], typer.Option(help="What comes first.")] = "newest",
    size: Annotated[int, typer.Option(min=1, max=500, help="How many, at most.")] = 50,
    json_output: Json = False,
) -> None:
    """List alerts. Each filter may be repeated: any of its values."""
    with opened_desk() as (desk, settings):
        wanted = AlertFilter(
            levels=level or (),
            rules=rule or (),
            statuses=status or (AlertStatus.OPEN, AlertStatus.ACKNOWLEDGED),
            addresses=address or (),
            users=user or (),
            assignees=assignee or (),
            organizations=org or (),
            start=moment(start, settings),
            end=moment(end, settings),
        )
        page = desk.alerts(wanted, size=size, order=order)
    if json_output:
        for alert in page.alerts:
            print_json(alert.to_json())
        return
    console = new_console()
    if page.alerts:
        console.print(alerts_table(page.alerts, zone(settings.time_zone), settings.time_zone))
    console.print(f"{len(page.alerts)} of {page.total:,} alerts", highlight=False)


def show(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or how it begins.")],
    json_output: Json = False,
) -> None:
    """Show an alert: its episodes, what was done about it, and what to do."""
    with opened_desk() as (desk, settings):
        alert = desk.alert(desk.full_id(alert_id))
    if json_output:
        print_json(alert.to_json())
        return
    console = new_console()
    for line in alert_lines(alert, zone(settings.time_zone)):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def acknowledge(ids: Ids, note: Note = None, who: Who = None, json_output: Json = False) -> None:
    """Take alerts on; those that are nobody's are yours from then on."""
    _take(ids, TriageStep(Step.ACKNOWLEDGE, note), who, json_output=json_output)


def assign(
    ids: Ids,
    to: Annotated[str | None, typer.Option("--to", help="To whom.")] = None,
    nobody: Annotated[bool, typer.Option("--nobody", help="Take it from whoever has it.")] = False,
    note: Note = None,
    who: Who = None,
    json_output: Json = False,
) -> None:
    """Give alerts to somebody."""
    if (to is None) != nobody:
        raise typer.BadParameter("give either --to or --nobody", param_hint="--to")
    _take(ids, TriageStep(Step.ASSIGN, note, assignee=to), who, json_output=json_output)


def close(
    ids: Ids,
    reason: Annotated[CloseReason, typer.Option(help="Why.")],
    note: Note = None,
    duplicate_of: Annotated[
        str | None,
        typer.Option(
            "--duplicate-of", help="The alert that says the same, by its id, or how it begins."
        ),
    ] = None,
    who: Who = None,
    json_output: Json = False,
) -> None:
    """Close alerts; new evidence opens them again."""
    step = TriageStep(Step.CLOSE, note, reason=reason, duplicate_of=duplicate_of)
    _take(ids, step, who, json_output=json_output)


def reopen(ids: Ids, note: Note = None, who: Who = None, json_output: Json = False) -> None:
    """Open alerts again that were closed or acknowledged."""
    _take(ids, TriageStep(Step.REOPEN, note), who, json_output=json_output)


def note(
    ids: Ids,
    note: Annotated[str, typer.Option("--note", help="The note.")],
    who: Who = None,
    json_output: Json = False,
) -> None:
    """Add a note to alerts."""
    _take(ids, TriageStep(Step.NOTE, note), who, json_output=json_output)


def _take(ids: Sequence[str], step: TriageStep, who: str | None, *, json_output: bool) -> None:
    """Take the step on each, and say what came of it. Exit status 1 if it failed for one."""
    with opened_desk(triages=True) as (desk, _):
        if step.duplicate_of is not None:
            step = replace(step, duplicate_of=desk.full_id(step.duplicate_of))
        done = list(_each(desk, ids, step, who))
    for each in done:
        if json_output:
            print_json(_fields(each))
        else:
            new_console().print(printable(_said(each, step)), markup=False, highlight=False)
    if any(each.error for each in done):
        raise typer.Exit(1)


def _each(desk: AlertDesk, ids: Sequence[str], step: TriageStep, who: str | None) -> Iterable[Triaged]:
    for text in dict.fromkeys(ids):
        try:
            yield desk.triage(desk.full_id(text), step, acting(who))
        except TriageError as error:
            yield Triaged(text, None, error=error)


def _said(done: Triaged, step: TriageStep) -> str:
    if done.alert is None:
        return f"{done.id[:ID_SHOWN]}: {done.error}"
    unrecorded = "" if done.is_recorded else "; its event could not be published"
    what = done.alert.history[-1].action if done.alert.history else step.step.value
    return f"{done.id[:ID_SHOWN]}: {what}{unrecorded}"


def _fields(done: Triaged) -> dict[str, object]:
    return {
        "id": done.id,
        "error": None if done.error is None else str(done.error),
        "recorded": done.is_recorded,
        "alert": None if done.alert is None else done.alert.to_json(),
    }
