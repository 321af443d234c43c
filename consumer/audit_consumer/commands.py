"""`auditlog consume`, `setup` and `doctor`; the other modules of this kind are put in here."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.markup import escape

from audit_consumer import letters, proof, status_commands, upkeep
from audit_consumer.acls import allow, load_rules, names_of
from audit_consumer.assignment import Start
from audit_consumer.doctor import examine
from audit_consumer.log import configure_logging
from audit_consumer.service import run_consumer
from audit_consumer.settings import ConsumerSettings, SetupSettings
from audit_consumer.setup import set_up

__all__ = ["register"]

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    app.command("setup", epilog="Example: auditlog setup")(setup_command)
    app.command("doctor", epilog="Example: auditlog doctor --json")(doctor_command)
    app.command("consume", epilog="Example: auditlog consume --start earliest")(consume_command)
    status_commands.register(app)
    proof.register(app)
    letters.register(app)
    upkeep.register(app)


def setup_command(
    acls: Annotated[
        Path | None,
        typer.Option(
            help="Add this file's access rules to Kafka, such as deploy/kafka/acls.toml; list them all."
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Create the topics and the index template; say what was changed. Safe to run again."""
    console, settings = Console(emoji=False), SetupSettings()
    rules = None if acls is None else load_rules(acls, names_of(ConsumerSettings()))
    changes, listed = [], []
    for change in set_up(settings):
        changes.append(change)
        if not json_output:
            console.print(escape(change), highlight=False)
    for rule, done in allow(settings, rules) if rules is not None else ():
        listed.append({**asdict(rule), "done": done})
        if done == "added":
            changes.append(f"{rule}")
        if not json_output:
            console.print(escape(f"{done}: {rule}"), highlight=False, soft_wrap=True)
    if json_output:
        console.print_json(data={"changes": changes} | ({"acls": listed} if rules is not None else {}))
    elif not changes:
        console.print("Nothing to change: all is as it should be")


def doctor_command(json_output: Json = False) -> None:
    """Say in words what is wrong with connections, topics, template and privileges."""
    findings = []
    console = Console(emoji=False)
    with console.status("Examining") if not json_output else contextlib.nullcontext():
        findings = list(examine(ConsumerSettings(), SetupSettings()))
    if json_output:
        console.print_json(
            data=[
                {"subject": f.subject, "ok": f.is_well, "says": f.says, "mend": f.mend}
                for f in findings
            ]
        )
    else:
        for finding in findings:
            mark = "[green]ok[/]   " if finding.is_well else "[red]wrong[/]"
            console.print(f"{mark}  {escape(finding.subject)}: {escape(finding.says)}", highlight=False)
            if finding.mend:
                console.print(f"       -> {escape(finding.mend)}", highlight=False)
    if not all(finding.is_well for finding in findings):
        raise typer.Exit(1)


def consume_command(
    start: Annotated[
        Start | None,
        typer.Option(help="Where a group starts that has no offset yet; else it has no effect."),
    ] = None,
    skip_expired: Annotated[
        bool,
        typer.Option(
            "--skip-expired", help="Go on where records expired unread; the lost range is logged."
        ),
    ] = False,
) -> None:
    """Validate events from Kafka and index them into Elasticsearch, until SIGTERM or Ctrl-C.

    Refused records go to the dead-letter topic with the reason. Only what is settled is committed.
    """
    settings = ConsumerSettings()
    configure_logging(settings.log_format)
    run_consumer(settings, start=start, skip_expired=skip_expired)
