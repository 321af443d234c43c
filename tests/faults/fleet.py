"""Servers that a test may kill, freeze and start again: a broker and an Elasticsearch of its own."""

import base64
import contextlib
import hashlib
import http.client
import os
import random
import signal
import tempfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
from audit_local import LocalSettings, kafka
from audit_local.artifacts import elasticsearch_home, kafka_libraries
from audit_local.elasticsearch import start_elasticsearch
from audit_local.java import find_java
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import Running, wait_until_ready, write_file
from rich.console import Console
from support.servers import Servers

__all__ = [
    "Broker",
    "Fleet",
    "Search",
    "Server",
    "User",
    "hashed_password",
    "running_broker",
    "running_fleet",
    "running_search",
]

_CONSOLE = Console(stderr=True, emoji=False)
_START_SECONDS = 180.0
_BELOW_EPHEMERAL = (15_000, 32_000)
"""Ports that no client is given for its own end: a server that was killed finds its own free."""

_QUICK_GROUPS = {
    "group.consumer.session.timeout.ms": "3000",
    "group.consumer.min.session.timeout.ms": "1000",
    "group.consumer.heartbeat.interval.ms": "500",
    "group.consumer.min.heartbeat.interval.ms": "100",
}
"""Under group.protocol=consumer the broker says when a member is dead."""


class Server(ABC):
    """One server process and its children. Its port and its data stay the same for good."""

    name: str

    def __init__(self, folder: Path) -> None:
        self.home = folder
        self.port = free_port(*random.sample(range(*_BELOW_EPHEMERAL), 20))
        self._running: Running | None = None

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
        """Start it, and return at once."""
        self._running = self._dispatch()

    def wait(self) -> None:
        """Return when it answers. Raises ServerFailedError."""
        assert self._running is not None, f"{self.name} was never launched"
        wait_until_ready(self.name, self._running, self.log, _START_SECONDS, self.is_ready)

    def kill(self) -> None:
        """End it by kill -9, with all its children, and return when it is gone."""
        family = self._family()
        for process in reversed(family):  # children first: no launcher sees its server end
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)
        assert not self.is_alive(), f"{self.name} survived kill -9"

    def freeze(self) -> None:
        """Let it stand still: connections stay open, and nothing answers."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on. Does nothing if it was not frozen."""
        self._signal(signal.SIGCONT)

    def revive(self) -> None:
        """Thaw it or launch it again, whatever was done to it, and return at once."""
        self.thaw()
        if not self.is_alive():
            self.launch()

    @abstractmethod
    def is_ready(self) -> bool:
        """Tell whether it answers."""

    @abstractmethod
    def _dispatch(self) -> Running: ...

    def _family(self) -> list[psutil.Process]:
        if self._running is None:
            return []
        with contextlib.suppress(psutil.NoSuchProcess):
            process = psutil.Process(self._running.pid)
            if abs(process.create_time() - self._running.born) < 1:
                return [process, *process.children(recursive=True)]
        return []

    def _signal(self, number: signal.Signals) -> None:
        for process in self._family():
            with contextlib.suppress(psutil.NoSuchProcess):
                process.send_signal(number)


class Broker(Server):
    """Kafka. `properties` are lines of server.properties, on top of the usual ones."""

    name = "kafka"

    def __init__(self, folder: Path, properties: Mapping[str, str] | None = None) -> None:
        super().__init__(folder)
        self.properties = _QUICK_GROUPS | dict(properties or {})

    def is_ready(self) -> bool:
        """Tell whether a client's metadata call is answered."""
        return kafka.is_ready(self.port)

    def _dispatch(self) -> Running:
        local = LocalSettings()
        libraries, java = kafka_libraries(local.cache, _CONSOLE), _java(local)
        heap = local.kafka_heap
        return kafka.start_kafka(self.home, libraries, java, self.port, heap, self.properties)


@dataclass(frozen=True)
class User:
    """A user of Elasticsearch's file realm, and what it may do (an entry of roles.yml)."""

    name: str
    password: str
    role: str
    """What stands below the role's name in roles.yml, as YAML in one line, such as
    `{cluster: [monitor], indices: [{names: ["a-*"], privileges: [read]}]}`; or `superuser`."""


class Search(Server):
    """Elasticsearch. `settings` are lines of elasticsearch.yml, on top of the usual ones.

    With users it is secured: the first one has to be a superuser, and is whom tests look in with.
    """

    name = "elasticsearch"

    def __init__(
        self, folder: Path, settings: Mapping[str, str] | None = None, users: tuple[User, ...] = ()
    ) -> None:
        super().__init__(folder)
        self.settings = dict(settings or {})
        self._users = {user.name: user for user in users}
        if users:
            self.settings |= {
                "xpack.security.enabled": "true",
                "xpack.security.autoconfiguration.enabled": "false",
                "xpack.security.authc.realms.file.file1.order": "0",
                "xpack.security.authc.realms.file.file1.cache.ttl": "0",
                "resource.reload.interval.high": "1s",
            }

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.address}"

    @property
    def login(self) -> tuple[str, str] | None:
        """The first user, if there are users."""
        first = next(iter(self._users.values()), None)
        return (first.name, first.password) if first else None

    def set_password(self, name: str, password: str) -> None:
        """Rotate a user's password. A running server sees it within about a second."""
        user = self._users[name]
        self._users[name] = User(user.name, password, user.role)
        self._write_users()

    def is_ready(self) -> bool:
        """Tell whether it answers and can take documents."""
        headers = {}
        if self.login is not None:
            headers["authorization"] = (
                f"Basic {base64.b64encode(':'.join(self.login).encode()).decode()}"
            )
        connection = http.client.HTTPConnection(LOOPBACK, self.port, timeout=3)
        try:
            connection.request(
                "GET", "/_cluster/health?wait_for_status=yellow&timeout=1s", headers=headers
            )
            return connection.getresponse().status == http.HTTPStatus.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _dispatch(self) -> Running:
        local = LocalSettings()
        distribution, java = elasticsearch_home(local.cache, _CONSOLE), _java(local)
        if self._users:
            self._write_users()
        heap = local.elasticsearch_heap
        return start_elasticsearch(self.home, distribution, java, self.port, heap, self.settings)

    def _write_users(self) -> None:
        config = self.home / "config"
        config.mkdir(parents=True, exist_ok=True)
        users = self._users.values()
        texts = {
            "users": "".join(f"{user.name}:{hashed_password(user.password)}\n" for user in users),
            "users_roles": "".join(f"{_role(user)}:{user.name}\n" for user in users),
            "roles.yml": "".join(
                f"{_role(user)}: {user.role}\n" for user in users if user.role != "superuser"
            ),
        }
        for name, text in texts.items():
            write_file(config / name, text, self.home)


def _role(user: User) -> str:
    return user.role if user.role == "superuser" else f"role-of-{user.name}"


def hashed_password(password: str) -> str:
    """Return a password as Elasticsearch's file realm keeps it: no tool is started for it."""
    salt, rounds = os.urandom(32), 10_000
    digest = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, rounds, 32)
    salted, hashed = (base64.b64encode(part).decode() for part in (salt, digest))
    return f"{{PBKDF2}}{rounds}${salted}${hashed}"


def _java(local: LocalSettings) -> Path:
    return find_java(local.java_home, local.cache / "java")


@dataclass(frozen=True)
class Fleet:
    """Both servers."""

    broker: Broker
    search: Search

    @property
    def servers(self) -> Servers:
        """Where both answer."""
        return Servers(self.broker.address, self.search.url, self.search.login)

    def heal(self) -> None:
        """Bring both back to work, whatever was done to them, and return when they answer."""
        for server in (self.broker, self.search):
            server.revive()
        for server in (self.broker, self.search):
            server.wait()


@contextlib.contextmanager
def _started(*servers: Server) -> Iterator[None]:
    """Run servers; they are killed in the end, since nobody wants their data."""
    os.umask(0o022)  # the servers' account has to reach what we make
    try:
        for server in servers:
            server.home.mkdir(parents=True)
            server.launch()
        for server in servers:
            server.wait()
        yield
    finally:
        for server in servers:
            server.kill()


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="auditlog-faults-") as folder:
        Path(folder).chmod(0o755)  # the servers run as another account, where root runs the tests
        yield Path(folder)


@contextlib.contextmanager
def running_fleet() -> Iterator[Fleet]:
    """Run a broker and an Elasticsearch."""
    with _folder() as folder:
        fleet = Fleet(Broker(folder / "kafka"), Search(folder / "elasticsearch"))
        with _started(fleet.broker, fleet.search):
            yield fleet


@contextlib.contextmanager
def running_search(
    settings: Mapping[str, str] | None = None, users: tuple[User, ...] = ()
) -> Iterator[Search]:
    """Run an Elasticsearch with settings of its own, secured if it has users."""
    with _folder() as folder:
        search = Search(folder / "elasticsearch", settings, users)
        with _started(search):
            yield search


@contextlib.contextmanager
def running_broker(properties: Mapping[str, str] | None = None) -> Iterator[Broker]:
    """Run a broker with properties of its own."""
    with _folder() as folder:
        broker = Broker(folder / "kafka", properties)
        with _started(broker):
            yield broker
