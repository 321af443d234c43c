"""A Kafka and an Elasticsearch with TLS, users and rules: those of deploy/, and nobody else."""

import base64
import contextlib
import os
import secrets
import ssl
import subprocess
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import elasticsearch
from audit_local import LocalSettings, kafka
from audit_local.artifacts import elasticsearch_home, kafka_libraries
from audit_local.elasticsearch import start_elasticsearch
from audit_local.java import find_java
from audit_local.ports import LOOPBACK, free_port
from audit_local.process import Running, stop, wait_until_ready, write_file
from confluent_kafka import KafkaException, Producer
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from faults.fleet import hashed_password
from rich.console import Console
from support.certificates import Certificate, loopback_certificate
from support.command import auditlog
from support.servers import ROOT

__all__ = ["PASSWORD", "ROLES", "Secured", "running_secured"]

ROLES = {
    "audit-writer": "audit_writer",
    "audit-reader": "audit_reader",
    "audit-alerter": "audit_alerter",
    "audit-admin": "audit_admin",
    "root": "superuser",  # whom tests look in with
}
PRINCIPALS = (
    "audit-admin",
    "audit-publisher",
    "audit-consumer",
    "audit-reader",
    "audit-alerter",
    "audit-setup",
    "nobody-in-particular",
)
PASSWORD = secrets.token_urlsafe(24)
"""Everybody's, made anew for each run; what a test looks for where no secret may be."""

_CONSOLE = Console(stderr=True, emoji=False)


@dataclass(frozen=True)
class Secured:
    """Where the servers answer, and what each part has to say to be let in."""

    kafka: str
    search: str
    authority: str
    passwords: Path
    """Folder of NAME.password."""

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
        assert PASSWORD not in done.stdout + done.stderr
        return done

    def client(self, user: str) -> elasticsearch.Elasticsearch:
        """Return a client of Elasticsearch, as a user."""
        return elasticsearch.Elasticsearch(
            self.search, ca_certs=self.authority, basic_auth=(user, PASSWORD), max_retries=0
        )

    def kafka_config(self, principal: str) -> dict[str, Any]:
        """Return the configuration of a Kafka client, as a principal."""
        return _kafka_config(self.kafka, self.authority, principal)


@contextlib.contextmanager
def running_secured() -> Iterator[Secured]:
    """Run both servers."""
    os.umask(0o022)  # the servers' account has to reach what we make
    certificate = loopback_certificate()
    with tempfile.TemporaryDirectory(prefix="auditlog-secured-") as folder:
        home = Path(folder)
        home.chmod(0o755)
        for name in {*ROLES, *PRINCIPALS}:
            (home / f"{name}.password").write_text(f"{PASSWORD}\n")
        kafka_port, elastic_port = free_port(), free_port()
        broker = _start_kafka(home / "kafka", kafka_port, certificate)
        search = _start_elasticsearch(home / "elasticsearch", elastic_port, certificate)
        found = Secured(
            f"{LOOPBACK}:{kafka_port}",
            f"https://{LOOPBACK}:{elastic_port}",
            certificate.authority,
            home,
        )
        try:
            wait_until_ready(
                "kafka", broker, home / "kafka" / "kafka.log", 180, lambda: _kafka_is_ready(found)
            )
            wait_until_ready(
                "elasticsearch",
                search,
                home / "elasticsearch" / "elasticsearch.log",
                180,
                lambda: _elasticsearch_is_ready(found),
            )
            yield found
        finally:
            stop(broker)
            stop(search)


@cache
def _java() -> Path:
    local = LocalSettings()
    return find_java(local.java_home, local.cache / "java")


def _start_kafka(home: Path, port: int, certificate: Certificate) -> Running:
    """Start Kafka: clients, the broker itself and the controller all log in over TLS."""
    home.mkdir()
    store, authority = home / "keystore.pem", home / "authority.pem"
    authority.write_text(Path(certificate.authority).read_text())  # where its account can read it
    key = load_pem_private_key(Path(certificate.key).read_bytes(), None)
    pkcs8 = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    store.write_text(pkcs8 + Path(certificate.cert).read_text())
    local, controller = LocalSettings(), free_port()
    libraries = kafka_libraries(local.cache, _CONSOLE)
    properties = _properties(port, controller, store, authority)
    return kafka.start_kafka(home, libraries, _java(), port, local.kafka_heap, properties)


def _properties(port: int, controller: int, store: Path, authority: Path) -> Mapping[str, str]:
    users = " ".join(f'user_{name}="{PASSWORD}"' for name in ("broker", *PRINCIPALS))
    login = (
        "org.apache.kafka.common.security.plain.PlainLoginModule required "
        f'username="broker" password="{PASSWORD}" {users};'
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


def _start_elasticsearch(home: Path, port: int, certificate: Certificate) -> Running:
    config = home / "config"
    config.mkdir(parents=True)
    texts = {
        "users": "".join(f"{name}:{hashed_password(PASSWORD)}\n" for name in ROLES),
        "users_roles": "".join(f"{role}:{name}\n" for name, role in ROLES.items()),
        "roles.yml": (ROOT / "deploy" / "elasticsearch" / "roles.yml").read_text(),
        "http.crt": Path(certificate.cert).read_text(),
        "http.key": Path(certificate.key).read_text(),
    }
    for name, text in texts.items():
        write_file(config / name, text, home)
    local = LocalSettings()
    distribution = elasticsearch_home(local.cache, _CONSOLE)
    settings = {
        "xpack.security.enabled": "true",
        "xpack.security.autoconfiguration.enabled": "false",
        "xpack.security.authc.realms.file.file1.order": "0",
        "xpack.security.http.ssl.enabled": "true",
        "xpack.security.http.ssl.certificate": "http.crt",
        "xpack.security.http.ssl.key": "http.key",
    }
    return start_elasticsearch(home, distribution, _java(), port, "768m", settings)


def _kafka_config(address: str, authority: str, principal: str) -> dict[str, Any]:
    return {
        "bootstrap.servers": address,
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": principal,
        "sasl.password": PASSWORD,
        "ssl.ca.location": authority,
        "log_level": 0,
    }


def _kafka_is_ready(secured: Secured) -> bool:
    with contextlib.suppress(KafkaException):
        return bool(Producer(secured.kafka_config("audit-admin")).list_topics(timeout=1).brokers)
    return False


def _elasticsearch_is_ready(secured: Secured) -> bool:
    login = base64.b64encode(f"root:{PASSWORD}".encode()).decode()
    request = urllib.request.Request(  # noqa: S310 - our own address
        f"{secured.search}/_cluster/health?wait_for_status=yellow&timeout=1s",
        headers={"authorization": f"Basic {login}"},
    )
    context = ssl.create_default_context(cafile=secured.authority)
    with (
        contextlib.suppress(OSError),
        urllib.request.urlopen(request, timeout=3, context=context) as answer,  # noqa: S310
    ):
        return bool(answer.status == 200)
    return False
