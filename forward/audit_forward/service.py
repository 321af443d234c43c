"""The forwarder, put together: settings and streams in, a thread a stream, until it is told to stop."""

import gc
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import datetime

import structlog
from audit_query import AuditLog
from audit_runtime import owner_name, stop_requests
from audit_runtime.elastic import connect
from audit_runtime.monitor import Health, monitored
from audit_schemas import format_timestamp

from audit_forward.alerts import AlertTopic
from audit_forward.encoder import Encoder
from audit_forward.errors import ForwardError
from audit_forward.event_lookup import EventLookup
from audit_forward.events import EventTopic
from audit_forward.forms import FormError, form
from audit_forward.forwarder import Forwarder
from audit_forward.history import HistorySource
from audit_forward.horizon import Horizon
from audit_forward.metrics import ForwardMetrics
from audit_forward.receivers import Receiver, receiver_of
from audit_forward.record_source import RecordSource, Topic
from audit_forward.settings import ForwardSettings
from audit_forward.state import StreamState, StreamStates
from audit_forward.stream_file import StreamFile

__all__ = [
    "encoder_of",
    "open_states",
    "rarely_collect_garbage",
    "run_history",
    "run_streams",
    "topic_of",
]

_log = structlog.get_logger()

_LOOK_SECONDS = 1.0
_END_SECONDS = 60.0
_LEASE_SECONDS = 30.0
"""Beside what one delivery may take."""
_GARBAGE = 200_000
"""New objects before the first look."""


def encoder_of(stream: StreamFile) -> Encoder:
    """Return what makes a stream's items. Raises ForwardError, CredentialsError."""
    try:
        chosen = form(stream.form, version=stream.form_version)
    except FormError as error:
        raise ForwardError(f"{stream.name}.toml: {error}") from None
    return Encoder(chosen, stream.field_rules())


@contextmanager
def open_states(settings: ForwardSettings) -> Iterator[StreamStates]:
    """Give the stored states of all streams."""
    with connect(settings, seconds=settings.query_seconds) as client:
        lease = settings.stream_attempt_seconds + _LEASE_SECONDS
        yield StreamStates(client, settings.streams_index, owner_name(), lease)


def run_streams(settings: ForwardSettings, streams: Sequence[StreamFile]) -> None:
    """Forward streams until SIGTERM or Ctrl-C. Call it in the main thread.

    Raises ForwardError, CredentialsError and MonitorError before anything is forwarded: what goes wrong
    later is waited for, by each stream alone.
    """
    metrics, health = ForwardMetrics(stream.name for stream in streams), Health()
    with ExitStack() as open_now:
        stop = open_now.enter_context(stop_requests())
        receivers = _receivers(settings, streams, open_now)
        open_now.enter_context(monitored(settings, metrics.registry, health))
        log = open_now.enter_context(AuditLog(settings, seconds=settings.query_seconds))
        states = open_now.enter_context(open_states(settings))
        horizon = open_now.enter_context(closing(Horizon(settings, log)))
        forwarders = []
        for stream, receiver in zip(streams, receivers, strict=True):
            topic = topic_of(settings, stream, horizon)
            source = open_now.enter_context(closing(RecordSource(settings, topic, stream.start)))
            blank = StreamState("stream", stream.name)
            shown = metrics.of(stream.name)
            forwarders.append(Forwarder(blank, source, receiver, states, shown, stop))
        rarely_collect_garbage()
        _log.info("running", streams=[stream.name for stream in streams])
        if not streams:
            fix = "write a stream (docs/streams.md), and start again"
            _log.warning("there are no streams to forward", folder=str(settings.folder), fix=fix)
        _watch(forwarders, health, stop)


def run_history(
    settings: ForwardSettings,
    stream: StreamFile,
    start: datetime,
    end: datetime,
    *,
    again: bool = False,
) -> StreamState:
    """Forward the events of a time; return how that ended. Call it in the main thread.

    A run that was broken off is taken up where it was; one that is done is only repeated `again`.
    """
    if stream.what == "alerts":
        raise ForwardError(f"{stream.name} is a stream of alerts: --from and --to are for events")
    metrics = ForwardMetrics([stream.name])
    with ExitStack() as open_now:
        stop = open_now.enter_context(stop_requests())
        (receiver,) = _receivers(settings, [stream], open_now)
        log = open_now.enter_context(AuditLog(settings, seconds=settings.query_seconds))
        states = open_now.enter_context(open_states(settings))
        source = HistorySource(stream, log, encoder_of(stream), start, end)
        first, last = format_timestamp(start), format_timestamp(end)
        blank = StreamState("history", stream.name, start=first, end=last)
        if again and (known := states.read(blank)) is not None:
            new = replace(blank, seq_no=known.seq_no, primary_term=known.primary_term)
            states.release(new)
        forwarder = Forwarder(blank, source, receiver, states, metrics.of(stream.name), stop)
        forwarder.run()
        return states.read(blank) or blank


def _receivers(
    settings: ForwardSettings, streams: Sequence[StreamFile], open_now: ExitStack
) -> list[Receiver]:
    return [open_now.enter_context(closing(receiver_of(stream, settings))) for stream in streams]


def topic_of(settings: ForwardSettings, stream: StreamFile, horizon: Horizon) -> Topic:
    """Return the topic that a stream reads. Raises ForwardError, CredentialsError."""
    encoder = encoder_of(stream)
    if stream.what == "alerts":
        return AlertTopic(settings.alerts_topic, stream, horizon, encoder)
    return EventTopic(settings.topic, horizon, EventLookup(settings, stream), encoder)


def rarely_collect_garbage() -> None:
    """Spare the collector from looking through thousands of items that wait, and hold no cycles."""
    gc.freeze()
    gc.set_threshold(_GARBAGE)


def _watch(forwarders: Sequence[Forwarder], health: Health, stop: threading.Event) -> None:
    """Run each in a thread of its own, and report. A thread that ends by a bug ends the process.

    The other streams end in order even then, so that another process can have them at once.
    """
    threads = [threading.Thread(target=each.run, daemon=True) for each in forwarders]
    for thread in threads:
        thread.start()
    has_failed = False
    while not stop.wait(_LOOK_SECONDS):
        if not all(thread.is_alive() for thread in threads):
            has_failed = True
            stop.set()
            break
        problems = [each.read_problem for each in forwarders]
        health.beat(problems[0] if problems and all(problems) else None)
    for thread in threads:
        thread.join(_END_SECONDS)
    if has_failed:
        raise ForwardError("a stream has ended by an error of ours: see the log above")
