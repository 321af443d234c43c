"""`auditlog local up | down | status | reset`."""

import shlex
from typing import Annotated

import typer
from rich.console import Console

from audit_local.keycloak import settings_for
from audit_local.password import USER
from audit_local.settings import LocalSettings
from audit_local.stack import ELASTICSEARCH, KAFKA, KEYCLOAK, Server, Stack

__all__ = ["register"]

_VARIABLES = {
    KAFKA: ("AUDITLOG_KAFKA_BOOTSTRAP_SERVERS", ""),
    ELASTICSEARCH: ("AUDITLOG_ELASTICSEARCH_URL", "http://"),
}


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    local = typer.Typer(
        name="local",
        no_args_is_help=True,
        help="Run Kafka and Elasticsearch on this machine without containers, for trying things out.",
    )
    local.command(epilog="Example: auditlog local up")(up)
    local.command(epilog="Example: auditlog local down")(down)
    local.command(epilog="Example: auditlog local status --json")(status)
    local.command(epilog="Example: auditlog local reset --yes")(reset)
    app.add_typer(local)


def up(
    identity: Annotated[
        bool, typer.Option("--identity", help="Keycloak too, to try how people sign in.")
    ] = False,
) -> None:
    """Start both servers on the loopback address; download them the first time."""
    console = Console(stderr=True, emoji=False)
    stack = Stack(LocalSettings(), console)
    servers = stack.up(identity=identity)
    _show(servers)
    console.print("auditlog finds them automatically. For other programs:")
    for server in servers:
        if server.name in _VARIABLES:
            variable, scheme = _VARIABLES[server.name]
            console.print(f"export {variable}={scheme}{server.address}", highlight=False)
    if (file := stack.password_file()) is not None:
        console.print(f"export AUDITLOG_ELASTICSEARCH_USERNAME={USER}", highlight=False)
        console.print(
            f"export AUDITLOG_ELASTICSEARCH_PASSWORD_FILE={shlex.quote(str(file))}",
            highlight=False,
            soft_wrap=True,
        )
    for server in servers:
        if server.name == KEYCLOAK:
            _show_sign_in(server, console)


def _show_sign_in(server: Server, console: Console) -> None:
    """Print what lets people sign in; everything of it is for this machine alone."""
    console.print("To sign in with it, start the page with these settings:")
    for variable, value in settings_for(server.port).items():
        console.print(f"export {variable}={shlex.quote(value)}", highlight=False, soft_wrap=True)
    console.print(
        "Then run auditlog serve, and sign in as ada (analyst and lead), as ben (analyst of acme) or "
        "as eve (nothing); each one's password is their name",
        highlight=False,
        soft_wrap=True,
    )


def down() -> None:
    """Stop the servers; the data of Kafka and Elasticsearch stays."""
    console = Console(stderr=True, emoji=False)
    if not Stack(LocalSettings(), console).down():
        console.print("Nothing was running")


def status(
    json_output: Annotated[bool, typer.Option("--json", help="Print JSON, for machines.")] = False,
) -> None:
    """Show which servers are running, and where. Exits with status 1 without Kafka or Elasticsearch."""
    servers = Stack(LocalSettings(), Console(stderr=True, emoji=False)).status()
    if json_output:
        Console(emoji=False).print_json(
            data=[{"name": s.name, "address": s.address, "pid": s.process.pid} for s in servers]
        )
    elif servers:
        _show(servers)
    else:
        Console(emoji=False).print("Nothing is running. Start it with: auditlog local up")
    if not {KAFKA, ELASTICSEARCH} <= {server.name for server in servers}:
        raise typer.Exit(1)


def reset(
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")] = False,
) -> None:
    """Stop the servers and delete their data; the downloads stay."""
    settings = LocalSettings()
    if not yes:
        typer.confirm(f"Delete all data in {settings.home}?", abort=True)
    console = Console(stderr=True, emoji=False)
    if Stack(settings, console).reset():
        console.print(f"Deleted the servers' data in {settings.home}", highlight=False)
    else:
        console.print(f"Nothing to delete in {settings.home}", highlight=False)


def _show(servers: list[Server]) -> None:
    for server in servers:
        Console(emoji=False).print(f"{server.name} is running on {server.address}", highlight=False)
