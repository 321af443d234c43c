"""`docker compose up`, for real: all healthy, nothing lost, nobody let in, nothing given away."""

import json
import re
import socket
import ssl
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import elasticsearch
import pytest
from audit_local.ports import LOOPBACK
from audit_secrets import SERVICES
from audit_secrets.roster import SERVED
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient
from containers.project import JOBS, RUNNING, Project, docker, image, service_of
from support.conditions import wait_until

pytestmark = [pytest.mark.containers, pytest.mark.timeout(1200)]

OURS = "chat-auditlog:0.1.0"
BASE = "python:3.11-slim"

KILL = """
import os, signal
for each in filter(str.isdigit, os.listdir("/proc")):
    with open(f"/proc/{each}/cmdline", "rb") as words:
        if words.read().split(b"\\0")[2:3] == [b"consume"]:
            os.kill(int(each), signal.SIGKILL)
"""
"""Kills the consumer from within: after `docker kill`, a person's stop, nothing is started again."""


def by_service(project: Project) -> dict[str, list[dict[str, Any]]]:
    """Return the containers of each service."""
    found: dict[str, list[dict[str, Any]]] = {}
    for container in project.containers():
        found.setdefault(service_of(container), []).append(container)
    return found


def nothing_is_lost(project: Project, published: int) -> bool:
    """Tell whether `auditlog verify` finds all that was published, and nothing missing."""
    done = project.run("reader", "verify", check=False)
    found = re.search(r"^published (\d+) = indexed (\d+) \+ duplicates", done.stdout, re.MULTILINE)
    return done.returncode == 0 and found is not None and int(found[1]) >= published


def test_every_service_is_healthy(project: Project) -> None:
    """And the jobs have done theirs."""
    found = by_service(project)
    states = {name: [one["State"] for one in each] for name, each in found.items()}
    assert {*RUNNING, *JOBS} == set(found)
    for name, count in RUNNING.items():
        assert ["healthy"] * count == [state["Health"]["Status"] for state in states[name]], name
    for name in JOBS:
        assert [("exited", 0)] == [(state["Status"], state["ExitCode"]) for state in states[name]]


def test_what_is_published_is_indexed(project: Project) -> None:
    """By the publisher's credentials; the reader's prove it."""
    assert "2,000 events published" in project.run("publisher", "generate", "--count", "2000").stdout
    wait_until(lambda: nothing_is_lost(project, 2000), seconds=120, pause=1, what="all is indexed")


def test_the_alert_runner_finds_what_was_generated(project: Project) -> None:
    """Its alerts are in their index, which a reader may read."""
    with project.elasticsearch("audit-reader") as client:

        def has_fired() -> bool:
            return int(client.count(index="audit-alerts", ignore_unavailable=True)["count"]) > 0

        wait_until(has_fired, seconds=180, pause=1, what="an alert has fired")


def test_the_page_answers_whoever_has_a_token(project: Project) -> None:
    """By TLS that the authority's certificate proves; the first one, and one that a person makes."""
    first = project.secrets()["analyst.token"].decode()
    made = project.run("tokens", "create", "ada").stdout.strip()
    assert project.status_of("/", first) == 200
    assert project.status_of("/api/v1/events?size=1", made) == 200


def test_the_page_refuses_whoever_has_none(project: Project) -> None:
    """Health alone is for everybody."""
    assert project.status_of("/api/v1/events") == 401
    assert project.status_of("/api/v1/events", "auditlog_guessed") == 401
    assert project.status_of("/healthz") == 200


def test_servers_refuse_whoever_does_not_log_in(project: Project) -> None:
    """Nor is there anybody called elastic, whose password somebody may know."""
    with project.elasticsearch() as client, pytest.raises(elasticsearch.AuthenticationException):
        client.cluster.health()
    with (
        project.elasticsearch().options(basic_auth=("elastic", "changeme")) as client,
        pytest.raises(elasticsearch.AuthenticationException),
    ):
        client.cluster.health()
    with pytest.raises(KafkaException):
        AdminClient(kafka(project, "guessed")).list_topics(timeout=10)


def test_servers_speak_tls_alone(project: Project) -> None:
    """A password that is sent in the clear is everybody's."""
    with pytest.raises((urllib.error.URLError, OSError)):
        urllib.request.urlopen(f"http://{LOOPBACK}:{project.ports['ELASTICSEARCH']}/", timeout=10)
    plain: dict[str, Any] = {
        "bootstrap.servers": f"{LOOPBACK}:{project.ports['KAFKA']}",
        "log_level": 0,
    }
    with pytest.raises(KafkaException):
        AdminClient(plain).list_topics(timeout=5)
    trusting = ssl.create_default_context(cafile=str(project.folder / "ca.crt"))
    for server in ("KAFKA", "ELASTICSEARCH", "PAGE"):
        with (
            socket.create_connection((LOOPBACK, project.ports[server]), timeout=10) as plain_socket,
            trusting.wrap_socket(plain_socket, server_hostname=LOOPBACK) as wrapped,
        ):
            assert wrapped.version() in {"TLSv1.2", "TLSv1.3"}


def kafka(project: Project, password: str) -> dict[str, Any]:
    """Return the configuration of a publisher on the host."""
    return {
        "bootstrap.servers": f"{LOOPBACK}:{project.ports['KAFKA']}",
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "PLAIN",
        "sasl.username": "audit-publisher",
        "sasl.password": password,
        "ssl.ca.location": str(project.folder / "ca.crt"),
        "log_level": 0,
    }


def test_a_service_on_the_host_publishes_over_the_published_port(project: Project) -> None:
    """The broker names an address that the host reaches, and its certificate is for it."""
    password = project.secrets()["kafka.audit-publisher.password"].decode()
    found = AdminClient(kafka(project, password)).list_topics(timeout=30)
    assert set(found.topics) == {"audit.events"}  # what it may write to; it sees no more


def test_publishers_have_a_quota(project: Project) -> None:
    """As the broker tells it."""
    described = ("--describe", "--entity-type=users", "--entity-name=audit-publisher")
    assert "producer_byte_rate=1.0E7" in project.run("quotas", *described).stdout


def test_a_dead_letter_is_replayed(project: Project) -> None:
    """The administrator sends it compressed by zstd, whose library the broker has to unpack and run."""
    password = project.secrets()["kafka.audit-publisher.password"].decode()
    publisher = Producer(kafka(project, password))
    publisher.produce("audit.events", b'{"this is": "no event"}')
    assert 0 == publisher.flush(30)

    def is_dead() -> bool:
        listed = project.run("reader", "dead-letters", "list", "--json").stdout
        return 1 == sum(int(reason["records"]) for reason in json.loads(listed))

    wait_until(is_dead, seconds=120, pause=1, what="the record is a dead letter")
    assert "Published 1 record" in project.run("admin", "dead-letters", "replay").stdout


def test_killed_consumer_comes_back_and_nothing_is_lost(project: Project) -> None:
    """By kill -9 amid the work; its events are neither lost nor doubled."""
    victim = project.of("consumer")[0]
    with project.elasticsearch("audit-reader") as client, ThreadPoolExecutor() as beside:

        def is_amid() -> bool:
            return int(client.count(index="audit-events")["count"]) > 4000

        done = beside.submit(project.run, "publisher", "generate", "--count", "40000")
        wait_until(is_amid, seconds=120, what="the consumers have begun")
        docker("exec", victim["Id"], "python", "-c", KILL)
        done.result()

    def is_back() -> bool:
        now = next(one for one in project.of("consumer") if one["Id"] == victim["Id"])
        return bool(now["RestartCount"]) and now["State"]["Health"]["Status"] == "healthy"

    wait_until(is_back, seconds=180, pause=1, what="the killed consumer is healthy again")
    wait_until(lambda: nothing_is_lost(project, 42_000), seconds=180, pause=1, what="all is indexed")


def test_containers_can_do_no_more_than_they_need(project: Project) -> None:
    """As the engine has it: file system, capabilities, privileges, memory, ports, account."""
    for name, containers in by_service(project).items():
        for found in containers:
            host = found["HostConfig"]
            assert host["ReadonlyRootfs"] is True, name
            assert host["CapDrop"] == ["ALL"], name
            assert host["SecurityOpt"] == ["no-new-privileges:true"], name
            assert host["Memory"] > 0, name
            assert host["Privileged"] is False, name
            ports = found["NetworkSettings"]["Ports"] or {}
            assert {"127.0.0.1"} >= {one["HostIp"] for each in ports.values() for one in each or ()}
            if name != "secrets":
                assert host["CapAdd"] is None, name
                user = docker("run", "--rm", "--entrypoint", "id", found["Image"], "-u").stdout
                assert int(user) > 0, name
            assert not [
                one for one in found["Mounts"] if re.fullmatch("[0-9a-f]{64}", one.get("Name", ""))
            ]


def test_a_service_sees_its_own_secrets_alone(project: Project) -> None:
    """And can't write to them."""
    volumes = {one.name: f"{project.name}_secrets-{one.name}" for one in SERVICES}
    own = {"alerts": "alerter", "setup": "admin"}
    for name, containers in by_service(project).items():
        held = [one for one in containers[0]["Mounts"] if "secrets" in one.get("Name", "")]
        if name != "secrets":
            assert [volumes[own.get(name, name)]] == [one["Name"] for one in held], name
            assert not any(one["RW"] for one in held), name


def test_no_secret_is_in_an_environment_or_a_log(project: Project) -> None:
    """Whoever may look at containers learns where secrets are, and none of them."""
    held = project.secrets()
    secrets = {
        line
        for name, content in held.items()
        if re.search(r"\.(password|key|token)$", name)
        for line in content.decode().splitlines()
        if "-----" not in line
    }
    assert len(secrets) > 30
    shown = json.dumps(project.containers()) + project.compose("logs", "--no-color").stdout
    shown += docker("history", "--no-trunc", OURS).stdout
    assert len(shown) > 10_000
    assert not [secret for secret in secrets if secret in shown]


def test_second_start_keeps_secrets_and_containers(project: Project) -> None:
    """It changes nothing where nothing has changed."""
    secrets = project.secrets()
    before = {one["Id"]: one["State"]["StartedAt"] for one in project.containers()}
    project.up()
    assert secrets == project.secrets()
    after = {one["Id"]: one["State"]["StartedAt"] for one in project.containers()}
    running = {one["Id"] for each in RUNNING for one in project.of(each)}
    assert {key: before[key] for key in running} == {key: after[key] for key in running}


def test_the_image_is_small_and_nobody_in_particular(project: Project) -> None:  # noqa: ARG001 - built
    """At most 200 MB on top of its base; no root, no pip of its own, nothing that builds."""
    ours = image(OURS)
    assert ours["Size"] - image(BASE)["Size"] <= 200_000_000
    assert ours["Config"]["User"] == "10001:10001"
    assert ours["Config"]["Healthcheck"]["Test"] == ["CMD", "python", "-m", "audit_cli.healthy"]
    inside = (
        "run",
        "--rm",
        "--read-only",
        "--network",
        "none",
        "--cap-drop",
        "ALL",
        "--entrypoint",
        "sh",
    )
    shell = "ls /opt/auditlog/lib/python3*/site-packages; command -v gcc cc make git; id -u; touch /x"
    done = docker(*inside, OURS, "-c", shell, check=False)
    assert not {"pip", "setuptools", "wheel", "hatchling", "pytest"} & set(done.stdout.split())
    assert done.stdout.splitlines()[-1] == "10001"
    assert "Read-only file system" in done.stderr
    assert docker("run", "--rm", OURS, "--version").stdout.strip() == "0.1.0"


def test_renewed_certificates_serve_after_a_restart(project: Project) -> None:
    """As docs/installing.md says; the certificate authority, data and tokens stay."""
    before = project.secrets()
    project.run("secrets", "secrets", "/secrets", "--owners", "--renew")
    project.up("--force-recreate")
    after = project.secrets()
    assert {name for name, held in before.items() if held != after[name]} == {
        f"{server}.{kind}" for server in SERVED for kind in ("crt", "key")
    }
    with socket.create_connection((LOOPBACK, project.ports["PAGE"]), timeout=10) as plain:
        trusting = ssl.create_default_context(cafile=str(project.folder / "ca.crt"))
        with trusting.wrap_socket(plain, server_hostname=LOOPBACK) as wrapped:
            shown = ssl.DER_cert_to_PEM_cert(wrapped.getpeercert(binary_form=True) or b"")
    assert after["page.crt"].decode() == shown
    assert project.status_of("/api/v1/events", after["analyst.token"].decode()) == 200
    assert nothing_is_lost(project, 42_000)


def test_taken_down_with_its_volumes_it_leaves_nothing(project: Project) -> None:
    """No container, network, volume; the last test, since the others need it."""
    assert len(project.left()) > 15
    project.down()
    assert project.left() == []
