"""Where streams go: one module a receiver."""

from typing import assert_never

from audit_forward.errors import ForwardError
from audit_forward.receiver_tables import (
    FilesTable,
    KafkaTable,
    S3Table,
    SplunkTable,
    SyslogTable,
    WebhookTable,
)
from audit_forward.receivers.files import FilesReceiver
from audit_forward.receivers.kafka import KafkaReceiver
from audit_forward.receivers.receiver import Answer, Receiver
from audit_forward.receivers.s3 import S3Receiver
from audit_forward.receivers.splunk import SplunkReceiver
from audit_forward.receivers.syslog import SyslogReceiver
from audit_forward.receivers.webhook import WebhookReceiver
from audit_forward.settings import ForwardSettings
from audit_forward.stream_file import StreamFile

__all__ = ["Answer", "Receiver", "receiver_of"]


def receiver_of(stream: StreamFile, settings: ForwardSettings) -> Receiver:
    """Return a stream's receiver, not connected yet. Raises CredentialsError, ForwardError.

    The topics that the log itself reads are no receiver's: alerts that are sent to theirs would be read
    and sent again without end, and what is no published event would be dead-lettered.
    """
    seconds = settings.stream_attempt_seconds
    match stream.to:
        case WebhookTable() as table:
            return WebhookReceiver(table, stream.name, settings, seconds)
        case SplunkTable() as table:
            return SplunkReceiver(table, settings, seconds)
        case SyslogTable() as table:
            return SyslogReceiver(table, seconds)
        case KafkaTable() as table:
            own = (settings.topic, settings.dead_letter_topic, settings.alerts_topic)
            if table.servers is None and table.topic in own:
                raise ForwardError(f"topic {table.topic} is the log's own; name another one")
            return KafkaReceiver(table, settings, seconds)
        case FilesTable() as table:
            return FilesReceiver(table, stream.name)
        case S3Table() as table:
            return S3Receiver(table, stream.name, settings, seconds)
        case other:
            assert_never(other)
