"""Elasticsearch, the core distribution: one node, or several that form a cluster."""

import http.client
import json
from base64 import b64encode
from collections.abc import Mapping, Sequence
from pathlib import Path

from audit_local.member import Member, alone
from audit_local.password import USER, realm_files, realm_settings
from audit_local.ports import LOOPBACK
from audit_local.process import Running, change_owner, start, write_file

__all__ = ["ONE_COMPILER", "is_ready", "start_elasticsearch"]

ONE_COMPILER = "-XX:TieredStopAtLevel=1"
"""For servers that live minutes: the second compiler pays off later."""

_LOGGING = """\
status = error
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = [%d{ISO8601}][%-5p][%c{1.}] %m%n
rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
"""


def start_elasticsearch(
    home: Path,
    distribution: Path,
    java: Path,
    port: int,
    heap: str,
    settings: Mapping[str, str] | None = None,
    java_options: Sequence[str] = (),
    password: str | None = None,
    member: Member | None = None,
) -> Running:
    """Start Elasticsearch on the loopback address; its data, in `home`, survives a restart.

    `settings` go on top of ours, as in elasticsearch.yml; `java_options` are for short-lived servers.
    With a password it answers USER alone, else anyone who reaches it. Of a cluster, each member is
    ready when most of them run.
    """
    member = member or alone(home)
    config, data, temporary = home / "config", home / "data", home / "tmp"
    for folder in (config, data, temporary, home / "logs"):
        folder.mkdir(parents=True, exist_ok=True)
    realm = realm_settings() if password is not None else {}
    lines = _settings(home, port, member, realm | dict(settings or {}))
    write_file(config / "elasticsearch.yml", lines, home)
    for name, text in realm_files(password).items() if password is not None else ():
        write_file(config / name, text, home)
    write_file(config / "log4j2.properties", _LOGGING, home)
    shipped = (distribution / "config" / "jvm.options").read_text()
    write_file(config / "jvm.options", _jvm_options(shipped, java_options), home)
    change_owner(config, data, temporary, home / "logs")  # config too: the keystore is made there
    return start(
        [distribution / "bin" / "elasticsearch"],
        log=home / "elasticsearch.log",
        folder=home,
        environment={
            "CLI_JAVA_OPTS": ONE_COMPILER,  # of those that prepare the server's start
            "ES_JAVA_HOME": str(java),
            "ES_JAVA_OPTS": " ".join([f"-Xms{heap} -Xmx{heap}", *java_options]),
            "ES_PATH_CONF": str(config),
            "ES_TMPDIR": str(temporary),
        },
    )


def is_ready(port: int, password: str | None = None, nodes: int = 1) -> bool:
    """Tell whether the cluster answers, has so many nodes, and can take documents."""
    login = b64encode(f"{USER}:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}"} if password is not None else {}
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=3)
    try:
        wanted = f"wait_for_status=yellow&wait_for_nodes=ge({nodes})&timeout=1s"
        connection.request("GET", f"/_cluster/health?{wanted}", headers=headers)
        return connection.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _settings(home: Path, port: int, member: Member, more: Mapping[str, str]) -> str:
    ours = {
        "cluster.name": "auditlog-local",
        "network.host": LOOPBACK,
        "http.port": port,
        "transport.port": member.inner_port,
        "path.data": home / "data",
        "path.logs": home / "logs",
        "xpack.security.enabled": "false",
        "cluster.routing.allocation.disk.threshold_enabled": "false",
        "action.destructive_requires_name": "true",
        **_discovery(member),
    }
    return "".join(f"{name}: {value}\n" for name, value in (ours | dict(more)).items())


def _discovery(member: Member) -> Mapping[str, str]:
    if member.is_alone:
        return {"discovery.type": "single-node"}
    names = [f"node-{number}" for number in range(1, len(member.homes) + 1)]
    return {
        "node.name": names[member.number - 1],
        "discovery.seed_hosts": json.dumps(member.inner_addresses),
        "cluster.initial_master_nodes": json.dumps(names),
    }


def _jvm_options(shipped: str, ours: Sequence[str]) -> str:
    """Return the distribution's own options, less the log of each garbage collection.

    Less the vector instructions too where only the first compiler runs, which has none: each of them
    is a call then, and finding the end of a line takes more than indexing it.
    """
    unwanted = ["-Xlog:gc"]
    if ONE_COMPILER in ours:
        unwanted.append("jdk.incubator.vector")
    kept = [line for line in shipped.splitlines() if not any(part in line for part in unwanted)]
    return "\n".join(kept) + "\n"
