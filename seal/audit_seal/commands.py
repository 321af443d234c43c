"""`auditlog seal init`, `run` and `status`; what checks the log has modules of its own."""

from typing import Annotated

import typer
from audit_runtime.logs import configure_logging
from audit_runtime.terminal import print_lines

from audit_seal.check_commands import add_commands
from audit_seal.checkpoint import Checkpoint
from audit_seal.service import initialize, run_sealer, seal_now
from audit_seal.settings import SealSettings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    seal = typer.Typer(no_args_is_help=True, help="Proof that the log is whole and unchanged.")
    seal.command(epilog="Example: auditlog seal init")(init)
    seal.command(epilog="Example: auditlog seal run")(run)
    add_commands(seal)
    app.add_typer(seal, name="seal")


def init() -> None:
    """Make the sealed log's folder and keys, and say what an auditor has to be given.

    The folder is AUDITLOG_SEAL_FOLDER. Back up its keys apart from it, and its log as often as you
    like: a log that is restored from an old copy is refused.
    """
    settings = SealSettings()
    log_key, period_key = initialize(settings)
    print_lines(
        f"Made the sealed log in {settings.folder}",
        f"log key:    {log_key}",
        f"period key: {period_key}",
        f"Give an auditor {settings.folder}/policy and period-1.pub, in person, before the first event",
        "Then: auditlog seal run",
    )


def run(
    once: Annotated[
        bool, typer.Option("--once", help="Seal what is there up to now, and exit.")
    ] = False,
) -> None:
    """Seal all records of the events topic, until SIGTERM or Ctrl-C.

    A signed checkpoint is published to AUDITLOG_SEALS_TOPIC every AUDITLOG_SEAL_SECONDS.
    """
    settings = SealSettings()
    configure_logging(settings.log_format)
    if not once:
        run_sealer(settings)
        return
    checkpoint = Checkpoint.parse(seal_now(settings).text)
    print_lines(f"Sealed: {checkpoint.origin} has {checkpoint.size:,} entries")
