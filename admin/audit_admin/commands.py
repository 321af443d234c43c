"""`auditlog setup` and `doctor`."""

import contextlib
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer
from audit_consumer import ConsumerSettings
from audit_query import QuerySettings
from audit_runtime.terminal import Json
from rich.console import Console
from rich.markup import escape

from audit_admin.acls import add_rules, load_rules, names_of
from audit_admin.doctor import run_checks
from audit_admin.settings import SetupSettings
from audit_admin.setup import set_up

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("setup", epilog="Example: auditlog setup")(setup_command)
    app.command("doctor", epilog="Example: auditlog doctor --json")(doctor_command)


def setup_command(
    acls: Annotated[
        Path | None,
        typer.Option(
            help="Also add this file's ACLs to Kafka, such as deploy/kafka/acls.toml, and list them."
        ),
    ] = None,
    json_output: Json = False,
) -> None:
    """Create or update the topics and the index template; print what changed. Safe to repeat."""
    console, settings = Console(emoji=False), SetupSettings()
    rules = None if acls is None else load_rules(acls, names_of(ConsumerSettings()))
    changes, listed = [], []
    for change in set_up(settings):
        changes.append(change)
        if not json_output:
            console.print(escape(change), highlight=False)
    for rule, status in add_rules(settings, rules) if rules is not None else ():
        listed.append({**asdict(rule), "status": status})
        if status == "added":
            changes.append(f"{rule}")
        if not json_output:
            console.print(escape(f"{status}: {rule}"), highlight=False, soft_wrap=True)
    if json_output:
        console.print_json(data={"changes": changes} | ({"acls": listed} if rules is not None else {}))
    elif not changes:
        console.print("Nothing to change: everything is up to date")


def doctor_command(json_output: Json = False) -> None:
    """Check connections, topics, index template and privileges; say how to fix what is wrong."""
    console = Console(emoji=False)
    with console.status("Checking") if not json_output else contextlib.nullcontext():
        checks = list(run_checks(ConsumerSettings(), SetupSettings(), QuerySettings()))
    if json_output:
        console.print_json(data=[asdict(check) for check in checks])
    else:
        for check in checks:
            mark = "[green]ok[/]    " if check.ok else "[red]failed[/]"
            console.print(f"{mark}  {escape(check.subject)}: {escape(check.message)}", highlight=False)
            if check.fix:
                console.print(f"        fix: {escape(check.fix)}", highlight=False)
    if not all(check.ok for check in checks):
        raise typer.Exit(1)
