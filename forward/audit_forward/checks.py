"""What is wrong with streams before they run: their files, secrets and receivers' settings."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from audit_query import QueryError, list_finder
from audit_runtime import ConfigurationError
from confluent_kafka import KafkaException

from audit_forward.errors import ForwardError
from audit_forward.event_lookup import wanted_query
from audit_forward.receiver_tables import FilesTable
from audit_forward.receivers import receiver_of
from audit_forward.secret_file import read_secret
from audit_forward.service import encoder_of
from audit_forward.settings import ForwardSettings
from audit_forward.status import target_of
from audit_forward.stream_file import StreamFile, load_stream, stream_paths

__all__ = ["StreamCheck", "check_streams"]


@dataclass(frozen=True, slots=True)
class StreamCheck:
    """One stream; `to` is None where its file can't be read."""

    stream: str
    to: str | None
    problem: str | None
    """The first thing that is wrong, and None if nothing is."""


def check_streams(settings: ForwardSettings, names: Sequence[str] = ()) -> Iterator[StreamCheck]:
    """Check each stream of the folder, or those named, and send nothing.

    What only a receiver can tell, whether it takes events from here and from us, is not known then.
    Raises ForwardError where there is no such folder or stream.
    """
    for path in stream_paths(settings.folder, names):
        try:
            stream = load_stream(path)
        except ForwardError as error:
            yield StreamCheck(path.stem, None, str(error))
            continue
        yield StreamCheck(stream.name, target_of(stream), _problem(settings, stream))


def _problem(settings: ForwardSettings, stream: StreamFile) -> str | None:
    try:
        encoder_of(stream)
        if stream.what == "events":
            wanted_query(stream, list_finder(settings, lambda: datetime.now(UTC)))
        for key, value in stream.to:
            if key.endswith("_file") and value is not None:
                read_secret(value)
        if isinstance(stream.to, FilesTable):
            _check_folder(stream.to.folder)
        with closing(receiver_of(stream, settings)):
            return None
    except KafkaException as error:
        return f"Kafka's client: {error.args[0].str()}"
    except (ForwardError, ConfigurationError, QueryError) as error:
        return str(error)


def _check_folder(folder: Path) -> None:
    """Raise ForwardError if files can't be written there; the folder itself is made at need."""
    found = next(place for place in (folder.absolute(), *folder.absolute().parents) if place.exists())
    if not found.is_dir():
        raise ForwardError(f"{found} is not a folder")
    if not os.access(found, os.W_OK | os.X_OK):
        raise ForwardError(f"{found} can't be written to by this user")
