"""Server processes that tests may kill, freeze and start again."""

import base64
import contextlib
import hashlib
import os
import random
import signal
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil
from audit_local import LocalSettings, elasticsearch, kafka, keycloak
from audit_local.artifacts import elasticsearch_home, kafka_libraries, keycloak_home
from audit_local.class_archive import kafka_classes
from audit_local.java import find_java
from audit_local.member import Member
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import Running, stop, wait_until_ready, write_file
from rich.console import Console
from support.conditions import wait_until
from support.process_records import (
    family_of,
    is_recorded,
    is_stopped,
    kill,
    read_record,
    write_record,
)

__all__ = [
    "Broker",
    "IdentityProvider",
    "Search",
    "Server",
    "User",
    "hashed_password",
    "lasting_port",
    "started",
]

_CONSOLE = Console(stderr=True, emoji=False)
_START_SECONDS = 300.0
_SHORT_LIVED = (elasticsearch.ONE_COMPILER, "-XX:+UseSerialGC")
"""The second compiler and the parallel collector pay off after minutes; until then they only cost."""
_BELOW_EPHEMERAL = (15_000, 32_000)
"""Ports that no client is given for its own end: a server that was killed finds its own free."""

_QUICK_GROUPS = {
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "100",
}
"""Under group.protocol=consumer the broker says when a member is dead."""

_NO_LOOK_AT_THE_DISK = {"cluster.info.update.interval": "1h"}
"""Each look takes back the block of a full disk, which a test may just have set."""

_WITH_USERS = {
    "xpack.security.enabled": "true",
    "xpack.security.autoconfiguration.enabled": "false",
    "xpack.security.authc.realms.file.file1.order": "0",
    "xpack.security.authc.realms.file.file1.cache.ttl": "0",
    "xpack.security.authc.anonymous.roles": "superuser",
    "resource.reload.interval.high": "1s",
}


class Server(ABC):
    """One server process and its children. Its port and its data stay the same for good."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.port = lasting_port()
        self._running: Running | None = None

    def launch_once(self) -> None:
        """Launch it, unless another worker has: then be the one that runs in this folder."""
        if is_recorded(self.home):
            self.port, pid, born = read_record(self.home)
            self._running = Running(pid, born)
        else:
            self.launch()

    @property
    def address(self) -> str:
        """host:port, on the loopback address."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """What the server wrote, over all its lives."""
        return self.home / f"{self.name}.log"

    def is_alive(self) -> bool:
        """Tell whether the process is there, frozen or not."""
        return self._running is not None and self._running.is_alive()

    def start(self) -> None:
        """Start it, and return when it answers. Raises ServerFailedError."""
        self.launch()
        self.wait()

    def launch(self) -> None:
        """Start it, and return at once. Whoever ends the run finds it on record."""
        self.home.mkdir(parents=True, exist_ok=True)
        self._running = self._launch()
        write_record(self.home, self.port, self._running.pid, self._running.born)

    def wait(self) -> None:
        """Return when it answers. Raises ServerFailedError."""
        assert self._running is not None, f"{self.name} was never launched"
        wait_until_ready(self.name, self._running, self.log, _START_SECONDS, self.is_ready)

    def kill(self) -> None:
        """End it by kill -9, with all its children, and return when it is gone."""
        if self._running is not None:
            kill(self._running.pid, self._running.born)
        assert not self.is_alive(), f"{self.name} survived kill -9"

    def freeze(self) -> None:
        """Let it stand still: connections stay open, and nothing answers.

        A signal to stop reaches each thread when that runs next; until then it may still answer.
        """
        self._signal(signal.SIGSTOP)
        wait_until(lambda: all(map(is_stopped, self.processes())), what=f"{self.name} stands still")

    def terminate(self) -> None:
        """Let it end in order, and return when it is gone."""
        if self._running is not None:
            stop(self._running)

    def thaw(self) -> None:
        """Let it go on. Does nothing if it was not frozen."""
        self._signal(signal.SIGCONT)

    def revive(self) -> None:
        """Thaw it or launch it again, whatever was done to it, and return at once."""
        self.thaw()
        if not self.is_alive():
            self.launch()

    def processes(self) -> list[psutil.Process]:
        """Return its process and that one's children; nothing if it is gone."""
        return family_of(self._running.pid, self._running.born) if self._running else []

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it answers."""

    @abstractmethod
    def _launch(self) -> Running: ...

    def _signal(self, number: signal.Signals) -> None:
        for process in self.processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


class Broker(Server):
    """Kafka. `properties` are lines of server.properties, on top of the usual ones."""

    name = "kafka"

    def __init__(
        self,
        folder: Path,
        properties: Mapping[str, str] | None = None,
        *,
        heap: str = "512m",
        member: Member | None = None,
    ) -> None:
        super().__init__(folder)
        self.properties = _QUICK_GROUPS | dict(properties or {})
        self._heap = heap
        self._member = member

    def is_ready(self) -> bool:
        """Tell whether a client's metadata call is answered."""
        return kafka.is_ready(self.port)

    def _launch(self) -> Running:
        libraries = kafka_libraries(LocalSettings().cache, _CONSOLE)
        classes = f"-XX:SharedArchiveFile={kafka_classes(libraries, _java())}"
        return kafka.start_kafka(
            self.home,
            libraries,
            _java(),
            self.port,
            self._heap,
            self.properties,
            (*_SHORT_LIVED, classes),
            self._member,
        )


@dataclass(frozen=True)
class User:
    """A user of Elasticsearch's file realm, and what it may do."""

    name: str
    password: str
    role: str
    """An entry of roles.yml, as YAML in one line, such as
    `{cluster: [monitor], indices: [{names: ["a-*"], privileges: [read]}]}`."""


class Search(Server):
    """Elasticsearch. `settings` are lines of elasticsearch.yml, on top of the usual ones.

    With users it refuses wrong credentials. Who gives none may do everything, as without users.
    """

    name = "elasticsearch"

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, str] | None = None,
        users: tuple[User, ...] = (),
        *,
        heap: str = "768m",
        member: Member | None = None,
    ) -> None:
        super().__init__(folder)
        self._heap = heap
        self._member = member
        self.settings = dict(settings or {})
        self._users = {user.name: user for user in users}

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    def set_password(self, name: str, password: str) -> None:
        """Rotate a user's password. A running server sees it within about a second."""
        user = self._users[name]
        self._users[name] = User(user.name, password, user.role)
        self._write_users()

    def is_ready(self) -> bool:
        """Tell whether it answers and can take documents."""
        return elasticsearch.is_ready(self.port)

    def _launch(self) -> Running:
        distribution = elasticsearch_home(LocalSettings().cache, _CONSOLE)
        if self._users:
            self._write_users()
        return elasticsearch.start_elasticsearch(
            self.home,
            distribution,
            _java(),
            self.port,
            self._heap,
            _NO_LOOK_AT_THE_DISK | (_WITH_USERS if self._users else {}) | self.settings,
            _SHORT_LIVED[:1],
            member=self._member,
        )

    def _write_users(self) -> None:
        config = self.home / "config"
        config.mkdir(parents=True, exist_ok=True)
        users = self._users.values()
        texts = {
            "users": "".join(f"{user.name}:{hashed_password(user.password)}\n" for user in users),
            "users_roles": "".join(f"role-of-{user.name}:{user.name}\n" for user in users),
            "roles.yml": "".join(f"role-of-{user.name}: {user.role}\n" for user in users),
        }
        for name, text in texts.items():
            write_file(config / name, text, self.home)


class IdentityProvider(Server):
    """Keycloak, with the realm of `auditlog local up --identity`. It begins anew at each start."""

    name = "keycloak"

    def is_ready(self) -> bool:
        """Tell whether the realm answers."""
        return keycloak.is_ready(self.port)

    def _launch(self) -> Running:
        distribution = keycloak_home(LocalSettings().cache, _java(), _CONSOLE)
        return keycloak.start_keycloak(self.home, distribution, _java(), self.port, "400m")


def lasting_port() -> int:
    """Return a free port that stays free while its server is away."""
    return free_port(*random.sample(range(*_BELOW_EPHEMERAL), 20))


def hashed_password(password: str) -> str:
    """Return a password as Elasticsearch's file realm keeps it: no tool is started for it."""
    salt, rounds = os.urandom(32), 1000  # the fewest that it takes: it counts them for each request
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    salted, hashed = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"{{PBKDF2}}{rounds}${salted}${hashed}"


@cache
def _java() -> Path:
    local = LocalSettings()
    return find_java(local.java_home, local.cache / "java")


@contextlib.contextmanager
def started(*servers: Server) -> Iterator[None]:
    """Run servers; they are killed in the end, since nobody wants their data."""
    os.umask(0o022)  # the servers' account has to reach what we make
    try:
        for server in servers:
            server.launch()
        for server in servers:
            server.wait()
        yield
    finally:
        for server in servers:
            server.kill()
