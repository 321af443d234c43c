"""`auditlog alerts except` and `exceptions`."""

from datetime import UTC, datetime
from typing import Annotated

import typer
from audit_query import zone
from audit_runtime.terminal import Json, new_console, print_json
from audit_schemas import printable

from audit_alerts.desk.address_range import WIDEST
from audit_alerts.desk.command_line import acting, opened_desk
from audit_alerts.desk.exception_desk import ExceptionPreview, ExceptionStep, ListedException
from audit_alerts.desk.exception_end import parse_end
from audit_alerts.desk.tables import alerts_table, exceptions_table

__all__ = ["register_exceptions"]

Who = Annotated[str | None, typer.Option("--who", help="Who acts; by default this account.")]


def register_exceptions(alerts: typer.Typer) -> None:
    """Add the commands."""
    alerts.command(
        "except",
        epilog='Example: auditlog alerts except 5a1a91fe9c --by source.ip --until 7d --because "ours"',
    )(make_exception)
    alerts.command(epilog="Example: auditlog alerts exceptions --end 3f8a0c1b2a3d4e5f")(exceptions)


def make_exception(
    alert_id: Annotated[str, typer.Argument(metavar="ALERT", help="Its id, or how it begins.")],
    until: Annotated[str, typer.Option(help="When it ends: 7d, 2027-01-31.")],
    because: Annotated[str, typer.Option(help="Why there is one.")],
    by: Annotated[
        list[str] | None,
        typer.Option("--by", help="Fields of the alert's group it is for; all, if left out."),
    ] = None,
    address_range: Annotated[
        str | None,
        typer.Option(
            "--range",
            help=f"In place of the alert's own address, a range with it: 192.0.2.0/24; /{WIDEST[4]} at "
            f"most, IPv6 /{WIDEST[6]}.",
        ),
    ] = None,
    preview: Annotated[
        bool, typer.Option("--preview", help="Only show what it would have suppressed in 30 days.")
    ] = False,
    who: Who = None,
    json_output: Json = False,
) -> None:
    """Make an exception: not this address, range, user or group for this alert's rule, until then.

    Its alerts are stored as suppressed, counted, and delivered to nobody. Once it is over, the rule
    fires again.
    """
    with opened_desk(triages=not preview) as (desk, settings):
        alert = desk.alert(desk.full_id(alert_id))
        end = parse_end(until, datetime.now(UTC).astimezone(zone(settings.time_zone)))
        draft = desk.exceptions.draft(
            alert, by or (), until=end, because=because, address_range=address_range
        )
        shown = desk.exceptions.preview(draft)
        if preview:
            _print_preview(shown, settings.time_zone, json_output=json_output)
            return
        done = desk.exceptions.create(draft, acting(who), alert)
    count = f"{len(shown.alerts)}{'' if shown.is_complete else ' or more'}"
    said = f"would have suppressed {count} alerts of the last 30 days"
    _print_step(done, f"{draft.rule}: {draft.words}, {said}", json_output=json_output)


def exceptions(
    end: Annotated[str | None, typer.Option("--end", help="End this one now.")] = None,
    who: Who = None,
    json_output: Json = False,
) -> None:
    """List exceptions from rules, with who made each and what it has suppressed; or end one."""
    with opened_desk(triages=end is not None) as (desk, settings):
        if end is not None:
            done = desk.exceptions.end(end, acting(who))
            _print_step(done, f"{done.exception.draft.rule} fires again", json_output=json_output)
            return
        listed = desk.exceptions.listed()
    if json_output:
        for each in listed:
            print_json(_fields(each))
        return
    console = new_console()
    if listed:
        console.print(exceptions_table(listed, zone(settings.time_zone), settings.time_zone))
    in_force = sum(each.is_in_force for each in listed)
    console.print(f"{len(listed)} exceptions, {in_force} in force", highlight=False)


def _print_preview(shown: ExceptionPreview, zone_name: str, *, json_output: bool) -> None:
    if json_output:
        for alert in shown.alerts:
            print_json(alert.to_json())
        return
    console = new_console()
    if shown.alerts:
        console.print(alerts_table(shown.alerts, zone(zone_name), zone_name))
    console.print(f"{len(shown.alerts)} alerts of 30 days would have been suppressed", highlight=False)


def _print_step(done: ExceptionStep, said: str, *, json_output: bool) -> None:
    if json_output:
        print_json({**done.exception.to_json(), "recorded": done.is_recorded})
        return
    unrecorded = "" if done.is_recorded else "; its event could not be published"
    text = printable(f"exception {done.exception.id}: {said}{unrecorded}")
    new_console().print(text, markup=False, highlight=False, soft_wrap=True)


def _fields(each: ListedException) -> dict[str, object]:
    suppressed = {"alerts": each.alerts, "events": each.events}
    return {
        **each.exception.to_json(),
        "in_force": each.is_in_force,
        "suppressed": suppressed,
    }
