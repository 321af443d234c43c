"""The servers that fault tests break: one broker and one Elasticsearch, restarted as needed."""

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from audit_local.ports import LOOPBACK, free_port
from support.server_processes import Broker, Search, User, started
from support.servers import Servers

__all__ = ["ADMIN", "WRITER", "Fleet", "running_fleet"]

WRITER = User(
    "writer",
    "first-password",
    "{cluster: [monitor], indices: [{names: ['test-*'], "
    "privileges: [create_doc, auto_configure, view_index_metadata, read]}]}",
)
"""What `auditlog doctor` asks of the consumer's user, and no more; in Kafka too, with this password."""

ADMIN = User(
    "admin", "admin-password", "{cluster: [all], indices: [{names: ['*'], privileges: [all]}]}"
)


@dataclass(frozen=True)
class Fleet:
    """Both servers. Whoever gives no credentials may do everything."""

    broker: Broker
    search: Search
    secured_kafka: str
    """Where the same broker asks for credentials."""

    @property
    def servers(self) -> Servers:
        """Where both answer."""
        return Servers(self.broker.address, self.search.url)

    def heal(self) -> None:
        """Bring both back to work, whatever was done to them, and return when they answer."""
        for server in (self.broker, self.search):
            server.revive()
        for server in (self.broker, self.search):
            server.wait()

    def configure(self, settings: Mapping[str, str]) -> None:
        """Let Elasticsearch have these settings alone; it is restarted if it has others."""
        if self.search.settings != dict(settings):
            self.search.kill()
            self.search.settings = dict(settings)
        self.heal()


@contextlib.contextmanager
def running_fleet(folder: Path) -> Iterator[Fleet]:
    """Run both, with their data in a folder that other accounts may enter."""
    broker, secured = Broker(folder / "kafka"), f"{LOOPBACK}:{free_port()}"
    broker.properties |= _with_credentials(broker.address, secured)
    fleet = Fleet(broker, Search(folder / "elasticsearch", users=(WRITER, ADMIN)), secured)
    with started(fleet.broker, fleet.search):
        yield fleet


def _with_credentials(everyone: str, secured: str) -> Mapping[str, str]:
    """Return what lets a broker listen at a second address, for those who log in."""
    controller = f"{LOOPBACK}:{free_port()}"
    advertised = f"PLAINTEXT://{everyone},SECURED://{secured}"
    login = "org.apache.kafka.common.security.plain.PlainLoginModule required"
    return {
        "controller.quorum.voters": f"1@{controller}",
        "listeners": f"{advertised},CONTROLLER://{controller}",
        "advertised.listeners": advertised,
        "listener.security.protocol.map": (
            "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SECURED:SASL_PLAINTEXT"
        ),
        "sasl.enabled.mechanisms": "PLAIN",
        "listener.name.secured.plain.sasl.jaas.config": (
            f'{login} user_{WRITER.name}="{WRITER.password}";'
        ),
    }
