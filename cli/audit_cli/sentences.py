"""Errors that can be expected, as one sentence with what to do. Anything else is a bug, and shows."""

import errno
import sqlite3
import sys
from collections.abc import Iterator
from typing import Any

from audit_runtime import ConfigurationError, UncheckedError
from audit_schemas import SchemaError, printable
from confluent_kafka import KafkaException
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from audit_cli.settings import all_settings

__all__ = ["sentence_of"]

_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)


def sentence_of(error: Exception) -> str | None:
    """Return what to tell the user; None for what nobody expected."""
    if isinstance(error, UncheckedError):
        return sentence_of(error.__cause__) if isinstance(error.__cause__, Exception) else None
    if isinstance(error, ValidationError):
        return _settings(error)
    if isinstance(error, KafkaException):
        return f"Kafka's client: {error.args[0].str()}"
    if isinstance(error, OSError | sqlite3.OperationalError):
        return _unwritable(error)
    if isinstance(error, tuple(_ours())):
        return printable(str(error)).replace("\\u000a", "\n")
    return _elasticsearch(error)


def _ours() -> Iterator[type[Exception]]:
    """Yield the base errors of the components that this command has imported."""
    yield from (ConfigurationError, SchemaError)
    for module, name in (
        ("audit_producer.errors", "PublishError"),
        ("audit_consumer.errors", "ConsumerError"),
        ("audit_query.errors", "QueryError"),
        ("audit_alerts.errors", "AlertError"),
        ("audit_forward.errors", "ForwardError"),
        ("audit_seal.errors", "SealError"),
        ("audit_local.errors", "LocalError"),
        ("audit_secrets.errors", "SecretsError"),
    ):
        if module in sys.modules:
            yield getattr(sys.modules[module], name)


def _unwritable(error: OSError | sqlite3.OperationalError) -> str | None:
    if isinstance(error, sqlite3.OperationalError):  # what a report of chats has no memory for
        return f"the temporary file could not be written: {error}. Set TMPDIR to a folder with room"
    if error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if error.errno in _UNWRITABLE:
        return f"the output could not be written and is incomplete: {error.strerror}"
    return _elasticsearch(error)


def _settings(error: ValidationError) -> str:
    """Name the variables that are wrong, and never their values: one may be a secret."""
    prefix = "AUDITLOG_LOCAL_" if error.title == "LocalSettings" else "AUDITLOG_"
    wrong = [
        f"{prefix}{str(detail['loc'][0]).upper()}: {_meant(detail)}"
        for detail in error.errors(include_url=False, include_input=False)
        if detail["loc"]
    ]
    return "; ".join(wrong) or str(error)


def _meant(detail: ErrorDetails) -> str:
    """Say what is wrong; where pydantic can only quote a pattern, what the setting is for."""
    if detail["type"] == "string_pattern_mismatch":
        name = str(detail["loc"][0]).upper()
        for setting in all_settings():
            if setting.variable.endswith(name):
                return f"is not valid. {setting.description}"
    return detail["msg"]


def _elasticsearch(error: Exception) -> str | None:  # noqa: PLR0911 - one an error
    if "audit_runtime.elastic" not in sys.modules:
        return None
    import elasticsearch  # noqa: PLC0415 - an extra
    from audit_runtime.elastic import AnswerTooLargeError  # noqa: PLC0415 - needs it

    if isinstance(error, elasticsearch.AuthenticationException):
        return (
            "Elasticsearch refuses the credentials. Set AUDITLOG_ELASTICSEARCH_USERNAME and "
            "AUDITLOG_ELASTICSEARCH_PASSWORD, or AUDITLOG_ELASTICSEARCH_API_KEY"
        )
    if isinstance(error, elasticsearch.AuthorizationException):
        return (
            f"Elasticsearch refuses this user the action: {_reason(error)}. Set "
            "AUDITLOG_ELASTICSEARCH_USERNAME to one who has the role for it: "
            "deploy/elasticsearch/roles.yml"
        )
    if isinstance(error, elasticsearch.ApiError):
        return f"Elasticsearch refuses the request: {error.meta.status} {_reason(error)}"
    if isinstance(error, AnswerTooLargeError):
        return f"{error}. Ask for less: a shorter time (--from, --to), or another filter"
    if isinstance(error, elasticsearch.TransportError):
        return (
            f"Elasticsearch does not answer ({type(error).__name__}). Is it up? "
            "Set AUDITLOG_ELASTICSEARCH_URL, or start one with: auditlog local up"
        )
    return None


def _reason(error: Any) -> str:
    """Return Elasticsearch's own words, which say more than the name of the error."""
    body = error.body if isinstance(error.body, dict) else {}
    found = body.get("error", {})
    if isinstance(found, dict) and found.get("root_cause"):
        found = found["root_cause"][0]  # a search's own reason is "all shards failed"
    reason = found.get("reason") if isinstance(found, dict) else None
    return printable(str(reason or error.message))[:300]
