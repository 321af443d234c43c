"""The application: each component's own commands, and what is told of errors."""

import gc
import logging
import os
import sys
from contextlib import suppress
from typing import Annotated

import typer
from typer.main import get_command

from audit_cli.components import LazyGroup
from audit_cli.servers import use_local_servers

__all__ = ["app", "run"]

_WITHOUT_SERVERS = {"demo", "local", "secrets", "witness"}
"""Commands that start the embedded servers, or need none."""

app = typer.Typer(
    name="auditlog",
    cls=LazyGroup,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="An audit log for chat platforms: Kafka to Elasticsearch, no event lost or duplicated.",
)


def _version(value: bool) -> None:
    if value:
        from importlib.metadata import version  # noqa: PLC0415 - takes a while

        typer.echo(version("chat-auditlog"))
        raise typer.Exit


@app.callback()
def _main(
    context: typer.Context,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    gc.freeze()  # what the imports made
    gc.enable()
    if context.invoked_subcommand not in _WITHOUT_SERVERS:
        use_local_servers()


_COMMAND = get_command(app)  # once: what calls `run` again, or forks this process, has it ready


def run() -> int:
    """Run the command line and return the exit status."""
    for library in ("audit_producer", "auditlog.kafka", "elastic_transport"):
        # The commands report these in words of their own, or retry.
        logging.getLogger(library).setLevel(logging.CRITICAL + 1)  # librdkafka's FATAL is critical
    try:
        status = _status()
        sys.stdout.flush()  # else what can't be written would show after the status is decided
    except KeyboardInterrupt:
        return _failed("interrupted", 130)
    except BrokenPipeError:
        _discard_output()
        return 141
    except Exception as error:
        from audit_runtime import UncheckedError  # noqa: PLC0415 - most commands succeed

        from audit_cli.sentences import sentence_of  # noqa: PLC0415

        sentence = sentence_of(error)
        if sentence is None:
            raise
        return _failed(sentence, 2 if isinstance(error, UncheckedError) else 1)
    return status


def _status() -> int:
    """Run the command; it ends by SystemExit as a rule."""
    try:
        _COMMAND(prog_name="auditlog")
    except SystemExit as end:
        if isinstance(end.code, str):
            raise
        return end.code or 0
    return 0


def _failed(sentence: str, status: int) -> int:
    with suppress(OSError):
        sys.stderr.write(f"auditlog: {sentence}\n")
        sys.stderr.flush()
    try:
        sys.stdout.flush()
    except OSError:
        _discard_output()
    return status


def _discard_output() -> None:
    """Let Python flush what can't be written to nowhere; its exit status would be 120."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
