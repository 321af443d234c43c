"""The embedded servers as one thing: up, down, status, reset."""

import contextlib
import json
import os
import shutil
from dataclasses import asdict, replace
from pathlib import Path

from rich.console import Console

from audit_local import elasticsearch, kafka, keycloak
from audit_local.artifacts import elasticsearch_home, kafka_libraries, keycloak_home
from audit_local.errors import LocalError
from audit_local.java import find_java
from audit_local.lock import locked
from audit_local.member import Member
from audit_local.password import new_password, password_file
from audit_local.ports import free_port
from audit_local.process import Running, stop, wait_until_ready
from audit_local.server import ELASTICSEARCH, KAFKA, KEYCLOAK, NOT_STARTED, Server, share_of_heap
from audit_local.settings import LocalSettings

__all__ = ["Stack"]

_NAMES = (KAFKA, ELASTICSEARCH, KEYCLOAK)
_INNER = 100
"""So much higher is the port at which a server hears the others of its cluster: 9192, 9300."""
_HIGHEST = 65_535


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

    def up(
        self, *, identity: bool = False, brokers: int | None = None, nodes: int | None = None
    ) -> list[Server]:
        """Start the servers that are not running, and return when they are ready.

        `identity`: Keycloak too. `brokers` and `nodes`: how many of Kafka and of Elasticsearch; None
        is as many as there were, at first one.

        Raises JavaMissingError, FetchError or ServerFailedError, or LocalError for another number
        than the data is of.
        """
        os.umask(0o022)  # the servers' account has to read what we create
        try:
            self._home.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise LocalError(
                f"{self._home} can't be created: {error.strerror}. Set AUDITLOG_LOCAL_HOME to another"
            ) from error
        with locked(self._home / ".lock"):
            self._check_number(KAFKA, brokers)
            self._check_number(ELASTICSEARCH, nodes)
            servers = [*self._launch(KAFKA, brokers), *self._launch(ELASTICSEARCH, nodes)]
            servers += self._launch(KEYCLOAK, 1) if identity else []
            for server in servers:
                self._wait_for(server, sum(other.name == server.name for other in servers))
            return servers

    def down(self) -> list[str]:
        """Stop them, keeping their data; return the names of those that were running."""
        running = self.status()
        for server in running:
            self._console.print(f"Stopping {server.title}")
        stop(*(server.process for server in running))
        return [server.title for server in running]

    def status(self) -> list[Server]:
        """Return the servers that are running."""
        return [server for server in self.known() if server.process.is_alive()]

    def known(self) -> list[Server]:
        """Return the servers that were started here, running or not."""
        try:
            found = json.loads(self._state.read_text())
            return [Server(**server | {"process": Running(**server["process"])}) for server in found]
        except (OSError, ValueError, KeyError, TypeError):
            return []

    def password_file(self) -> Path | None:
        """Return the file with the password of Elasticsearch's USER; None if it was started without."""
        file = password_file(self._home / ELASTICSEARCH.lower())
        return file if file.exists() else None

    def reset(self) -> bool:
        """Stop them and delete their data; return whether there was any. Downloads are kept.

        Other files in the folder are kept too, since the setting may name the wrong folder.
        """
        if not self._state.exists():
            return False
        self.down()
        for name in _NAMES:
            for folder in {name.lower(), *(server.folder for server in self._known(name))}:
                shutil.rmtree(self._home / folder, ignore_errors=True)
        for file in (self._state, self._home / ".lock", self._home / "demo-consumer.log"):
            file.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # not empty: it has other files
            self._home.rmdir()
        return True

    def _check_number(self, name: str, wanted: int | None) -> None:
        """Raise LocalError for another number of servers than there were: data is of a cluster."""
        number = len(self._known(name))
        if number and wanted not in (None, number):
            raise LocalError(
                f"{name}'s data in {self._home} is of {number} and not of {wanted}. Delete it with "
                "auditlog local reset, or set AUDITLOG_LOCAL_HOME to another folder"
            )

    def _known(self, name: str) -> list[Server]:
        return [server for server in self.known() if server.name == name]

    def _launch(self, name: str, wanted: int | None) -> list[Server]:
        """Start the servers of a name that are not running, on the ports they had if those are free."""
        before = {server.number: server for server in self._known(name)}
        servers = [
            self._place(before.get(number) or Server(name, 0, NOT_STARTED, number))
            for number in range(1, (wanted or len(before) or 1) + 1)
        ]
        member = Member(
            1,
            tuple(self._folder(server) for server in servers),
            tuple(server.inner_port for server in servers),
        )
        for at, server in enumerate(servers):
            if not server.process.is_alive():
                process = self._start(server, replace(member, number=server.number))
                servers[at] = replace(server, process=process)
                self._write(servers)
        return servers

    def _place(self, server: Server) -> Server:
        """Give a server that is not running its ports."""
        if server.process.is_alive():
            return server
        usual = self._usual_port(server.name) + server.number - 1
        inner = [port for port in (server.inner_port, usual + _INNER) if 0 < port <= _HIGHEST]
        ports = [port for port in (server.port, usual) if 0 < port <= _HIGHEST]
        return replace(server, port=free_port(*ports), inner_port=free_port(*inner))

    def _start(self, server: Server, member: Member) -> Running:
        settings, home, port = self._settings, self._folder(server), server.port
        java = find_java(settings.java_home, settings.cache / "java")
        if server.name == KAFKA:
            libraries = kafka_libraries(settings.cache, self._console)
            heap = share_of_heap(settings.kafka_heap, len(member.homes))
            return kafka.start_kafka(home, libraries, java, port, heap, member=member)
        if server.name == KEYCLOAK:
            distribution = keycloak_home(settings.cache, java, self._console)
            heap = settings.keycloak_heap
            return keycloak.start_keycloak(home, distribution, java, port, heap)
        distribution = elasticsearch_home(settings.cache, self._console)
        heap = share_of_heap(settings.elasticsearch_heap, len(member.homes))
        home.mkdir(parents=True, exist_ok=True)
        password = new_password(member.homes[0]) if self._requires_password else None
        return elasticsearch.start_elasticsearch(
            home, distribution, java, port, heap, password=password, member=member
        )

    def _wait_for(self, server: Server, number: int) -> None:
        with self._console.status(f"Waiting for {server.title} on {server.address}"):
            wait_until_ready(
                server.title,
                server.process,
                self._folder(server) / f"{server.name.lower()}.log",
                self._settings.start_seconds,
                lambda: self._is_ready(server, number),
            )

    def _is_ready(self, server: Server, number: int) -> bool:
        if server.name == KAFKA:
            return kafka.is_ready(server.port, number)
        if server.name == KEYCLOAK:
            return keycloak.is_ready(server.port)
        file = self.password_file()
        password = file.read_text() if file is not None else None
        return elasticsearch.is_ready(server.port, password, number)

    def _usual_port(self, name: str) -> int:
        settings = self._settings
        return {
            KAFKA: settings.kafka_port,
            ELASTICSEARCH: settings.elasticsearch_port,
            KEYCLOAK: settings.keycloak_port,
        }[name]

    def _folder(self, server: Server) -> Path:
        return self._home / server.folder

    def _write(self, servers: list[Server]) -> None:
        """Record servers in place of those of their name."""
        others = [server for server in self.known() if server.name != servers[0].name]
        ordered = sorted([*others, *servers], key=lambda server: _NAMES.index(server.name))
        fresh = self._state.with_suffix(".new")
        fresh.write_text(json.dumps([asdict(server) for server in ordered], indent=1))
        fresh.rename(self._state)
