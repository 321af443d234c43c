"""Where streams are: their positions next to what Kafka has."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit_forward.horizon import Horizon
from audit_forward.receiver_tables import FilesTable, KafkaTable, S3Table, SyslogTable
from audit_forward.settings import ForwardSettings
from audit_forward.state import StreamState, StreamStates
from audit_forward.stream_file import StreamFile

__all__ = ["StreamStatus", "stream_statuses", "target_of"]


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """One stream. `lag` is in records that the consumers have judged; None before it has begun."""

    stream: str
    what: str
    form: str
    to: str
    lag: int | None
    deleted: int
    """Records of these that Kafka no longer has; they are taken from Elasticsearch."""
    delivered: int
    dead_letters: int
    is_forwarded: bool
    """Whether a process has it."""
    problem: str | None
    problem_since: str | None
    updated: str | None
    unfinished: tuple[tuple[str, str], ...]
    """Runs of history that were broken off, by their times."""


def stream_statuses(
    settings: ForwardSettings, streams: Sequence[StreamFile], states: StreamStates, horizon: Horizon
) -> list[StreamStatus]:
    """Return where each stream is. Errors of both clients pass through."""
    return [_status(settings, stream, states, horizon) for stream in streams]


def _status(
    settings: ForwardSettings, stream: StreamFile, states: StreamStates, horizon: Horizon
) -> StreamStatus:
    state = states.read(StreamState("stream", stream.name))
    runs = states.of(stream.name, "history")
    lag, deleted = (None, 0) if state is None else _behind(settings, stream, state, horizon)
    return StreamStatus(
        stream=stream.name,
        what=stream.what,
        form=stream.form,
        to=target_of(stream),
        lag=lag,
        deleted=deleted,
        delivered=state.delivered if state else 0,
        dead_letters=state.dead_letters if state else 0,
        is_forwarded=state is not None and state.is_held(""),
        problem=state.problem if state else None,
        problem_since=state.problem_since if state else None,
        updated=state.updated if state else None,
        unfinished=tuple((r.start or "", r.end or "") for r in runs if not r.is_done),
    )


def _behind(
    settings: ForwardSettings, stream: StreamFile, state: StreamState, horizon: Horizon
) -> tuple[int, int]:
    is_alerts = stream.what == "alerts"
    topic = settings.alerts_topic if is_alerts else settings.topic
    ends = horizon.ends(topic) if is_alerts else horizon.offsets()
    lag = deleted = 0
    for number, end in ends.items():
        at = state.positions.get(number, (0, 0))[1]
        if end > at:
            low = horizon.bounds(topic, number)[0]
            lag += end - at
            deleted += max(0, min(low, end) - at)
    return lag, deleted


def target_of(stream: StreamFile) -> str:
    """Return where a stream goes, in a word or two."""
    match stream.to:
        case SyslogTable() as table:
            return f"syslog {table.host}:{table.port}"
        case KafkaTable() as table:
            return f"topic {table.topic}"
        case FilesTable() as table:
            return f"files {table.folder}"
        case S3Table() as table:
            return f"s3://{table.bucket}/{table.prefix}"
        case table:
            return f"{table.type} {table.url}"
