"""`auditlog seal verify` and `prove`: what is checked by the sealed log, and proven with it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer
from audit_query import AuditLog, parse_time
from audit_runtime import UncheckedError, output_file
from audit_runtime.terminal import Json, print_json, print_lines, report_progress

from audit_seal.bundle import prove
from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import ProofError
from audit_seal.request_commands import adopt, retire
from audit_seal.sealed_log import TimeRange
from audit_seal.settings import SealSettings
from audit_seal.verification_text import as_json, report_lines
from audit_seal.verify import verify_log

__all__ = ["add_commands"]


def add_commands(seal: typer.Typer) -> None:
    """Add the commands to their group."""
    seal.command(epilog="Example: auditlog seal adopt")(adopt)
    seal.command(epilog="Example: auditlog seal retire audit-events-2025.01")(retire)
    seal.command("prove", epilog="Example: auditlog seal prove 01a21a0f-7782-796d-a167-2d2becbae426")(
        prove_event
    )
    seal.command("verify", epilog="Example: auditlog seal verify --export events.ndjson")(verify)


def verify(
    start: Annotated[
        str | None, typer.Option("--from", help="Check what Kafka took at this time or later.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="And before this time.")] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Check this NDJSON export instead of Elasticsearch."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option("--policy", help="The log's and witnesses' keys as you were given them."),
    ] = None,
    first_key: Annotated[
        Path | None,
        typer.Option("--first-key", help="The first period's key as you were given it."),
    ] = None,
    stamp_ca: Annotated[
        Path | None,
        typer.Option("--stamp-ca", help="The time-stamping authority's root certificates, as PEM."),
    ] = None,
    published: Annotated[
        bool,
        typer.Option(
            "--published", help="Compare the log with the checkpoints that were published to Kafka."
        ),
    ] = False,
    json_output: Json = False,
) -> None:
    """Verify that all sealed events are there and unchanged, and that nothing was added.

    Needs no Kafka, but for --published. Checks the log's tree, signatures and time stamps, then every
    document: what was published, and what the consumer made of it. Exits with status 1 if something is
    wrong, and with 2 if it could not be checked.
    """
    with _unchecked_errors():
        settings = SealSettings()
        times = _times(start, end)
        with report_progress(hidden=json_output) as report:
            found = verify_log(
                settings,
                report,
                times=times,
                export=export,
                policy=policy,
                first_key=first_key,
                stamp_ca=stamp_ca,
                published=published,
            )
    if json_output:
        print_json(as_json(found))
    else:
        print_lines(*report_lines(found))
    if not found.is_sound:
        raise typer.Exit(1)


def prove_event(
    event_id: Annotated[str, typer.Argument(help="The event's id: event.id.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write; by default EVENT_ID.zip.")
    ] = None,
) -> None:
    """Write the evidence of one event, for somebody who has only the log's keys.

    An archive of the published bytes, the block that has their slot, and the proof that the block is
    in the signed log. docs/evidence.md says how to check it without any program of ours.
    """
    settings = SealSettings()
    with AuditLog(settings, seconds=settings.request_seconds) as log:
        source = log.get(event_id)
    if source is None:
        raise ProofError(f"There is no event {event_id}: auditlog search shows those that there are")
    bundle = prove(settings.folder, source)
    path = output or Path(f"{event_id}.zip")
    with output_file(path) as out:
        out.write(bundle.zip())
    checkpoint = Checkpoint.parse(bundle.proof.checkpoint.text)
    print_lines(
        f"Wrote {path}: {bundle.block.topic} [{bundle.block.partition}], offset {bundle.offset}, "
        f"in the checkpoint of {checkpoint.size} entries of {checkpoint.origin}"
        f"{', time-stamped' if bundle.time_stamp else ''}"
    )


def _times(start: str | None, end: str | None) -> TimeRange:
    now = datetime.now(UTC)

    def milliseconds(text: str | None) -> int | None:
        return None if text is None else int(parse_time(text, now).timestamp() * 1000)

    return TimeRange(milliseconds(start), milliseconds(end))


@contextmanager
def _unchecked_errors() -> Iterator[None]:
    """Tell what could not be checked from what is wrong with the log."""
    try:
        yield
    except Exception as error:
        raise UncheckedError from error
