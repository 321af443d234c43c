"""Which servers the commands talk to: those named in the environment, else the embedded ones."""

import os
from importlib.util import find_spec

__all__ = ["ELASTICSEARCH_URL", "KAFKA_SERVERS", "servers_are_named", "use_local_servers"]

KAFKA_SERVERS = "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"
ELASTICSEARCH_URL = "AUDITLOG_ELASTICSEARCH_URL"


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
        KAFKA,
        LocalSettings,
        Stack,
    )
    from rich.console import Console  # noqa: PLC0415

    for server in Stack(LocalSettings(), Console(stderr=True, emoji=False)).known():
        if server.name == KAFKA:
            os.environ[KAFKA_SERVERS] = server.address
        else:
            os.environ[ELASTICSEARCH_URL] = f"http://{server.address}"
