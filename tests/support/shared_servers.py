"""The servers that all workers of a run share: launched by the first that needs them."""

import os
import socket
from pathlib import Path
from urllib.parse import urlsplit

from audit_local.process import change_owner
from support.run_folder import CONTAINERS, RunFolder
from support.server_processes import Broker, IdentityProvider, Search
from support.servers import Servers

__all__ = [
    "KEYCLOAK_PORT",
    "launch_identity_provider",
    "launch_servers",
    "shared_identity_provider",
    "shared_servers",
    "snapshots_folder",
]

KEYCLOAK_PORT = "AUDITLOG_TEST_KEYCLOAK_PORT"
"""The variable for a Keycloak of one's own, of `auditlog local up --identity`."""

_SHARED = "shared"
_SNAPSHOTS = "snapshots"


def launch_servers(run: RunFolder) -> None:
    """Launch the embedded servers if they are what tests get and do not run; return at once."""
    if _named() is None and not _in_containers():
        _embedded(run)


def shared_servers(run: RunFolder) -> Servers:
    """Return the servers that the environment names, else containers, else the embedded ones.

    AUDITLOG_TEST_SERVERS=embedded or containers insists on one. Blocks until they answer.
    """
    if (named := _named()) is not None:
        return named
    if _in_containers():
        from support.server_containers import shared_containers  # noqa: PLC0415 - slow, and rare

        with run.locked(CONTAINERS) as folder:
            return shared_containers(folder)
    broker, search = _embedded(run)
    broker.wait()
    search.wait()
    return Servers(broker.address, search.url)


def launch_identity_provider(run: RunFolder) -> IdentityProvider:
    """Launch Keycloak if it does not run, and return at once: it takes half a minute."""
    os.umask(0o022)
    with run.locked("identity") as folder:
        found = IdentityProvider(folder / "keycloak")
        found.launch_once()
    return found


def shared_identity_provider(run: RunFolder) -> int:
    """Return the port of a Keycloak; KEYCLOAK_PORT names one that runs already."""
    if named := os.environ.get(KEYCLOAK_PORT):
        return int(named)
    provider = launch_identity_provider(run)
    provider.wait()
    return provider.port


def snapshots_folder(run: RunFolder) -> Path | None:
    """Return the folder that the embedded Elasticsearch may keep snapshots in; None if others serve."""
    folder = run.path / _SHARED / _SNAPSHOTS
    return folder if folder.exists() else None


def _named() -> Servers | None:
    kafka = os.environ.get("AUDITLOG_KAFKA_BOOTSTRAP_SERVERS")
    elastic = os.environ.get("AUDITLOG_ELASTICSEARCH_URL")
    return Servers(kafka, elastic) if kafka and elastic else None


def _in_containers() -> bool:
    insisted = os.environ.get("AUDITLOG_TEST_SERVERS")
    if insisted == "embedded" or (insisted != "containers" and not _engine_answers()):
        return False
    from support.server_containers import has_images  # noqa: PLC0415 - slow, and rarely needed

    return has_images(insisted=insisted == "containers")


def _engine_answers() -> bool:
    """Tell whether anything listens where the Docker engine should.

    Asked by hand, since docker's own client leaves a socket open where nothing answers.
    """
    address = urlsplit(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    local = address.scheme == "unix"
    family = socket.AF_UNIX if local else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.settimeout(2)
        target = address.path if local else (address.hostname or "", address.port or 2375)
        try:
            probe.connect(target)
        except OSError:
            return False
    return True


def _embedded(run: RunFolder) -> tuple[Broker, Search]:
    os.umask(0o022)  # the servers' account has to reach what we make
    with run.locked(_SHARED) as folder:
        snapshots = folder / _SNAPSHOTS
        if not snapshots.exists():
            snapshots.mkdir()
            change_owner(snapshots)
        broker = Broker(folder / "kafka")
        search = Search(folder / "elasticsearch", {"path.repo": str(snapshots)})
        for server in (broker, search):
            server.launch_once()
    return broker, search
