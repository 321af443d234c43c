"""`auditlog consume`."""

from typing import Annotated

import typer
from audit_runtime.logs import configure_logging

from audit_consumer.assignment import Start
from audit_consumer.memory_watch import restart_carefully
from audit_consumer.service import run_consumer
from audit_consumer.settings import ConsumerSettings

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this component's command."""
    app.command("consume", epilog="Example: auditlog consume --start earliest")(consume_command)


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
    run_consumer(settings, start=start, skip_expired=skip_expired, restart=restart_carefully)
