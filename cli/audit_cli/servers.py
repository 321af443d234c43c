"""Which servers the commands talk to: those named in the environment, else the embedded ones."""

import os
from importlib.util import find_spec
from pathlib import Path

__all__ = ["ELASTICSEARCH_URL", "KAFKA_SERVERS", "servers_are_named", "use_local_servers"]

KAFKA_SERVERS = "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"
ELASTICSEARCH_URL = "AUDITLOG_ELASTICSEARCH_URL"
_ELASTICSEARCH = "AUDITLOG_ELASTICSEARCH_"
_CREDENTIALS = [
    f"{_ELASTICSEARCH}{name}"
    for name in ("USERNAME", "PASSWORD", "PASSWORD_FILE", "API_KEY", "API_KEY_FILE")
]


def servers_are_named() -> bool:
    """Tell whether the environment names servers; then nothing embedded is used."""
    return KAFKA_SERVERS in os.environ or ELASTICSEARCH_URL in os.environ


def use_local_servers() -> None:
    """Set the addresses of the embedded servers, if the environment names none.

    Also of those that do not run now: a command must say so, and never go on with whatever else
    listens on the usual ports. In the environment, so that processes that we start find them too.
    """
    if servers_are_named() or find_spec("psutil") is None:
        return
    from audit_local import (  # noqa: PLC0415
        ELASTICSEARCH,
        KAFKA,
        USER,
        LocalSettings,
        Stack,
        addresses,
    )
    from rich.console import Console  # noqa: PLC0415

    stack = Stack(LocalSettings(), Console(stderr=True, emoji=False))
    known = stack.known()
    if kafka := addresses(known, KAFKA):
        os.environ[KAFKA_SERVERS] = kafka
    if elastic := addresses(known, ELASTICSEARCH):
        os.environ[ELASTICSEARCH_URL] = elastic
        _log_in(stack.password_file(), USER)


def _log_in(password_file: Path | None, user: str) -> None:
    """Set the credentials of the embedded Elasticsearch, if the environment has none."""
    if password_file is not None and not any(name in os.environ for name in _CREDENTIALS):
        os.environ[f"{_ELASTICSEARCH}USERNAME"] = user
        os.environ[f"{_ELASTICSEARCH}PASSWORD_FILE"] = str(password_file)
