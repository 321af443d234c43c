"""`auditlog seal init`, `run`, `status` and `stamp`; what checks the log has modules of its own."""

from collections.abc import Iterator
from typing import Annotated

import typer
from audit_runtime.logs import configure_logging
from audit_runtime.terminal import Json, new_console, print_json, print_lines
from audit_schemas import format_timestamp
from rich.table import Table

from audit_seal.check_commands import add_commands
from audit_seal.checkpoint import Checkpoint
from audit_seal.keys import has_log
from audit_seal.service import initialize, run_sealer, seal_now
from audit_seal.settings import SealSettings
from audit_seal.stamping import StampAuthority, stamp_now
from audit_seal.status import SealStatus, Signer, seal_status

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add this component's commands."""
    seal = typer.Typer(no_args_is_help=True, help="Proof that the log is whole and unchanged.")
    seal.command(epilog="Example: auditlog seal init")(init)
    seal.command(epilog="Example: auditlog seal run")(run)
    seal.command(epilog="Example: auditlog seal status")(status)
    seal.command(epilog="Example: auditlog seal stamp")(stamp)
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
    make: Annotated[
        bool, typer.Option("--init", help="Make the log first, where there is none.")
    ] = False,
    once: Annotated[
        bool, typer.Option("--once", help="Seal what is there up to now, and exit.")
    ] = False,
) -> None:
    """Seal all records of the events topic, until SIGTERM or Ctrl-C.

    A signed checkpoint is published to AUDITLOG_SEALS_TOPIC every AUDITLOG_SEAL_SECONDS.
    """
    settings = SealSettings()
    configure_logging(settings.log_format)
    if make and not has_log(settings.folder):
        initialize(settings)
    if not once:
        run_sealer(settings)
        return
    checkpoint = Checkpoint.parse(seal_now(settings).text)
    print_lines(f"Sealed: {checkpoint.origin} has {checkpoint.size:,} entries")


def status(json_output: Json = False) -> None:
    """Show how far the log is sealed and settled, and who has signed the last checkpoint.

    Reads AUDITLOG_SEAL_FOLDER alone. Signatures are not checked: auditlog seal verify.
    """
    found = seal_status(SealSettings().folder)
    if json_output:
        print_json(_as_json(found))
        return
    table = Table("Topic", "Partition", box=None, pad_edge=False)
    for heading in ("Sealed", "Settled"):
        table.add_column(heading, justify="right")
    for each in found.positions:
        place = each.place
        table.add_row(place.topic, str(place.partition), f"{each.end:,}", f"{each.settled:,}")
    new_console().print(table)
    print_lines(
        f"{found.origin}: {found.entries:,} entries, sealed at {format_timestamp(found.time)}, "
        f"period {found.period}",
        f"signed by {', '.join(map(_signer, found.signers))}",
        *_stamp_lines(found),
        f"records that had no document when they were settled: {found.missing:,}",
    )


def stamp() -> None:
    """Have the last checkpoint stamped by the time-stamping authority, now.

    The sealer does so by itself at the end of each period. The authority is AUDITLOG_STAMP_URL, its
    certificates are AUDITLOG_STAMP_CA_FILE.
    """
    settings = SealSettings()
    found = stamp_now(settings.folder, StampAuthority(settings))
    print_lines(
        f"Time-stamped: the checkpoint of {found.checkpoint.size:,} entries at "
        f"{format_timestamp(found.time)} by {found.authority}"
    )


def _stamp_lines(found: SealStatus) -> Iterator[str]:
    if found.stamp is None:
        yield "time-stamped by nobody"
    else:
        yield (
            f"time-stamped at {found.stamp.entries:,} entries, {format_timestamp(found.stamp.time)}, "
            f"by {found.stamp.authority}"
        )
    if found.stamp_problem:
        yield f"not time-stamped since: {found.stamp_problem}"


def _signer(signer: Signer) -> str:
    return signer.name + (f" at {format_timestamp(signer.time)}" if signer.time else "")


def _as_json(found: SealStatus) -> dict[str, object]:
    return {
        "origin": found.origin,
        "entries": found.entries,
        "sealed_at": format_timestamp(found.time),
        "period": found.period,
        "missing": found.missing,
        "partitions": [
            {
                "topic": each.place.topic,
                "topic_id": each.place.topic_id,
                "partition": each.place.partition,
                "sealed": each.end,
                "settled": each.settled,
            }
            for each in found.positions
        ],
        "signers": [
            {"name": each.name, "time": format_timestamp(each.time) if each.time else None}
            for each in found.signers
        ],
        "time_stamp": None
        if found.stamp is None
        else {
            "entries": found.stamp.entries,
            "time": format_timestamp(found.stamp.time),
            "authority": found.stamp.authority,
        },
        "time_stamp_problem": found.stamp_problem or None,
    }
