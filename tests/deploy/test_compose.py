"""The compose file and the image: what they promise without being started."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_consumer import ConsumerSettings, SetupSettings
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION

ROOT = Path(__file__).resolve().parents[2]

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

DATA = {
    "kafka": "/var/lib/kafka/data",
    "elasticsearch": "/usr/share/elasticsearch/data",
    "kibana": "/usr/share/kibana/data",
}
OURS = ("setup", "consumer")

# A version of at least two numbers: `3` or `latest` would be another image next month.
PINNED = re.compile(r":\d+\.\d+[\w.-]*$")

every_service = pytest.mark.parametrize("name", SERVICES)
every_server = pytest.mark.parametrize("name", DATA)
every_service_of_ours = pytest.mark.parametrize("name", OURS)


def stages() -> list[list[str]]:
    """Return the instructions of each stage of the Dockerfile, FROM first, without comments."""
    text = (ROOT / "Dockerfile").read_text().replace("\\\n", " ")
    found: list[list[str]] = []
    for line in text.splitlines():
        if line.startswith("FROM "):
            found.append([])
        if line and not line.startswith("#"):
            found[-1].append(line)
    return found


def arguments(stage: list[str], instruction: str) -> list[str]:
    """Return what follows each occurrence of the instruction in a stage."""
    words = [line.partition(" ") for line in stage]
    return [rest for word, _, rest in words if word == instruction]


def test_the_services_are_the_servers_kibana_and_ours() -> None:
    """The file has these services, and no profile hides one."""
    assert {*DATA, *OURS} == set(SERVICES)
    assert not any("profiles" in service for service in SERVICES.values())


@every_service
def test_every_published_port_is_on_the_loopback_address(name: str) -> None:
    """Nothing is encrypted, so nothing listens where another machine could reach it."""
    assert "network_mode" not in SERVICES[name]
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\$\{AUDITLOG_PORT_[A-Z]+:-\d+\}:\d+", port)


@every_service
def test_every_image_is_pinned_to_a_version(name: str) -> None:
    """What was tried is what runs."""
    assert PINNED.search(SERVICES[name]["image"])


def test_every_stage_of_the_dockerfile_starts_from_a_pinned_image() -> None:
    """The Python under the command is chosen here, not by the day of the build."""
    for stage in stages():
        assert PINNED.search(arguments(stage, "FROM")[0].split(" AS ")[0])


@every_service
def test_every_service_has_a_memory_limit(name: str) -> None:
    """One service that grows must not take the machine with it."""
    assert re.fullmatch(r"\d+[mg]", SERVICES[name]["mem_limit"])


@every_server
def test_servers_have_a_health_check(name: str) -> None:
    """Started is not ready, and what waits for a server waits for this check."""
    check = SERVICES[name]["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert {"interval", "timeout", "retries", "start_period"} <= set(check)


def test_elasticsearch_is_checked_by_its_cluster_health() -> None:
    """A distribution without the main endpoint answers here too, and an answer alone is not enough."""
    url = SERVICES["elasticsearch"]["healthcheck"]["test"][-1]
    assert "/_cluster/health?wait_for_status=yellow" in url


def test_setup_waits_for_healthy_servers() -> None:
    """The job runs once, so it must find both servers ready."""
    healthy = {"condition": "service_healthy"}
    assert {"kafka": healthy, "elasticsearch": healthy} == SERVICES["setup"]["depends_on"]


def test_consumer_waits_for_setup() -> None:
    """An event indexed before the template is there would give its index a guessed mapping."""
    done = {"condition": "service_completed_successfully"}
    assert {"setup": done} == SERVICES["consumer"]["depends_on"]


def test_nothing_depends_on_kibana() -> None:
    """The log is written whether or not anyone looks at it."""
    assert not any("kibana" in service.get("depends_on", {}) for service in SERVICES.values())


@every_server
def test_data_is_in_a_named_volume(name: str) -> None:
    """Taking the project down keeps the data."""
    assert [f"{name}-data:{DATA[name]}"] == SERVICES[name]["volumes"]
    assert f"{name}-data" in COMPOSE["volumes"]


def test_kafka_writes_into_its_volume() -> None:
    """The image's own default is a folder that goes with the container."""
    assert DATA["kafka"] == SERVICES["kafka"]["environment"]["KAFKA_LOG_DIRS"]


def test_server_versions_are_those_of_the_embedded_servers() -> None:
    """What is tried without containers is what runs in them."""
    versions = {name: SERVICES[name]["image"].rpartition(":")[2] for name in DATA}
    wanted = {
        "kafka": KAFKA_VERSION,
        "elasticsearch": ELASTICSEARCH_VERSION,
        "kibana": ELASTICSEARCH_VERSION,
    }
    assert wanted == versions


def test_kafka_advertises_the_port_that_is_published() -> None:
    """A client on the host is sent on to the advertised address, so the two change together."""
    kafka = SERVICES["kafka"]
    published = kafka["ports"][0].rpartition(":")[0]
    assert f"HOST://{published}" in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"].split(",")


def test_kafka_makes_no_topic_by_itself() -> None:
    """A misspelt topic fails, and does not swallow events."""
    assert SERVICES["kafka"]["environment"]["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"


@every_service
def test_no_secret_has_a_default(name: str) -> None:
    """A password in the file would be everybody's password."""
    assert not [
        key
        for key in SERVICES[name].get("environment", {})
        if re.search(r"PASSWORD|SECRET|API_?KEY|ENCRYPTIONKEY|TOKEN", key.upper())
    ]


@every_service_of_ours
def test_our_image_carries_the_version_of_the_project(name: str) -> None:
    """An image of an older release is not taken for this one."""
    assert f"chat-auditlog:{PROJECT['project']['version']}" == SERVICES[name]["image"]


@every_service_of_ours
def test_our_containers_can_do_no_more_than_they_need(name: str) -> None:
    """No capability, no way to gain one, no writable filesystem."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert service["init"] is True


@every_service_of_ours
def test_every_variable_of_our_containers_is_a_setting(name: str) -> None:
    """A misspelt variable would be ignored in silence."""
    settings = {*ConsumerSettings.model_fields, *SetupSettings.model_fields}
    given = {key.removeprefix("AUDITLOG_").lower() for key in SERVICES[name]["environment"]}
    assert given <= settings


def test_consumer_is_given_longer_than_it_drains() -> None:
    """A stop settles what was read, and only then does the process end."""
    seconds = float(SERVICES["consumer"]["stop_grace_period"].removesuffix("s"))
    assert seconds > ConsumerSettings.model_fields["drain_seconds"].default


def test_the_image_runs_as_a_user_that_is_not_root() -> None:
    """The final stage ends with a numeric user, which Kubernetes can check, other than 0."""
    user, _, group = arguments(stages()[-1], "USER")[-1].partition(":")
    assert int(user) > 0
    assert int(group) > 0


def test_the_image_starts_the_command() -> None:
    """Arguments of a container are arguments of `auditlog`."""
    assert arguments(stages()[-1], "ENTRYPOINT") == ['["auditlog"]']


def test_the_final_stage_builds_nothing() -> None:
    """Compilers, pip's cache and the sources stay behind in the stage that needed them."""
    *_, final = stages()
    assert arguments(final, "RUN") == []
    assert arguments(final, "COPY") == ["--from=build /opt/auditlog /opt/auditlog"]


def test_the_build_sees_each_package_and_nothing_else() -> None:
    """A new package of the wheel reaches the image; a secret beside it does not."""
    ignored, *rest = [
        line
        for line in (ROOT / ".dockerignore").read_text().splitlines()
        if line and not line.startswith("#")
    ]
    wheel = PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    packages = [*wheel["packages"], *wheel["force-include"]]
    allowed = {line.removeprefix("!") for line in rest if line.startswith("!")}
    assert ignored == "*"
    assert {"pyproject.toml", "README.md", "constraints.txt", *packages} == allowed
