"""A server on record: which one it is, where it listens, and the process that serves it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from audit_local.ports import LOOPBACK
from audit_local.process import Running

__all__ = ["ELASTICSEARCH", "KAFKA", "KEYCLOAK", "NOT_STARTED", "Server", "addresses", "share_of_heap"]

KAFKA, ELASTICSEARCH, KEYCLOAK = "Kafka", "Elasticsearch", "Keycloak"

NOT_STARTED = Running(0, 0.0)
"""The process of a server that has a place in its cluster, and was never started."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started, and where it listens."""

    name: str
    port: int
    process: Running
    number: int = 1
    """Which of its cluster."""
    inner_port: int = 0
    """Where it hears the others; 0 on record of an older version, which had no cluster."""

    @property
    def title(self) -> str:
        """What people call it: Kafka, Kafka 2."""
        return self.name if self.number == 1 else f"{self.name} {self.number}"

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.title.lower().replace(" ", "-")

    @property
    def address(self) -> str:
        """host:port, on the loopback address."""
        return f"{LOOPBACK}:{self.port}"


def addresses(servers: Iterable[Server], name: str) -> str:
    """Return where the servers of a name are, as a client's setting has it; empty for none."""
    scheme = "http://" if name == ELASTICSEARCH else ""
    return ",".join(f"{scheme}{server.address}" for server in servers if server.name == name)


def share_of_heap(heap: str, servers: int) -> str:
    """Return the heap of each server: that of one, and half of it where there are several."""
    if servers == 1:
        return heap
    number, unit = re.fullmatch(r"(\d+)([mg])", heap).groups()  # type: ignore[union-attr]  # checked
    return f"{int(number) * (1024 if unit == 'g' else 1) // 2}m"
