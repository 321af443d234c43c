"""`auditlog demo`: everything end to end on real servers, verified at the end."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from audit_admin import Lag, SetupSettings, closing_line, set_up, verify
from audit_alerts import AlertDesk, AlertSettings, alerts_table
from audit_consumer import ConsumerError, ConsumerSettings
from audit_generator import Traffic, place_database
from audit_local import LocalSettings, Stack
from audit_producer import AuditProducer, Line, read_lines
from audit_producer.publishing import PublisherSettings
from audit_query import AuditLog, Filter, QuerySettings, buckets_table, ranking_table
from audit_runtime import output_file
from audit_runtime.terminal import report_progress
from audit_schemas import EventRefusedError
from audit_seal import SealSettings, cluster_id, equation, has_log, initialize, seal_now, verify_log
from audit_server import ListenError, ServeSettings
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress

from audit_cli.servers import servers_are_named, use_local_servers

__all__ = ["register"]

_STALLED_SECONDS = 120.0
_ALERTS = 8


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(epilog="Example: auditlog demo --count 20000")(demo)


def demo(
    count: Annotated[int, typer.Option(min=1, help="How many events to generate.")] = 20_000,
    file: Annotated[
        Path | None,
        typer.Option("--file", exists=True, dir_okay=False, help="NDJSON to publish besides."),
    ] = None,
    page: Annotated[
        bool | None,
        typer.Option(
            "--page/--no-page", help="Serve the page at the end, until Ctrl-C; else on a terminal only."
        ),
    ] = None,
) -> None:
    """Run everything end to end: servers, setup, consumer, events, and what an analyst sees first.

    Starts the embedded servers, unless the environment names others. Exit status 0 only if
    published = indexed + duplicates + dead-lettered, counted from Kafka and Elasticsearch, and if the
    documents are those that were sealed.
    """
    console = Console(emoji=False)
    if not servers_are_named():
        for server in Stack(LocalSettings(), console).up():
            console.print(f"{server.title} runs on {server.address}", highlight=False)
        use_local_servers()
    _know_places()
    for change in set_up(SetupSettings()):
        console.print(escape(change), highlight=False)
    log = LocalSettings().home / "demo-consumer.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    begun = datetime.now(UTC)
    with _consumer(log) as process, Progress(console=console) as progress:
        _publish(progress, count, file)
        _wait_until_read(progress, process, log)
    _run_rules(console, begun)
    _show(console)
    proofs = list(verify(ConsumerSettings()))
    console.print(
        f"\nExplore with: {_program()} search, report team, alerts list, serve. "
        f"The servers go on running; stop them with: {_program()} local down\n",
        highlight=False,
    )
    console.print(closing_line(proofs), highlight=False, soft_wrap=True)
    is_sound = _seal(console)
    if not is_sound or not all(proof.is_reconciled and not proof.unread for proof in proofs):
        raise typer.Exit(1)
    if console.is_terminal if page is None else page:
        _serve(console, log)


def _know_places() -> None:
    """Let consumers know where the made-up addresses are, unless they have databases of their own."""
    if not ConsumerSettings().geo_paths:
        file = LocalSettings().home / "places.mmdb"
        file.parent.mkdir(parents=True, exist_ok=True)
        with output_file(file) as written:
            written.write(place_database(datetime.now(UTC)))
        os.environ["AUDITLOG_GEO_FILES"] = str(file)


def _seal(console: Console) -> bool:
    """Seal what was published, and check the documents by it; tell whether they are unchanged."""
    settings = SealSettings()
    if settings.seal_folder is None:
        folder = LocalSettings().home / "seal" / cluster_id(settings)
        os.environ["AUDITLOG_SEAL_FOLDER"] = str(folder)  # for the page, too
        settings = SealSettings()
    if not has_log(settings.folder):
        initialize(settings)
    seal_now(settings)
    with report_progress() as report:
        found = verify_log(settings, report)
    console.print(equation(found.result), highlight=False, soft_wrap=True)
    return found.is_sound


def _serve(console: Console, log: Path) -> None:
    """Serve the page until Ctrl-C; the consumer runs beside it, so that what happens shows."""
    from audit_runtime.logs import configure_logging  # noqa: PLC0415
    from audit_server import listen  # noqa: PLC0415 - these take a second to load
    from audit_server.serve import serve  # noqa: PLC0415

    settings = ServeSettings()
    configure_logging(settings.log_format, level=logging.WARNING)
    try:
        listen(settings.serve_host, settings.serve_port).close()
    except ListenError:
        settings = settings.model_copy(update={"serve_port": 0})  # any free one

    def tell(address: str) -> None:
        console.print(f"\nThe Audit Logs page: {address} (Ctrl-C ends it)", highlight=False)
        for part in ("overview", "alerts", "reports/team"):
            console.print(f"  {address}/{part}", highlight=False)

    with _consumer(log), _beside("alerts", "run", "--every", "10s", log=_alerts_log()):
        serve(settings, on_start=tell)


def _program() -> str:
    """Return how the user called us, so that the next command can be typed."""
    called = Path(sys.argv[0])
    return str(called) if called.name == "auditlog" else "auditlog"


def _consumer(log: Path) -> AbstractContextManager["subprocess.Popen[bytes]"]:
    """Run `auditlog consume` beside us, and let it drain at the end."""
    return _beside("consume", "--start", "earliest", log=log)


def _alerts_log() -> Path:
    return LocalSettings().home / "demo-alerts.log"


def _run_rules(console: Console, begun: datetime) -> None:
    """Run the alert rules over what became visible since, as a runner would have."""
    with (
        console.status("Running the alert rules"),
        _beside("alerts", "run", "--once", "--since", begun.isoformat(), log=_alerts_log()) as process,
    ):
        if process.wait():
            console.print(f"The alert rules could not run: {_last_line(_alerts_log())}", markup=False)


@contextmanager
def _beside(*arguments: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """Run a command of ours beside us, and end it by SIGTERM."""
    command = [sys.executable, "-m", "audit_cli", *arguments]
    with log.open("ab") as output:
        # In a session of its own: Ctrl-C is for us, who let it drain.
        process = subprocess.Popen(  # noqa: S603 - ours
            command, stdout=output, stderr=output, start_new_session=True
        )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait()


def _publish(progress: Progress, count: int, file: Path | None) -> None:
    with AuditProducer(PublisherSettings()) as producer:
        producer.check()
        traffic = Traffic(count, datetime.now(UTC))
        for event in progress.track(traffic, total=count, description="Publishing events"):
            producer.publish(event)
        if file is not None:
            refused = 0
            with file.open("rb") as source:
                for line in progress.track(
                    list(read_lines(source)), description=f"Publishing {file.name}"
                ):
                    refused += not _is_published(producer, line)
            if refused:
                progress.console.print(
                    f"{refused} lines of {file.name} refused; to see why: auditlog publish {file}",
                    highlight=False,
                    markup=False,
                )


def _is_published(producer: AuditProducer, line: Line) -> bool:
    try:
        return line.event is not None and producer.publish(line.event)
    except EventRefusedError:
        return False


def _wait_until_read(progress: Progress, process: "subprocess.Popen[bytes]", log: Path) -> None:
    """Wait until the group's committed offsets reach the end of the topic."""
    with Lag(ConsumerSettings()) as lag:
        total = left = lag.records()
        task = progress.add_task("Indexing", total=total)
        moved = time.monotonic()
        while left:
            if process.poll() is not None:
                raise ConsumerError(f"The consumer ended: {_last_line(log)}")
            if time.monotonic() - moved > _STALLED_SECONDS:
                raise ConsumerError(f"The consumer makes no progress; its log: {log}")
            time.sleep(0.3)
            before, left = left, lag.records()
            if left != before:
                moved = time.monotonic()
            progress.update(task, completed=total - left)
        progress.update(task, completed=total)


def _last_line(log: Path) -> str:
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else f"see {log}"


def _show_alerts(console: Console) -> None:
    with AlertDesk(AlertSettings()) as desk:
        page = desk.alerts(order="worst", size=_ALERTS)
    if page.alerts:
        console.rule(f"The worst of {page.total} alerts", align="left")
        console.print(alerts_table(page.alerts, UTC, "UTC"))


def _show(console: Console) -> None:
    settings = QuerySettings()
    now = datetime.now(UTC)
    day = Filter(start=now - timedelta(hours=24))
    with AuditLog(settings, seconds=settings.query_seconds) as log:
        log.refresh()
        console.rule("Events by activity and hour, the last 24 hours", align="left")
        buckets = log.buckets(day, interval="1h", by="activity", parts=5)
        console.print(buckets_table(buckets.buckets, UTC, "UTC", width=console.width))
        console.rule("Busiest users, all time", align="left")
        console.print(ranking_table(log.top(Filter(), "user", size=8), "User"))
        console.rule("Addresses with most failed logins, all time", align="left")
        failed = Filter(activities=("login-failed",))
        console.print(ranking_table(log.top(failed, "ip", size=8), "IP Address"))
        console.rule("Whose networks they are in", align="left")
        console.print(ranking_table(log.top(failed, "owner", size=5), "Owner"))
    _show_alerts(console)
