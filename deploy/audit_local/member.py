"""One of the servers of a cluster, and what it has to know of the others."""

from dataclasses import dataclass
from pathlib import Path

from audit_local.ports import LOOPBACK, free_port

__all__ = ["Member", "alone"]


@dataclass(frozen=True, slots=True)
class Member:
    """A server's number, from 1, and of each of the cluster its folder and the port for the others."""

    number: int
    homes: tuple[Path, ...]
    inner_ports: tuple[int, ...]

    @property
    def is_alone(self) -> bool:
        """Whether the cluster is this server alone."""
        return len(self.homes) == 1

    @property
    def inner_port(self) -> int:
        """Where this one hears the others: Kafka's controller, Elasticsearch's transport."""
        return self.inner_ports[self.number - 1]

    @property
    def inner_addresses(self) -> list[str]:
        """Where each of them hears the others."""
        return [f"{LOOPBACK}:{port}" for port in self.inner_ports]


def alone(home: Path) -> Member:
    """Return the one server of a cluster of one."""
    return Member(1, (home,), (free_port(),))
