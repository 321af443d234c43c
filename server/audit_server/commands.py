"""`auditlog serve`, `auditlog tokens` and `auditlog sessions`."""

import sys
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from audit_runtime.terminal import Json, new_console, print_json
from rich.markup import escape
from rich.table import Table

from audit_server.errors import ListenError, TokenFileError
from audit_server.expiry import parse_expiry
from audit_server.roles import Role
from audit_server.session_commands import register_sessions
from audit_server.settings import ServeSettings
from audit_server.tokens import Token, TokenFile

__all__ = ["register"]

File = Annotated[
    Path | None, typer.Option("--file", help="The tokens file, instead of AUDITLOG_TOKENS_FILE.")
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("serve", epilog="Example: auditlog serve --port 8484")(serve_command)
    tokens = typer.Typer(no_args_is_help=True, help="Tokens: who may query the log over HTTP.")
    tokens.command(
        "create", epilog="Example: auditlog tokens create ada --organization acme --expires 90d"
    )(create_command)
    tokens.command("list", epilog="Example: auditlog tokens list --json")(list_command)
    tokens.command("revoke", epilog="Example: auditlog tokens revoke ada")(revoke_command)
    app.add_typer(tokens, name="tokens")
    register_sessions(app)


def serve_command(
    host: Annotated[
        str | None, typer.Option(help="Address to listen on, instead of AUDITLOG_SERVE_HOST.")
    ] = None,
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="Port, instead of AUDITLOG_SERVE_PORT; 0: a free one."),
    ] = None,
    plain_text: Annotated[
        bool,
        typer.Option("--plain-text", help="Listen without TLS, behind a proxy that ends it."),
    ] = False,
) -> None:
    """Serve the Audit Logs page and the HTTP API, until SIGTERM or Ctrl-C.

    On the loopback address anyone on this machine has access. Elsewhere it requires tokens, and TLS.
    """
    if find_spec("fastapi") is None or find_spec("uvicorn") is None:
        raise ListenError("The server needs an extra: pip install '.[web]' in a clone")
    from audit_runtime.logs import configure_logging  # noqa: PLC0415 - an extra

    from audit_server.serve import serve  # noqa: PLC0415

    settings = ServeSettings()
    given = {"serve_host": host, "serve_port": port}
    settings = settings.model_copy(update={k: v for k, v in given.items() if v is not None})
    configure_logging(settings.log_format)
    serve(settings, plain_text=plain_text, on_start=_print_address)


def create_command(
    name: Annotated[str, typer.Argument(help="Whose it is, or what for; it appears in the log.")],
    organization: Annotated[
        str | None, typer.Option(help="The one organization whose events it sees; all, if left out.")
    ] = None,
    roles: Annotated[
        list[Role] | None,
        typer.Option(
            "--role",
            help="What it may do; may be repeated. Events, exports and reports, if left out.",
        ),
    ] = None,
    expires: Annotated[
        str | None,
        typer.Option(help="When: 90d, 12h, or a date such as 2027-01-31; never, if left out."),
    ] = None,
    file: File = None,
) -> None:
    """Create a token and print it, this once: only its hash is kept."""
    tokens = _tokens(file)
    end = parse_expiry(expires, datetime.now(UTC)) if expires is not None else None
    secret = tokens.create(name, organization=organization, roles=roles, expires=end)
    sys.stdout.write(secret + "\n")


def list_command(
    file: File = None,
    json_output: Json = False,
) -> None:
    """List the tokens: name, organization, roles, when made, when they expire."""
    listed = _tokens(file).tokens()
    if json_output:
        rows = [token.model_dump(mode="json", exclude={"sha256"}) for token in listed]
        print_json(rows)
        return
    console = new_console()
    if not listed:
        console.print("There are no tokens; make one with: auditlog tokens create NAME")
        return
    table = Table("Name", "Organization", "Roles", "Created", "Expires", box=None)
    for token in listed:
        table.add_row(
            escape(token.name),
            escape(token.organization or "(all)"),
            ", ".join(token.roles or ("(none)",)),
            f"{token.created:%Y-%m-%d}",
            _expiry(token),
        )
    console.print(table)


def revoke_command(
    name: Annotated[str, typer.Argument(help="The token's name.")], file: File = None
) -> None:
    """Remove a token; a running server refuses it from then on."""
    _tokens(file).revoke(name)
    sys.stdout.write(f"{name} is revoked\n")


def _tokens(file: Path | None) -> TokenFile:
    path = file or ServeSettings().tokens_file
    if path is None:
        raise TokenFileError("No tokens file: set AUDITLOG_TOKENS_FILE, or give --file")
    return TokenFile(path)


def _expiry(token: Token) -> str:
    if token.expires is None:
        return "never"
    over = " (expired)" if token.has_expired(datetime.now(UTC)) else ""
    return f"{token.expires:%Y-%m-%d %H:%M}{over}"


def _print_address(address: str) -> None:
    sys.stdout.write(f"Audit Logs: {address} (Ctrl-C ends it)\n")
    sys.stdout.flush()
