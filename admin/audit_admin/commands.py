"""`auditlog setup` and `doctor`; the commands of the subpackages are registered here too."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings
from audit_runtime.terminal import Json
from rich.console import Console
from rich.markup import escape

from audit_admin import dead_letters, importing, indices, status_commands, verification
from audit_admin.acls import allow, load_rules, names_of
from audit_admin.doctor import examine
from audit_admin.settings import SetupSettings
from audit_admin.setup import set_up

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    importing.register(app)
    app.command("setup", epilog="Example: auditlog setup")(setup_command)
    app.command("doctor", epilog="Example: auditlog doctor --json")(doctor_command)
    status_commands.register(app)
    verification.register(app)
    dead_letters.register(app)
    indices.register(app)


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
