"""The sealer, put together: settings in, a running loop out."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager

import structlog
from audit_runtime import Backoff, stop_requests
from audit_runtime.monitor import Health, monitored
from confluent_kafka import KafkaException

from audit_seal.checkpoint import Checkpoint
from audit_seal.errors import FormatError, SealError
from audit_seal.events_topic import EventsTopic
from audit_seal.keys import KeyFolder, create_keys
from audit_seal.lock import locked
from audit_seal.metrics import SealMetrics
from audit_seal.note import Note, VerifierKey
from audit_seal.policy import Witness
from audit_seal.sealer import Sealer
from audit_seal.seals_topic import SealsTopic
from audit_seal.settings import SealSettings
from audit_seal.settling import Settler
from audit_seal.stamping import Stamper

__all__ = ["cluster_id", "initialize", "run_sealer", "seal_now"]

_log = structlog.get_logger()

_IDLE_SECONDS = 1.0
_LONGEST_PAUSE = 30.0


def initialize(settings: SealSettings) -> tuple[VerifierKey, VerifierKey]:
    """Make the log's folder and keys; return the log's public key and the first period's.

    The policy names the witness of the settings, if there is one. Raises SealError, KafkaException.
    """
    with closing(EventsTopic(settings)) as events:
        witness = _witness(settings)
        return create_keys(settings.folder, f"{settings.seal_name}/{events.cluster_id()}", witness)


def _witness(settings: SealSettings) -> Witness | None:
    url, file = settings.seal_witness_url, settings.seal_witness_key_file
    if url is None or file is None:
        return None
    try:
        key = VerifierKey.parse(file.read_text().strip())
    except (OSError, UnicodeDecodeError, FormatError) as error:
        raise SealError(f"{file} is not the public key of a witness: {error}") from None
    return Witness(key.name.rpartition("/")[2], key, url)


def cluster_id(settings: SealSettings) -> str:
    """Return the ID of the Kafka cluster, which is a part of a log's origin.

    Raises SealError, KafkaException.
    """
    with closing(EventsTopic(settings)) as events:
        return events.cluster_id()


def seal_now(settings: SealSettings) -> Note:
    """Seal everything that is there up to now, and return the checkpoint.

    Raises SealError, KafkaException.
    """
    with _sealer(settings) as (sealer, _):
        stamper = Stamper(settings)
        sealer.catch_up()
        note = sealer.seal()
        stamper.stamp_if_due(sealer.period)
        return note


def run_sealer(settings: SealSettings) -> None:
    """Seal until SIGTERM or Ctrl-C, and once more then. Call it in the main thread.

    A Kafka that is away is waited for, but not at the start. Raises SealError, MonitorError and
    KafkaException.
    """
    metrics, health, stamper = SealMetrics(), Health(), Stamper(settings)
    with (
        stop_requests() as stop,
        _sealer(settings, settings.seal_seconds / 2) as (sealer, settler),
    ):
        _show(sealer, metrics)
        _show_stamps(stamper, metrics)  # before anybody looks: alerts go by what is added
        with monitored(settings, metrics.registry, health):
            _log.info("sealing", topic=settings.topic, folder=str(settings.folder))
            _run(settings, sealer, settler, stamper, metrics, health, stop)
            _seal_at_the_end(sealer, metrics)


def _run(
    settings: SealSettings,
    sealer: Sealer,
    settler: Settler,
    stamper: Stamper,
    metrics: SealMetrics,
    health: Health,
    stop: threading.Event,
) -> None:
    backoff = Backoff(min(_LONGEST_PAUSE, settings.backoff_seconds))
    due = time.monotonic()
    while not stop.is_set():
        try:
            found = sealer.read()
            if time.monotonic() >= due:
                _seal(sealer, metrics)
                due = time.monotonic() + settings.seal_seconds
                stamper.stamp_if_due(sealer.period)
                _show_stamps(stamper, metrics)
        except KafkaException as error:
            why = f"Kafka: {error.args[0].str()}"
            health.beat(why)
            metrics.block("sealing")
            _log.warning("waiting", why=why)
            stop.wait(backoff.wait())
            continue
        backoff.reset()
        health.beat(None)
        metrics.unblock("sealing")
        (metrics.unblock if settler.problem is None else metrics.block)("settling")
        if not found:
            stop.wait(min(_IDLE_SECONDS, max(0.0, due - time.monotonic())))


def _seal_at_the_end(sealer: Sealer, metrics: SealMetrics) -> None:
    """Make a last checkpoint; without Kafka, the next start reads again what it would have had."""
    try:
        sealer.read()
        _seal(sealer, metrics)
    except KafkaException as error:
        _log.warning("stopped without a last checkpoint", why=error.args[0].str())
    else:
        _log.info("stopped")


def _seal(sealer: Sealer, metrics: SealMetrics) -> None:
    size = Checkpoint.parse(sealer.seal().text).size
    metrics.sealed(size)
    metrics.cosigned(sealer.cosigned)
    _show(sealer, metrics)
    _log.info("sealed", entries=size)


def _show(sealer: Sealer, metrics: SealMetrics) -> None:
    metrics.show(sealer.positions.values(), period=sealer.period, missing=sealer.missing)


def _show_stamps(stamper: Stamper, metrics: SealMetrics) -> None:
    (metrics.block if stamper.problem else metrics.unblock)("stamping")
    metrics.stamped(stamper.last_time)


@contextmanager
def _sealer(
    settings: SealSettings, settle_seconds: float | None = None
) -> Iterator[tuple[Sealer, Settler]]:
    """Give a sealer that is alone in its folder, of the cluster that it seals."""
    with (
        locked(settings.folder),
        closing(EventsTopic(settings)) as events,
        closing(SealsTopic(settings)) as seals,
        closing(Settler(settings, events, seconds=settle_seconds)) as settler,
    ):
        KeyFolder(settings.folder).check_cluster(events.cluster_id())
        yield Sealer(settings, events, seals, settler), settler
