"""The embedded servers: fetched, started, found again, stopped."""

import contextlib
import http.client
import json
import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from audit_cli.servers import use_local_servers
from audit_local import USER, JavaMissingError, LocalSettings, Stack, elasticsearch
from audit_local.artifacts import kafka_libraries
from audit_local.class_archive import kafka_classes
from audit_local.errors import FetchError, ServerFailedError
from audit_local.java import find_java, java_version
from audit_local.kafka import _cluster_id
from audit_local.member import Member
from audit_local.password import new_password, password_file, realm_files
from audit_local.ports import LOOPBACK, free_port, is_free
from audit_local.process import Running, change_owner, start, stop, wait_until_ready, write_file
from audit_local.server import share_of_heap
from confluent_kafka import Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from rich.console import Console
from support.command import auditlog
from support.in_process import auditlog_in_process

pytestmark = pytest.mark.slow

CONSOLE = Console(quiet=True)


@pytest.fixture
def home() -> Iterator[Path]:
    """Give a folder that an unprivileged account can reach too."""
    folder = Path(tempfile.mkdtemp(prefix="auditlog-local-"))
    folder.chmod(0o755)
    yield folder / "home"
    shutil.rmtree(folder, ignore_errors=True)


def test_up_finds_what_runs_and_starts_what_does_not(home: Path) -> None:
    """Taken ports are avoided, all listens on the loopback address, and data survives a restart.

    Also of a broker that was stopped, and joins the others again.
    """
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        taken.listen()
        environment = {
            "AUDITLOG_LOCAL_HOME": str(home),
            "AUDITLOG_LOCAL_KAFKA_PORT": str(taken.getsockname()[1]),
            "AUDITLOG_LOCAL_ELASTICSEARCH_PORT": str(free_port()),
            "AUDITLOG_LOCAL_ELASTICSEARCH_HEAP": "512m",
        }

        def local(*arguments: str) -> "subprocess.CompletedProcess[str]":
            return auditlog_in_process("local", *arguments, **environment)

        def servers() -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = json.loads(local("status", "--json").stdout)
            return found

        try:
            up = auditlog("local", "up", "--brokers", "3", **environment)  # the servers outlive it
            assert up.returncode == 0, up.stderr
            *kafka, elastic = running = servers()
            assert [(server["name"], server["number"]) for server in running] == [
                *(("Kafka", number) for number in (1, 2, 3)),
                ("Elasticsearch", 1),
            ]
            brokers = [server["address"] for server in kafka]
            assert brokers[0] != f"{LOOPBACK}:{taken.getsockname()[1]}"
            assert f"AUDITLOG_KAFKA_BOOTSTRAP_SERVERS={','.join(brokers)}\n" in up.stderr
            assert (
                elastic["address"] == f"{LOOPBACK}:{environment['AUDITLOG_LOCAL_ELASTICSEARCH_PORT']}"
            )
            pids = [server["pid"] for server in running]
            assert listening(*pids) == {"127.0.0.1", "::ffff:127.0.0.1"}
            assert "root" not in accounts(*pids)
            assert status_without_password(elastic["address"]) == 401
            password = home / "elasticsearch" / "password"
            assert f"AUDITLOG_ELASTICSEARCH_PASSWORD_FILE={password}" in up.stderr
            assert password.stat().st_mode & 0o777 == 0o600

            keep_a_record(",".join(brokers))
            done = auditlog_in_process("generate", "--count", "1", **environment)
            assert done.returncode == 1, "not set up"
            done = auditlog_in_process("setup", **environment)
            assert "created topic audit.events (6 partitions, 3 replicas)" in done.stdout

            stop(Stack(LocalSettings(home=home), CONSOLE).status()[0].process)
            assert (local("status").returncode, servers()) == (1, running[1:])
            fewer = local("up", "--brokers", "1")
            assert (fewer.returncode, "auditlog local reset" in fewer.stderr) == (1, True)
            assert local("up").returncode == 0
            started, *left_alone = servers()
            assert left_alone == running[1:]
            assert (started["address"], records_kept(brokers[0])) == (brokers[0], 1)
            done = auditlog_in_process("setup", **environment)
            assert done.stdout.startswith("Nothing to change")

            assert local("down").returncode == 0
            assert not any(psutil.pid_exists(pid) for pid in (started["pid"], *pids))
            status = local("status")
            assert (status.returncode, "Nothing is running" in status.stdout) == (1, True)
        finally:
            reset = auditlog("local", "reset", "--yes", **environment)
    assert reset.returncode == 0
    assert not home.exists()


def test_node_of_several_looks_for_the_others(tmp_path: Path) -> None:
    """By their transports' ports, and with their names for the first election."""
    member = Member(2, tuple(tmp_path / name for name in "abc"), (9300, 9301, 9302))
    lines = elasticsearch._settings(tmp_path, 9201, member, {}).splitlines()  # noqa: SLF001
    assert "node.name: node-2" in lines
    assert "transport.port: 9301" in lines
    assert 'discovery.seed_hosts: ["127.0.0.1:9300", "127.0.0.1:9301", "127.0.0.1:9302"]' in lines
    assert 'cluster.initial_master_nodes: ["node-1", "node-2", "node-3"]' in lines


@pytest.mark.parametrize(("heap", "half"), [("512m", "256m"), ("1g", "512m")])
def test_each_of_several_servers_has_half_the_heap(heap: str, half: str) -> None:
    """So that a cluster of each runs where one of each does."""
    assert [share_of_heap(heap, servers) for servers in (1, 3)] == [heap, half]


def test_two_servers_are_refused() -> None:
    """Neither of two can tell which one is away."""
    done = auditlog_in_process("local", "up", "--nodes", "2")
    assert (done.returncode, "must be 1 or 3" in done.stderr) == (2, True)


def status_without_password(address: str) -> int:
    """Return what a web page gets whose name now means this machine, or anyone on it."""
    connection = http.client.HTTPConnection(address, timeout=30)
    with contextlib.closing(connection):
        connection.request("GET", "/_search", headers={"Host": "evil.example"})
        return connection.getresponse().status


def test_password_is_made_once_and_is_the_owners(tmp_path: Path) -> None:
    """Nobody can put a link in its place; the realm's files have its hash alone."""
    password = new_password(tmp_path)
    assert new_password(tmp_path) == password
    assert password_file(tmp_path).stat().st_mode & 0o777 == 0o600
    assert password not in "".join(realm_files(password).values())


def test_credentials_of_the_environment_come_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the embedded server's are found, by all commands."""
    folder = home / "elasticsearch"
    folder.mkdir(parents=True)
    (home / "state.json").write_text(
        json.dumps([{"name": "Elasticsearch", "port": 1, "process": {"pid": 1, "born": 0.0}}])
    )
    new_password(folder)
    for given, expected in ({}, USER), ({"AUDITLOG_ELASTICSEARCH_API_KEY": "x"}, None):
        with monkeypatch.context() as patch:
            patch.setattr("os.environ", {"AUDITLOG_LOCAL_HOME": str(home), **given})
            use_local_servers()
            assert os.environ.get("AUDITLOG_ELASTICSEARCH_USERNAME") == expected


def family(*pids: int) -> Iterator[psutil.Process]:
    """Yield processes and their children."""
    for pid in pids:
        process = psutil.Process(pid)
        yield process
        yield from process.children(recursive=True)


def listening(*pids: int) -> set[str]:
    """Return the addresses that processes and their children listen on."""
    return {
        connection.laddr.ip
        for process in family(*pids)
        for connection in process.net_connections("inet")
        if connection.status == psutil.CONN_LISTEN
    } | {"127.0.0.1"}


def accounts(*pids: int) -> set[str]:
    """Return whose processes they are."""
    return {process.username() for process in family(*pids)}


def keep_a_record(kafka: str) -> None:
    """Write one record."""
    admin = AdminClient({"bootstrap.servers": kafka})
    admin.create_topics([NewTopic("kept", 1, -1)])["kept"].result(30)
    producer = Producer({"bootstrap.servers": kafka})
    producer.produce("kept", b"x")
    assert producer.flush(30) == 0


def records_kept(kafka: str) -> int:
    """Return how many records the topic has."""
    consumer = Consumer({"bootstrap.servers": kafka, "group.id": "any"})
    low, high = consumer.get_watermark_offsets(TopicPartition("kept", 0), timeout=30)
    consumer.close()
    return int(high - low)


def test_java_that_is_too_old_is_refused(tmp_path: Path) -> None:
    """The setting is not overruled in silence: the message names it and what is needed."""
    fake_java(tmp_path, "17.0.15")
    with pytest.raises(JavaMissingError, match=r"is Java 17; Java 21 or later is needed"):
        find_java(tmp_path, tmp_path)
    with pytest.raises(JavaMissingError, match=r"is not a Java home"):
        find_java(tmp_path / "nothing", tmp_path)


def test_first_java_that_is_new_enough_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JAVA_HOME is looked at, and passed over where it is too old."""
    monkeypatch.setattr("audit_local.java._is_reachable", lambda _: True)
    old, new = tmp_path / "old", tmp_path / "new"
    fake_java(old, "17.0.15")
    fake_java(new, "25.0.1")
    monkeypatch.setenv("JAVA_HOME", str(new))
    assert find_java(None, tmp_path) == new
    monkeypatch.setenv("JAVA_HOME", str(old))
    assert find_java(None, tmp_path) != old


def test_java_that_the_servers_can_not_reach_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Java under root's own home would fail with: permission denied."""
    fake_java(tmp_path / "home", "25.0.1")
    monkeypatch.setenv("JAVA_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("os.geteuid", lambda: 0)
    tmp_path.chmod(0o700)
    assert find_java(None, tmp_path) != tmp_path / "home"


def test_owner_of_what_a_link_points_to_is_not_changed(tmp_path: Path) -> None:
    """What a link in the servers' folder points to stays whose it is; a hard link is no better."""
    target, folder = tmp_path / "target", tmp_path / "folder"
    target.write_text("")
    folder.mkdir()
    (folder / "link").symlink_to(target)
    (folder / "inner").mkdir()
    (folder / "inner" / "hard").hardlink_to(target)
    (tmp_path / "linked").symlink_to(folder, target_is_directory=True)
    owners = target.stat().st_uid, folder.stat().st_uid
    change_owner(tmp_path / "linked")
    assert owners == (target.stat().st_uid, folder.stat().st_uid)
    change_owner(folder)
    assert target.stat().st_uid == owners[0]
    write_file(folder / "link", "text", tmp_path)
    assert (target.read_text(), (folder / "link").read_text()) == ("", "text")


def test_missing_java_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where none is found and none can be fetched."""
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("audit_local.java._USUAL", ())

    def fail(**_: object) -> str:
        raise OSError("no route to host")

    monkeypatch.setattr("cjdk.java_home", fail)
    with pytest.raises(JavaMissingError, match="AUDITLOG_LOCAL_JAVA_HOME"):
        find_java(None, tmp_path)


@pytest.mark.parametrize(
    ("release", "major"), [("21", 21), ("25.0.1", 25), ("1.8.0_402", 8), ("21.0.2-ea", 21)]
)
def test_version_is_read_from_the_release_file(tmp_path: Path, release: str, major: int) -> None:
    """Of all the ways that vendors write it."""
    fake_java(tmp_path, release)
    assert java_version(tmp_path) == major


def fake_java(home: Path, version: str) -> None:
    """Make what looks like a JDK."""
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "java").write_text("")
    (home / "release").write_text(f'IMPLEMENTOR="x"\nJAVA_VERSION="{version}"\n')


def test_cluster_id_is_never_taken_for_an_option() -> None:
    """One random id in 64 would begin with a dash."""
    assert not [found for found in (_cluster_id() for _ in range(2000)) if found.startswith("-")]


def test_cut_download_does_not_pass_for_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What fails half-way leaves nothing behind, and the message names the way out."""

    def cut(_: object, target: Path) -> None:
        (target / "half.jar").write_bytes(b"PK")
        raise OSError("connection reset")

    monkeypatch.setattr("audit_local.artifacts._fetch_kafka", cut)
    with pytest.raises(FetchError, match="AUDITLOG_KAFKA_BOOTSTRAP_SERVERS"):
        kafka_libraries(tmp_path, CONSOLE)
    assert [path.name for path in tmp_path.iterdir()] == [".lock"]


def test_what_is_fetched_is_fetched_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second start takes no download."""
    calls = []

    def fetch(_: object, target: Path) -> None:
        calls.append(target)
        (target / "kafka.jar").write_bytes(b"PK")

    monkeypatch.setattr("audit_local.artifacts._fetch_kafka", fetch)
    assert kafka_libraries(tmp_path, CONSOLE) == kafka_libraries(tmp_path, CONSOLE)
    assert len(calls) == 1


def test_classes_are_kept_once_for_each_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An archive that another Java wrote is of no use: each has its own, beside the libraries."""
    javas = [tmp_path / "old", tmp_path / "new"]
    for java, version in zip(javas, ("21.0.2", "25.0.1"), strict=True):
        fake_java(java, version)
    made = []

    def write(target: Path, scratch: Path, libraries: Path, java: Path) -> None:
        assert (scratch.parent, libraries) == (tmp_path, tmp_path / "kafka-4")
        made.append(java)
        target.write_bytes(b"")

    monkeypatch.setattr("audit_local.class_archive._write", write)
    first, second, again = (kafka_classes(tmp_path / "kafka-4", java) for java in (*javas, javas[0]))
    assert made == javas
    assert first == again != second
    assert sorted(tmp_path.glob("*.jsa")) == sorted([first, second])


def test_server_that_dies_at_its_start_shows_its_log(tmp_path: Path) -> None:
    """The reason is in its log, so the end of that is in the message."""
    tmp_path.chmod(0o777)
    running = start(
        ["/bin/sh", "-c", "echo no space left on device; exit 3"],
        log=tmp_path / "log",
        folder=Path("/"),
        environment={},
    )
    with pytest.raises(ServerFailedError, match="no space left on device"):
        wait_until_ready("Kafka", running, tmp_path / "log", 30, lambda: False)


def test_server_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    """The wait is bounded."""
    running = start(["/bin/sleep", "60"], log=tmp_path / "log", folder=Path("/"), environment={})
    with pytest.raises(ServerFailedError, match="was not ready after 1 s"):
        wait_until_ready("Kafka", running, tmp_path / "log", 1, lambda: False)
    stop(running)
    assert not running.is_alive()


def test_reused_process_id_is_not_taken_for_the_server() -> None:
    """After a reboot another process may have the id: it is never stopped."""
    myself = psutil.Process()
    assert Running(myself.pid, myself.create_time()).is_alive()
    stranger = Running(myself.pid, myself.create_time() - 100)
    assert not stranger.is_alive()
    stop(stranger)


def test_reset_deletes_what_it_made_and_nothing_else(home: Path) -> None:
    """A setting that names the wrong folder must not cost anyone that folder."""
    (home / "docs").mkdir(parents=True)
    (home / "docs" / "thesis.txt").write_text("important")
    stranger = auditlog_in_process("local", "reset", "--yes", AUDITLOG_LOCAL_HOME=str(home))
    assert (stranger.returncode, "Nothing to delete" in stranger.stderr) == (0, True)
    (home / "state.json").write_text("[]")
    (home / "kafka").mkdir()
    ours = auditlog_in_process("local", "reset", "--yes", AUDITLOG_LOCAL_HOME=str(home))
    assert (ours.returncode, "Deleted" in ours.stderr) == (0, True)
    assert [path.name for path in home.rglob("*")] == ["docs", "thesis.txt"]


def test_stopped_servers_are_named_and_never_replaced_by_strangers(home: Path) -> None:
    """After `local down` a command fails at the embedded address; it does not try the usual ports."""
    home.mkdir()
    ports = [free_port(), free_port()]
    state = [
        {"name": name, "port": port, "process": {"pid": 1, "born": 0.0}}
        for name, port in zip(("Kafka", "Elasticsearch"), ports, strict=True)
    ]
    (home / "state.json").write_text(json.dumps(state))
    done = auditlog_in_process("generate", "--count", "1", AUDITLOG_LOCAL_HOME=str(home))
    assert done.returncode == 1
    assert f"Kafka at 127.0.0.1:{ports[0]} does not answer" in done.stderr
    assert "auditlog local up" in done.stderr
    shown = auditlog_in_process("settings", "--json", AUDITLOG_LOCAL_HOME=str(home)).stdout
    in_force = {row["variable"]: row["in_force"] for row in json.loads(shown)}
    assert in_force["AUDITLOG_ELASTICSEARCH_URL"] == f"http://127.0.0.1:{ports[1]}"


def test_home_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """One sentence, with the variable to change."""
    (tmp_path / "file").write_text("")
    done = auditlog_in_process("local", "up", AUDITLOG_LOCAL_HOME=str(tmp_path / "file" / "home"))
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert "AUDITLOG_LOCAL_HOME" in sentence


def test_damaged_state_is_no_state(tmp_path: Path) -> None:
    """A file that a crash cut short does not keep the servers from starting."""
    (tmp_path / "state.json").write_text('[{"name": "Kaf')
    assert Stack(LocalSettings(home=tmp_path), CONSOLE).status() == []


def test_free_port_prefers_what_is_asked_for() -> None:
    """The usual port where it is free, another where it is not."""
    port = free_port()
    assert free_port(port) == port
    with socket.socket() as taken:
        taken.bind((LOOPBACK, port))
        taken.listen()
        assert not is_free(port)
        assert free_port(port) != port
