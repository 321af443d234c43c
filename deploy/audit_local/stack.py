"""The embedded servers as one thing: up, down, status, reset."""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console

from audit_local import elasticsearch, kafka, keycloak
from audit_local.artifacts import elasticsearch_home, kafka_libraries, keycloak_home
from audit_local.errors import LocalError
from audit_local.java import find_java
from audit_local.lock import locked
from audit_local.password import new_password, password_file
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import Running, stop, wait_until_ready
from audit_local.settings import LocalSettings

__all__ = ["ELASTICSEARCH", "KAFKA", "KEYCLOAK", "Server", "Stack"]

KAFKA, ELASTICSEARCH, KEYCLOAK = "Kafka", "Elasticsearch", "Keycloak"


@dataclass(frozen=True, slots=True)
class Server:
    """A server that was started, and where it listens."""

    name: str
    port: int
    process: Running

    @property
    def address(self) -> str:
        """host:port, on the loopback address."""
        return f"{LOOPBACK}:{self.port}"


class Stack:
    """Kafka and Elasticsearch, and Keycloak if somebody asks for it.

    Their processes are recorded in `<home>/state.json`.
    Elasticsearch requires a password, unless servers are short-lived and nobody's log.
    """

    def __init__(
        self, settings: LocalSettings, console: Console, *, requires_password: bool = True
    ) -> None:
        self._settings = settings
        self._requires_password = requires_password
        self._console = console
        self._home = settings.home
        self._state = settings.home / "state.json"

    def up(self, *, identity: bool = False) -> list[Server]:
        """Start the servers that are not running, and return when they are ready.

        `identity`: Keycloak too.

        Raises JavaMissingError, FetchError or ServerFailedError.
        """
        os.umask(0o022)  # the servers' account has to read what we create
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(
                f"{self._home} can't be created: {error.strerror}. Set AUDITLOG_LOCAL_HOME to another"
            ) from error
        names = (KAFKA, ELASTICSEARCH, KEYCLOAK) if identity else (KAFKA, ELASTICSEARCH)
        with locked(self._home / ".lock"):
            servers = [self._launch(name) for name in names]
            for server in servers:
                self._wait_for(server)
            return servers

    def down(self) -> list[str]:
        """Stop them, keeping their data; return the names of those that were running."""
        running = self.status()
        for server in running:
            self._console.print(f"Stopping {server.name}")
            stop(server.process)
        return [server.name for server in running]

    def status(self) -> list[Server]:
        """Return the servers that are running."""
        return [server for server in self.known() if server.process.is_alive()]

    def known(self) -> list[Server]:
        """Return the servers that were started here, running or not."""
        try:
            found = json.loads(self._state.read_text())
            return [Server(s["name"], s["port"], Running(**s["process"])) for s in found]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def password_file(self) -> Path | None:
        """Return the file with the password of Elasticsearch's USER; None if it was started without."""
        file = password_file(self._folder(ELASTICSEARCH))
        return file if file.exists() else None

    def reset(self) -> bool:
        """Stop them and delete their data; return whether there was any. Downloads are kept.

        Other files in the folder are kept too, since the setting may name the wrong folder.
        """
        if not self._state.exists():
            return False
        self.down()
        for name in (KAFKA, ELASTICSEARCH, KEYCLOAK):
            shutil.rmtree(self._folder(name), ignore_errors=True)
        for file in (self._state, self._home / ".lock", self._home / "demo-consumer.log"):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: it has other files
            self._home.rmdir()
        return True

    def _launch(self, name: str) -> Server:
        """Start a server unless it is running, if possible on the port that it had before."""
        known = {server.name: server for server in self.known()}
        before = known.get(name)
        if before is not None and before.process.is_alive():
            return before
        port = free_port(*([before.port] if before else []), self._usual_port(name))
        server = Server(name, port, self._start(name, port))
        self._write({**known, name: server})
        return server

    def _start(self, name: str, port: int) -> Running:
        settings, home = self._settings, self._folder(name)
        java = find_java(settings.java_home, settings.cache / "java")
        if name == KAFKA:
            libraries = kafka_libraries(settings.cache, self._console)
            return kafka.start_kafka(home, libraries, java, port, settings.kafka_heap)
        if name == KEYCLOAK:
            distribution = keycloak_home(settings.cache, java, self._console)
            heap = settings.keycloak_heap
            return keycloak.start_keycloak(home, distribution, java, port, heap)
        distribution = elasticsearch_home(settings.cache, self._console)
        heap = settings.elasticsearch_heap
        home.mkdir(parents=True, exist_ok=True)
        password = new_password(home) if self._requires_password else None
        return elasticsearch.start_elasticsearch(
            home, distribution, java, port, heap, password=password
        )

    def _wait_for(self, server: Server) -> None:
        with self._console.status(f"Waiting for {server.name} on {server.address}"):
            wait_until_ready(
                server.name,
                server.process,
                self._folder(server.name) / f"{server.name.lower()}.log",
                self._settings.start_seconds,
                lambda: self._is_ready(server),
            )

    def _is_ready(self, server: Server) -> bool:
        if server.name == KAFKA:
            return kafka.is_ready(server.port)
        if server.name == KEYCLOAK:
            return keycloak.is_ready(server.port)
        file = self.password_file()
        return elasticsearch.is_ready(server.port, file.read_text() if file is not None else None)

    def _usual_port(self, name: str) -> int:
        settings = self._settings
        return {
            KAFKA: settings.kafka_port,
            ELASTICSEARCH: settings.elasticsearch_port,
            KEYCLOAK: settings.keycloak_port,
        }[name]

    def _folder(self, name: str) -> Path:
        return self._home / name.lower()

    def _write(self, servers: dict[str, Server]) -> None:
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(server) for server in servers.values()], indent=1))
        fresh.rename(self._state)
