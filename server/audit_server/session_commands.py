"""`auditlog sessions`: who is signed in, and to end that."""

import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer
from audit_runtime.terminal import Json, new_console, print_json
from rich.markup import escape
from rich.table import Table

from audit_server.errors import ListenError, SessionError
from audit_server.settings import ServeSettings

if TYPE_CHECKING:
    from audit_server.sign_in.session import Session
    from audit_server.sign_in.session_store import SessionStore

__all__ = ["register_sessions"]

_SECONDS = 30.0


def register_sessions(app: typer.Typer) -> None:
    """Add the commands."""
    sessions = typer.Typer(no_args_is_help=True, help="Sessions: who has signed in to the page.")
    sessions.command("list", epilog="Example: auditlog sessions list --json")(list_command)
    sessions.command("revoke", epilog="Example: auditlog sessions revoke ada")(revoke_command)
    app.add_typer(sessions, name="sessions")


def list_command(json_output: Json = False) -> None:
    """List the sessions in force: whose, their groups, when they signed in and were last here."""
    settings = ServeSettings()
    with _store(settings) as store:
        in_force = [one for one in store.sessions() if _is_in_force(one, settings)]
    if json_output:
        hidden = {"sealed_token"}
        print_json([one.model_dump(mode="json", exclude=hidden) for one in in_force])
        return
    console = new_console()
    if not in_force:
        console.print("Nobody is signed in")
        return
    table = Table("Session", "Name", "Groups", "Signed in", "Last used", "Ends", box=None)
    for one in in_force:
        times = [f"{at:%Y-%m-%d %H:%M}" for at in (one.created, one.last_used, one.expires)]
        table.add_row(one.short_id, escape(one.name), escape(", ".join(one.groups)), *times)
    console.print(table)


def revoke_command(
    person: Annotated[
        str,
        typer.Argument(
            metavar="PERSON", help="A name, the provider's id of somebody, or a session's id."
        ),
    ],
) -> None:
    """End all sessions of somebody, or one of them; a running server refuses it within seconds."""
    with _store(ServeSettings()) as store:
        ended = sum(store.remove(one.id) for one in store.of_person(person))
    if not ended:
        raise SessionError(f"There is no session of {person!r}; see: auditlog sessions list")
    sys.stdout.write(f"{ended} {'session is' if ended == 1 else 'sessions are'} revoked\n")


@contextmanager
def _store(settings: ServeSettings) -> "Iterator[SessionStore]":
    if find_spec("joserfc") is None:
        raise ListenError("Sessions need an extra: pip install '.[web]' in a clone")
    from audit_runtime.elastic import connect  # noqa: PLC0415 - an extra

    from audit_server.sign_in.session_store import SessionStore  # noqa: PLC0415

    with closing(connect(settings, seconds=_SECONDS)) as client:
        yield SessionStore(client, settings.sessions_index)


def _is_in_force(session: "Session", settings: ServeSettings) -> bool:
    now = datetime.now(UTC)
    idle = timedelta(minutes=settings.sign_in_idle_minutes)
    return now < session.expires and now - session.last_used < idle
