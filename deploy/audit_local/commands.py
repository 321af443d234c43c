"""`auditlog local up | down | status | reset`."""

import shlex
from typing import Annotated

import typer
from rich.console import Console

from audit_local.keycloak import settings_for
from audit_local.password import USER
from audit_local.server import ELASTICSEARCH, KAFKA, KEYCLOAK, Server, addresses
from audit_local.settings import LocalSettings
from audit_local.stack import Stack

__all__ = ["register"]

_VARIABLES = {
    KAFKA: "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS",
    ELASTICSEARCH: "AUDITLOG_ELASTICSEARCH_URL",
}


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    local = typer.Typer(
        name="local",
        no_args_is_help=True,
        help="Run Kafka and Elasticsearch on this machine without containers, for trying things out.",
    )
    local.command(epilog="Example: auditlog local up --brokers 3 --nodes 3")(up)
    local.command(epilog="Example: auditlog local down")(down)
    local.command(epilog="Example: auditlog local status --json")(status)
    local.command(epilog="Example: auditlog local reset --yes")(reset)
    app.add_typer(local)


def _has_a_majority(number: int | None) -> int | None:
    """Raise BadParameter for a number of servers that can't go on without one, or has no use."""
    if number not in (None, 1, 3):
        raise typer.BadParameter("must be 1 or 3: two of them can't decide which one is away")
    return number


def up(
    identity: Annotated[
        bool, typer.Option("--identity", help="Keycloak too, to try how people sign in.")
    ] = False,
    brokers: Annotated[
        int | None,
        typer.Option(
            callback=_has_a_majority, help="Brokers of Kafka, 1 or 3; by default as before, or 1."
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(
            callback=_has_a_majority, help="Nodes of Elasticsearch, 1 or 3; by default as before, or 1."
        ),
    ] = None,
) -> None:
    """Start Kafka and Elasticsearch on the loopback address; download them the first time."""
    console = Console(stderr=True, emoji=False)
    stack = Stack(LocalSettings(), console)
    servers = stack.up(identity=identity, brokers=brokers, nodes=nodes)
    _show(servers)
    console.print("auditlog finds them automatically. For other programs:")
    for name, variable in _VARIABLES.items():
        console.print(f"export {variable}={addresses(servers, name)}", highlight=False, soft_wrap=True)
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
    """Show which servers are running, and where.

    Exits with status 1 unless each server of Kafka and of Elasticsearch is.
    """
    stack = Stack(LocalSettings(), Console(stderr=True, emoji=False))
    servers = stack.status()
    if json_output:
        Console(emoji=False).print_json(
            data=[
                {
                    "name": server.name,
                    "number": server.number,
                    "address": server.address,
                    "pid": server.process.pid,
                }
                for server in servers
            ]
        )
    elif servers:
        _show(servers)
    else:
        Console(emoji=False).print("Nothing is running. Start it with: auditlog local up")
    needed = {(KAFKA, 1), (ELASTICSEARCH, 1)}
    needed |= {(server.name, server.number) for server in stack.known() if server.name in _VARIABLES}
    if not needed <= {(server.name, server.number) for server in servers}:
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
        Console(emoji=False).print(f"{server.title} is running on {server.address}", highlight=False)
