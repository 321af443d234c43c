"""`auditlog witness init` and `run`: for the host of somebody who does not run the log."""

import threading
from typing import Annotated

import structlog
import typer
from audit_runtime import stop_requests
from audit_runtime.logs import configure_logging
from audit_runtime.monitor import Health, monitored
from audit_runtime.terminal import print_lines

from audit_seal.note import VerifierKey
from audit_seal.witness_metrics import WitnessMetrics
from audit_seal.witness_server import WitnessServer
from audit_seal.witness_settings import WitnessSettings
from audit_seal.witness_state import WitnessState, create_witness, take_over_logs

__all__ = ["register"]

_BEAT_SECONDS = 10.0

_log = structlog.get_logger("auditlog.witness")


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    witness = typer.Typer(
        no_args_is_help=True, help="Cosign checkpoints of sealed logs, on a host apart from the log's."
    )
    witness.command(epilog="Example: auditlog witness init auditor.example/witness LOG-KEY")(init)
    witness.command(epilog="Example: auditlog witness run")(run)
    app.add_typer(witness, name="witness")


def init(
    name: Annotated[str, typer.Argument(help="Name of the witness, best below a domain of yours.")],
    log_keys: Annotated[
        list[str], typer.Argument(help="Public keys of the logs that it cosigns for: NAME+ID+KEY.")
    ],
) -> None:
    """Make a witness's folder and key, and print the line for the log's policy.

    The folder is AUDITLOG_WITNESS_FOLDER. Keep it: a witness that forgot what it has seen proves
    nothing of the time before.
    """
    settings = WitnessSettings()
    key = create_witness(settings.folder, name, tuple(map(VerifierKey.parse, log_keys)))
    print_lines(
        f"Made the witness in {settings.folder}",
        "For the policy of the log and of whoever checks it:",
        f"witness {name.rpartition('/')[2]} {key} http://HOST:{settings.witness_port}",
        "Then: auditlog witness run",
    )


def run() -> None:
    """Cosign checkpoints that extend what was seen before, until SIGTERM or Ctrl-C.

    It speaks C2SP tlog-witness: POST /add-checkpoint, GET /HASH/checkpoint, and GET /healthz.
    """
    settings, metrics, health = WitnessSettings(), WitnessMetrics(), Health()
    configure_logging(settings.log_format)
    if settings.witness_logs_file is not None:
        take_over_logs(settings.folder, settings.witness_logs_file)
    with (
        WitnessState.open(settings.folder, key_file=settings.witness_key_file) as state,
        stop_requests() as stop,
        WitnessServer(settings.witness_host, settings.witness_port, state, metrics) as server,
        monitored(settings, metrics.registry, health),
    ):
        threading.Thread(target=server.serve_forever, name="witness", daemon=True).start()
        _log.info("witness listens", host=settings.witness_host, port=settings.witness_port)
        while not stop.is_set():
            health.beat(None)
            stop.wait(_BEAT_SECONDS)
        server.shutdown()
