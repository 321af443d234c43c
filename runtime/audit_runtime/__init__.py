"""What our processes share: settings, back-off, stop requests, lists, files that appear whole.

Needs pydantic alone. What needs more stands in modules of its own, which are public too: `kafka` (its
client), `elastic` (the Elasticsearch client), `hits` (pages of what it finds), `logs` (structlog),
`monitor` (prometheus-client) and `terminal` (typer, rich). So does `http_client`, since few need it.
"""

from audit_runtime.backoff import Backoff
from audit_runtime.durable import sync, write_durably
from audit_runtime.errors import (
    ConfigurationError,
    CredentialsError,
    MonitorError,
    UncheckedError,
)
from audit_runtime.file_state import FileState
from audit_runtime.output_file import output_file
from audit_runtime.owner import is_dead, owner_name
from audit_runtime.record_limits import MAX_RECORD_BYTES, oversized
from audit_runtime.reference_list import (
    LIST_NAME,
    ListError,
    Network,
    ReferenceList,
    parse_list,
)
from audit_runtime.reference_lists import DENIED_LIST, ListFolder, ReferenceLists
from audit_runtime.settings import (
    ElasticsearchSettings,
    EventSettings,
    KafkaSettings,
    LogFormat,
    LogSettings,
    OptionalPath,
    PageSettings,
    SecretSettings,
    TopicName,
    check_web_address,
    secret_of,
)
from audit_runtime.signals import stop_requests
from audit_runtime.signature import SIGNATURE, TIMESTAMP, signed_headers
from audit_runtime.suggestions import did_you_mean

__all__ = [
    "DENIED_LIST",
    "LIST_NAME",
    "MAX_RECORD_BYTES",
    "SIGNATURE",
    "TIMESTAMP",
    "Backoff",
    "ConfigurationError",
    "CredentialsError",
    "ElasticsearchSettings",
    "EventSettings",
    "FileState",
    "KafkaSettings",
    "ListError",
    "ListFolder",
    "LogFormat",
    "LogSettings",
    "MonitorError",
    "Network",
    "OptionalPath",
    "PageSettings",
    "ReferenceList",
    "ReferenceLists",
    "SecretSettings",
    "TopicName",
    "UncheckedError",
    "check_web_address",
    "did_you_mean",
    "is_dead",
    "output_file",
    "oversized",
    "owner_name",
    "parse_list",
    "secret_of",
    "signed_headers",
    "stop_requests",
    "sync",
    "write_durably",
]
