"""A Kafka and an Elasticsearch with TLS, users and rules: those of deploy/, and nobody else."""

import contextlib
import os
import secrets
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import elasticsearch
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import Running, write_file
from confluent_kafka import KafkaException, Producer
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from support.certificates import loopback_certificate
from support.command import auditlog
from support.run_folder import RunFolder
from support.server_processes import Broker, Search, hashed_password
from support.servers import ROOT

__all__ = ["ROLES", "Secured", "launch_secured", "secured_servers"]

ROLES = {
    "audit-writer": "audit_writer",
    "audit-reader": "audit_reader",
    "audit-server": "audit_server",
    "audit-alerter": "audit_alerter",
    "audit-forwarder": "audit_forwarder",
    "audit-sealer": "audit_sealer",
    "audit-admin": "audit_admin",
    "root": "superuser",  # whom tests look in with
}
PRINCIPALS = (
    "audit-admin",
    "audit-publisher",
    "audit-page",
    "audit-consumer",
    "audit-reader",
    "audit-alerter",
    "audit-forwarder",
    "audit-sealer",
    "audit-setup",
    "nobody-in-particular",
)


@dataclass(frozen=True)
class Secured:
    """Where the servers answer, and what each part has to say to be let in."""

    kafka: str
    search: str
    authority: str
    passwords: Path
    """Folder of NAME.password."""
    password: str
    """Everybody's; what a test looks for where no secret may be."""

    def environment(self, *, kafka: str | None = None, elastic: str | None = None) -> dict[str, str]:
        """Return the variables of a part that is this principal and this user; None: nobody."""
        found = {
            "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": self.kafka,
            "AUDITLOG_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "AUDITLOG_KAFKA_SASL_MECHANISM": "PLAIN",
            "AUDITLOG_KAFKA_CA_FILE": self.authority,
            "AUDITLOG_ELASTICSEARCH_URL": self.search,
            "AUDITLOG_ELASTICSEARCH_CA_FILE": self.authority,
            "AUDITLOG_SESSION_SECONDS": "6",
        }
        for server, name in (("KAFKA", kafka), ("ELASTICSEARCH", elastic)):
            if name is not None:
                found[f"AUDITLOG_{server}_USERNAME"] = name
                found[f"AUDITLOG_{server}_PASSWORD_FILE"] = str(self.passwords / f"{name}.password")
        return found

    def run(
        self, *arguments: str, kafka: str | None = None, elastic: str | None = None, **more: str
    ) -> "subprocess.CompletedProcess[str]":
        """Run `auditlog` to its end, as that principal and that user. It prints no password."""
        environment = self.environment(kafka=kafka, elastic=elastic) | more
        done = auditlog(*arguments, **environment)
        assert self.password not in done.stdout + done.stderr
        return done

    def client(self, user: str) -> elasticsearch.Elasticsearch:
        """Return a client of Elasticsearch, as a user."""
        return elasticsearch.Elasticsearch(
            self.search, ca_certs=self.authority, basic_auth=(user, self.password), max_retries=0
        )

    def kafka_config(self, principal: str) -> dict[str, Any]:
        """Return the configuration of a Kafka client, as a principal."""
        return {
            "bootstrap.servers": self.kafka,
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "PLAIN",
            "sasl.username": principal,
            "sasl.password": self.password,
            "ssl.ca.location": self.authority,
            "log_level": 0,
        }


def launch_secured(run: RunFolder) -> None:
    """Launch both servers if no worker has; return at once."""
    _launched(run)


def secured_servers(run: RunFolder) -> Secured:
    """Return where both answer; they are launched if no worker has. Blocks until they do."""
    broker, search, secured = _launched(run)
    broker.wait()
    search.wait()
    return secured


def _launched(run: RunFolder) -> "tuple[_Broker, _Search, Secured]":
    os.umask(0o022)  # the servers' account has to reach what we make
    with run.locked("secured") as home:
        if not (home / "password").exists():
            _write_credentials(home)
        password, authority = (home / "password").read_text(), str(home / "authority.pem")
        broker = _Broker(home / "kafka", home, password)
        search = _Search(home / "elasticsearch", home, password)
        for server in (broker, search):
            server.launch_once()
    secured = Secured(broker.address, f"https://{search.address}", authority, home, password)
    broker.secured = search.secured = secured
    return broker, search, secured


def _write_credentials(home: Path) -> None:
    """Write everybody's password, made anew for each run, and a certificate."""
    certificate, password = loopback_certificate(), secrets.token_urlsafe(24)
    for name in {*ROLES, *PRINCIPALS}:
        (home / f"{name}.password").write_text(f"{password}\n")
    for name in ("cert", "key", "authority"):
        shutil.copy(getattr(certificate, name), home / f"{name}.pem")
    (home / "password").write_text(password)


class _Broker(Broker):
    """Clients, the broker itself and the controller all log in over TLS."""

    secured: Secured

    def __init__(self, folder: Path, credentials: Path, password: str) -> None:
        super().__init__(folder)
        self._credentials = credentials
        self._password = password

    def is_ready(self) -> bool:
        """Tell whether a client's metadata call is answered."""
        with contextlib.suppress(KafkaException):
            client = Producer(self.secured.kafka_config("audit-admin"))
            return bool(client.list_topics(timeout=1).brokers)
        return False

    def _launch(self) -> Running:
        store, authority = self.home / "keystore.pem", self.home / "authority.pem"
        shutil.copy(self._credentials / "authority.pem", authority)  # where its account can read it
        key = load_pem_private_key((self._credentials / "key.pem").read_bytes(), None)
        pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
        store.write_text(pkcs8 + (self._credentials / "cert.pem").read_text())
        self.properties |= _properties(self.port, free_port(), store, authority, self._password)
        return super()._launch()


class _Search(Search):
    """HTTPS alone, and the users of deploy/."""

    secured: Secured

    def __init__(self, folder: Path, credentials: Path, password: str) -> None:
        super().__init__(folder, _SEARCH_SETTINGS)
        self._credentials = credentials
        self._password = password

    def is_ready(self) -> bool:
        """Tell whether it answers and can take documents."""
        with contextlib.suppress(elasticsearch.ApiError, elasticsearch.TransportError):
            with self.secured.client("root") as client:
                client.cluster.health(wait_for_status="yellow", timeout="1s")
            return True
        return False

    def _launch(self) -> Running:
        config = self.home / "config"
        config.mkdir(parents=True, exist_ok=True)
        texts = {
            "users": "".join(f"{name}:{hashed_password(self._password)}\n" for name in ROLES),
            "users_roles": "".join(f"{role}:{name}\n" for name, role in ROLES.items()),
            "roles.yml": (ROOT / "deploy" / "elasticsearch" / "roles.yml").read_text(),
            "http.crt": (self._credentials / "cert.pem").read_text(),
            "http.key": (self._credentials / "key.pem").read_text(),
        }
        for name, text in texts.items():
            write_file(config / name, text, self.home)
        return super()._launch()


_SEARCH_SETTINGS = {
    "xpack.security.enabled": "true",
    "xpack.security.autoconfiguration.enabled": "false",
    "xpack.security.authc.realms.file.file1.order": "0",
    "xpack.security.http.ssl.enabled": "true",
    "xpack.security.http.ssl.certificate": "http.crt",
    "xpack.security.http.ssl.key": "http.key",
}


def _properties(
    port: int, controller: int, store: Path, authority: Path, password: str
) -> Mapping[str, str]:
    users = " ".join(f'user_{name}="{password}"' for name in ("broker", *PRINCIPALS))
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="broker" password="{password}" {users};'
    )
    return {
        "controller.quorum.voters": f"1@{LOOPBACK}:{controller}",
        "listeners": f"SASL_SSL://{LOOPBACK}:{port},CONTROLLER://{LOOPBACK}:{controller}",
        "advertised.listeners": f"SASL_SSL://{LOOPBACK}:{port}",
        "listener.security.protocol.map": "SASL_SSL:SASL_SSL,CONTROLLER:SASL_SSL",
        "inter.broker.listener.name": "SASL_SSL",
        "sasl.enabled.mechanisms": "PLAIN",
        "sasl.mechanism.inter.broker.protocol": "PLAIN",
        "sasl.mechanism.controller.protocol": "PLAIN",
        "listener.name.sasl_ssl.plain.sasl.jaas.config": login,
        "listener.name.controller.plain.sasl.jaas.config": login,
        "ssl.keystore.type": "PEM",
        "ssl.keystore.location": str(store),
        "ssl.truststore.type": "PEM",
        "ssl.truststore.location": str(authority),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:broker;User:audit-admin",
    }
