"""The command line as a user meets it, on real servers."""

import json
import os
import re
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from audit_cli.components import COMPONENTS, component_commands
from audit_schemas.dead_letter import REASON_HEADER
from support.command import auditlog
from support.consumers import settle
from support.events import chat_opened
from support.in_process import auditlog_in_process
from support.servers import ROOT, Deployment, Servers, new_deployment

LINUX = ROOT.parent / "shared" / "data" / "linux-auth.ndjson"
CATALOGUE = ROOT / "deploy" / "catalogue" / "linux-host.toml"


def commands() -> list[str]:
    """Return every command, with its group."""
    found = []
    for module in COMPONENTS:
        for name, command in component_commands(module).items():
            inner = getattr(command, "commands", None)
            found += [f"{name} {sub}" for sub in inner] if inner else [name]
    return found


@pytest.mark.parametrize("command", commands())
def test_every_command_has_help_with_an_example(command: str) -> None:
    """--help says what the command does, and shows one way to call it."""
    done = auditlog_in_process(*command.split(), "--help", COLUMNS="200")
    assert done.returncode == 0
    assert f"Example: auditlog {command}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "environment", "says"),
    [
        (["search", "--from", "soon"], {}, "use one such as"),
        (["search", "--from", "now", "--to", "-1h"], {}, "is not before"),
        (["buckets", "--interval", "1y"], {}, "is not a valid interval"),
        (["search"], {"AUDITLOG_TIME_ZONE": "Mars/Base"}, "is not a time zone"),
        (["consume"], {"AUDITLOG_BULK_EVENTS": "many"}, "AUDITLOG_BULK_EVENTS"),
        (["consume"], {"AUDITLOG_CATALOGUE": "/no/such/file"}, "/no/such/file: can't be read"),
        pytest.param(["generate", "--count", "1"], {}, "auditlog local up", marks=pytest.mark.slow),
        pytest.param(["setup"], {}, "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS", marks=pytest.mark.slow),
        (["search"], {}, "AUDITLOG_ELASTICSEARCH_URL"),
        (["verify"], {}, "AUDITLOG_ELASTICSEARCH_URL"),
        pytest.param(
            ["dead-letters", "list"], {}, "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS", marks=pytest.mark.slow
        ),
        (["search"], {"AUDITLOG_INDEX_PREFIX": "Bad Prefix"}, "AUDITLOG_INDEX_PREFIX"),
        (["search"], {"AUDITLOG_ELASTICSEARCH_URL": "localhost:9200"}, "must be like https://"),
        (["doctor"], {"AUDITLOG_ELASTICSEARCH_URL": "http://a:b@c:9200"}, "must not hold credentials"),
        (["setup"], {"AUDITLOG_TOPIC": "chat events"}, "AUDITLOG_TOPIC: must be 1 to 249 letters"),
        (["setup"], {"AUDITLOG_SEALS_TOPIC": ".."}, "AUDITLOG_SEALS_TOPIC: must be 1 to 249 letters"),
        (["setup"], {"AUDITLOG_KAFKA_CA_FILE": "/no/such/ca.pem"}, "AUDITLOG_KAFKA_CA_FILE"),
        (["local", "status"], {"AUDITLOG_LOCAL_KAFKA_HEAP": "lots"}, "such as 512m"),
    ],
)
def test_what_is_wrong_is_one_sentence(
    arguments: list[str], environment: dict[str, str], says: str
) -> None:
    """No traceback, a non-zero exit, and what to do."""
    nowhere = {
        "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
        "AUDITLOG_ELASTICSEARCH_URL": "http://127.0.0.1:1",
    }
    done = auditlog_in_process(*arguments, **(nowhere | environment))
    assert done.returncode == 1
    (sentence,) = done.stderr.splitlines()
    assert sentence.startswith("auditlog: ")
    assert says in sentence


def test_wrong_setting_does_not_show_its_value() -> None:
    """A secret that was put into the wrong variable is not printed."""
    done = auditlog_in_process("search", AUDITLOG_QUERY_SECONDS="hunter2")
    assert done.returncode == 1
    assert "AUDITLOG_QUERY_SECONDS" in done.stderr
    assert "hunter2" not in done.stdout + done.stderr


def test_missing_file_is_told(tmp_path: Path) -> None:
    """Publish names the file that it can't read."""
    done = auditlog("publish", str(tmp_path / "nothing.ndjson"), COLUMNS="300")
    assert done.returncode == 2
    assert "can't be read" in done.stderr


def test_generated_file_is_the_same_for_a_seed() -> None:
    """The same seed, count and end: the same bytes."""
    arguments = ["generate", "--count", "200", "--seed", "3", "--end", "2026-11-01", "--out", "-"]
    first, second = auditlog(*arguments), auditlog(*arguments)
    assert first.stdout == second.stdout
    assert len(first.stdout.splitlines()) == 200


@pytest.mark.servers
def test_setup_says_what_it_changed_and_can_run_again(bare: Deployment) -> None:
    """The first run makes all, the second finds nothing to do, a setting changes what it names."""
    first = bare.run("setup", "--json")
    assert [re.sub(r"test-\w+", "NAME", change) for change in json.loads(first.stdout)["changes"]] == [
        "created topic NAME.events (6 partitions, 1 replicas)",
        "created topic NAME.dead-letter (1 partitions, 1 replicas)",
        "created topic NAME.alerts (1 partitions, 1 replicas)",
        "created topic NAME.seals (1 partitions, 1 replicas)",
        "created index template NAME",
    ]
    assert json.loads(bare.run("setup", "--json").stdout)["changes"] == []
    bare.extra["AUDITLOG_REFRESH"] = "5s"
    assert json.loads(bare.run("setup", "--json").stdout)["changes"] == [
        f"changed index template {bare.name}"
    ]


@pytest.mark.servers
def test_setup_adds_new_fields_to_live_indices(deployment: Deployment) -> None:
    """A field that the model gained is added to indices that exist."""
    with deployment.client() as client:
        properties = {"event": {"properties": {"id": {"type": "keyword"}}}}
        client.indices.create(
            index=f"{deployment.name}-2026.01",
            mappings={"dynamic": "strict", "properties": properties},
        )
    changes = json.loads(deployment.run("setup", "--json").stdout)["changes"]
    # The template gave that index all fields when it was made, so there is nothing to add.
    assert changes == []
    with deployment.client() as client:
        client.indices.delete_index_template(name=deployment.name)
        client.indices.create(
            index=f"{deployment.name}-2026.02",
            mappings={"dynamic": "strict", "_meta": {"managed_by": "auditlog"}},
        )
        # Indexed, where today's mapping says that it is not: that stays so until a reindex.
        hashed = {"event": {"properties": {"hash": {"type": "keyword"}}}}
        client.indices.create(
            index=f"{deployment.name}-2026.03",
            mappings={"dynamic": "strict", "_meta": {"managed_by": "auditlog"}, "properties": hashed},
        )
    changes = json.loads(deployment.run("setup", "--json").stdout)["changes"]
    assert changes[-2:] == [
        f"added fields to index {deployment.name}-2026.0{month}" for month in (2, 3)
    ]


@pytest.mark.servers
def test_doctor_finds_nothing_wrong_after_setup(deployment: Deployment) -> None:
    """Exit status 0, and a line for each thing that was looked at."""
    findings = json.loads(deployment.run("doctor", "--json").stdout)
    assert all(finding["ok"] for finding in findings)
    assert len(findings) == 12


@pytest.mark.servers
def test_doctor_says_what_is_missing_before_setup(bare: Deployment) -> None:
    """Each missing part is named, with the command that makes it; exit status 1."""
    done = bare.run("doctor", "--json", check=False)
    wrong = {f["subject"]: f["fix"] for f in json.loads(done.stdout) if not f["ok"]}
    assert done.returncode == 1
    assert wrong == {
        f"topic {bare.name}.events": "Run auditlog setup",
        f"topic {bare.name}.dead-letter": "Run auditlog setup",
        f"topic {bare.name}.alerts": "Run auditlog setup",
        f"topic {bare.name}.seals": "Run auditlog setup",
        f"index template {bare.name}": "Run auditlog setup",
    }


@pytest.mark.servers
@pytest.mark.parametrize("away", ["kafka", "elasticsearch"])
def test_doctor_says_which_server_is_away(deployment: Deployment, away: str) -> None:
    """The other one is still examined."""
    here = deployment.servers
    deployment.servers = Servers(
        "127.0.0.1:1" if away == "kafka" else here.kafka,
        "http://127.0.0.1:1" if away == "elasticsearch" else here.elasticsearch,
    )
    done = deployment.run("doctor", "--json", check=False)
    deployment.servers = here
    wrong = [f for f in json.loads(done.stdout) if not f["ok"]]
    assert [finding["subject"].lower() for finding in wrong] == [away]
    assert "does not answer" in wrong[0]["message"]


@pytest.mark.servers
def test_way_from_publish_to_search(deployment: Deployment, log: Path) -> None:
    """What is published on the command line is found there, in the seed's four columns."""
    event = json.loads(chat_opened())
    with deployment.consuming(log=log) as process:
        done = deployment.run("publish", "-", stdin=json.dumps(event).encode() + b"\n")
        assert "1 event published" in done.stdout
        settle(deployment, log, process)
    assert deployment.count() == 1
    table = deployment.run("search", "--user", "user-0", "--activity", "chat-opened").stdout
    heading, row = table.splitlines()
    assert heading.split("  ")[0] == "Date and Time (UTC)"
    assert row.split()[2:] == ["user-0", "192.0.2.7", "chat-opened"]
    (found,) = deployment.run("search", "--json").stdout.splitlines()
    assert json.loads(found)["event"]["id"] == event["event"]["id"]
    buckets = json.loads(deployment.run("buckets", "--by", "activity", "--json").stdout)
    assert [bucket["parts"] for bucket in buckets] == [{"chat-opened": 1}]
    top = json.loads(deployment.run("top", "ip", "--json").stdout)
    assert top == [{"value": "192.0.2.7", "count": 1}]
    assert "No event is by 'nobody'" in deployment.run("search", "--user", "nobody").stdout
    assert "did you mean chat-opened?" in deployment.run("search", "--activity", "chat-opend").stdout
    assert "No events match. Widen" in deployment.run("top", "user", "--to", "2020-01-01").stdout


def host_log() -> list[bytes]:
    """Return a Linux host's logins, dated so that the youngest is of yesterday.

    The real ones where they are at hand, else lines like them, of the same numbers and kinds.
    """
    if LINUX.is_file():
        events = [json.loads(line) for line in LINUX.read_bytes().splitlines()]
    else:
        kinds = ["ftp-connected"] * 909 + ["login-failed"] * 490 + ["login", "logout"] * 123
        events = [
            {
                "@timestamp": f"2026-07-27T00:{number // 60 % 60:02}:{number % 60:02}Z",
                "event": {"action": kind},
                "user": {"name": "unknown"},
                "service": {"name": "sshd"},
                "labels": {"line": str(number)},
            }
            for number, kind in enumerate(kinds)
        ]
    youngest = max(datetime.fromisoformat(event["@timestamp"]) for event in events)
    shift = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) - youngest
    for event in events:
        moved = datetime.fromisoformat(event["@timestamp"]) + shift - timedelta(seconds=1)
        event["@timestamp"] = moved.isoformat()
    return [json.dumps(event).encode() + b"\n" for event in events]


@pytest.mark.servers
def test_real_host_log_with_and_without_its_catalogue(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    """909 lines of 1,645 are refused without the activity; with it all are in, and once only."""
    lines = host_log()
    file = tmp_path / "linux-auth.ndjson"
    file.write_bytes(b"".join(lines))

    refused = deployment.run("publish", str(file), "--json", check=False)
    assert refused.returncode == 1
    counts = json.loads(refused.stdout)
    assert counts["refused_by_reason"] == {"unknown-activity": 909}
    assert counts["delivered"] == 736
    named = re.findall(r"^line (\d+): event\.action: ftp-connected", refused.stderr, re.MULTILINE)
    ftp = [n for n, line in enumerate(lines, start=1) if b"ftp-connected" in line]
    assert [int(number) for number in named] == ftp

    deployment.extra["AUDITLOG_CATALOGUE"] = str(CATALOGUE)
    with deployment.consuming(log=log) as process:
        for _ in range(2):
            done = deployment.run("publish", str(file), "--json")
            assert json.loads(done.stdout)["delivered"] == 1645
        settle(deployment, log, process)
    assert deployment.count() == 1645
    proof = deployment.run("verify").stdout.splitlines()[-1]
    assert proof == "published 4026 = indexed 1645 + duplicates 2381 + dead-lettered 0"


@pytest.mark.servers
def test_second_publishing_of_a_file_adds_nothing(
    deployment: Deployment, log: Path, tmp_path: Path
) -> None:
    """The closing line says 1,645 duplicates."""
    file = tmp_path / "linux-auth.ndjson"
    file.write_bytes(b"".join(host_log()))
    deployment.extra["AUDITLOG_CATALOGUE"] = str(CATALOGUE)
    with deployment.consuming(log=log) as process:
        deployment.run("publish", str(file))
        deployment.run("publish", str(file))
        settle(deployment, log, process)
    proof = deployment.run("verify").stdout.splitlines()[-1]
    assert proof == "published 3290 = indexed 1645 + duplicates 1645 + dead-lettered 0"


@pytest.mark.servers
def test_activity_that_is_published_raw_is_dead_lettered_with_its_reason(
    deployment: Deployment, log: Path
) -> None:
    """Past the publisher's check there is the consumer's."""
    ftp = [
        json.dumps(event | {"event": event["event"] | {"id": f"raw-ftp-line-{number:06}"}}).encode()
        for number, event in enumerate(map(json.loads, host_log()))
        if event["event"]["action"] == "ftp-connected"
    ]
    deployment.publish_raw(*ftp)
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    letters = deployment.dead_letters()
    assert {letter.header(REASON_HEADER) for letter in letters} == {b"unknown-activity"}
    assert sorted(letter.value or b"" for letter in letters) == sorted(ftp)
    assert len(letters) == 909
    proof = deployment.run("verify").stdout.splitlines()[-1]
    assert proof == "published 909 = indexed 0 + duplicates 0 + dead-lettered 909"


@pytest.mark.servers
def test_demo_ends_with_the_proof(servers: Servers, tmp_path: Path) -> None:
    """On servers that the environment names, and only there, with what an analyst wants first."""
    deployment = new_deployment(servers, AUDITLOG_LOCAL_HOME=str(tmp_path / "home"))
    done = deployment.run("demo", "--count", "500")
    lines = done.stdout.splitlines()
    assert lines[-2] == "published 500 = indexed 500 + duplicates 0 + dead-lettered 0"
    assert lines[-1].startswith("sealed 500 = indexed 500 + ")
    assert "changed 0, missing 0, added 0" in lines[-1]
    assert "Busiest users" in done.stdout
    assert "203.0.113.66" in done.stdout
    assert not (tmp_path / "home" / "state.json").exists()


@pytest.mark.servers
def test_verify_names_what_is_missing(deployment: Deployment, log: Path) -> None:
    """Documents that were deleted are named by offset; what was not read yet is no loss."""
    deployment.publish_raw(*(chat_opened(n) for n in range(20)), key=b"one partition")
    with deployment.consuming(log=log) as process:
        settle(deployment, log, process)
    gone = [doc for doc in deployment.documents() if doc["audit"]["kafka"]["offset"] in (3, 4, 9)]
    with deployment.client() as client:
        for doc in gone:
            client.delete(index=doc["_index"], id=doc["_id"], refresh=True)
    deployment.publish_raw(chat_opened(99), key=b"one partition")
    done = deployment.run("verify", "--json", check=False)
    assert done.returncode == 1
    (proof,) = [p for p in json.loads(done.stdout) if p["published"]]
    assert (proof["published"], proof["indexed"]) == (21, 17)
    assert proof["missing"] == [[3, 4], [9, 9]]
    assert proof["unread"] == 1
    text = deployment.run("verify", check=False).stdout
    assert text.splitlines()[-1] == (
        "published 21 = indexed 17 + duplicates 0 + dead-lettered 0 + not consumed yet 1 + missing 3"
    )


@pytest.mark.servers
def test_interval_that_makes_too_many_buckets_is_told(deployment: Deployment, log: Path) -> None:
    """Elasticsearch's limit is said in words, with what to change."""
    old = datetime.now(UTC) - timedelta(days=300)
    with deployment.consuming(log=log) as process:
        deployment.publish_raw(chat_opened(1), chat_opened(2, at=old))
        settle(deployment, log, process)
    deployment.count()
    done = deployment.run("buckets", "--interval", "1s", check=False)
    assert done.returncode == 1
    assert "1s is too short an interval" in done.stderr


def test_version_is_printed() -> None:
    """The distribution's version."""
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", auditlog("--version").stdout)


def test_closed_pipe_ends_quietly() -> None:
    """`auditlog generate --out - | head` prints no traceback."""
    command = f"{sys.executable} -m audit_cli generate --count 20000 --out - | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=60, check=False, env=os.environ
    )
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == ""
