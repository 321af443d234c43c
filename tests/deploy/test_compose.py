"""The compose file and the image: what they promise without being started."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml
from audit_cli.settings import all_settings
from audit_consumer import ConsumerSettings
from audit_local.artifacts import ELASTICSEARCH_VERSION, KAFKA_VERSION
from audit_seal.witness_settings import WitnessSettings
from audit_secrets import SERVICES as SERVED
from audit_secrets import Service

ROOT = Path(__file__).resolve().parents[2]

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())

DATA = {
    "kafka": "/var/lib/kafka/data",
    "elasticsearch": "/usr/share/elasticsearch/data",
    "kibana": "/usr/share/kibana/data",
}
JOBS = ("secrets", "setup", "kibana-import")
SERVER_JOBS = ("quotas",)
"""Jobs that run a server's own tool in its own image."""
ROLES = ("consumer", "alerts", "forwarder", "sealer", "page")
WITNESS = "witness"
TOOLS = ("publisher", "reader", "admin", "tokens")
OURS = (*JOBS, *ROLES, WITNESS, *TOOLS)

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


def test_the_services_are_the_servers_and_ours() -> None:
    """Kibana, which is large, and what a person runs by hand stay away until they are asked for."""
    assert {*DATA, *SERVER_JOBS, *OURS} == set(SERVICES)
    profiles = {
        name: service["profiles"] for name, service in SERVICES.items() if "profiles" in service
    }
    tools = {name: ["tools"] for name in TOOLS}
    others = {"kibana": ["kibana"], "kibana-import": ["kibana"], "forwarder": ["forward"]}
    assert profiles == others | tools


def test_there_are_two_consumers() -> None:
    """One that is killed or replaced has another beside it."""
    assert SERVICES["consumer"]["deploy"]["replicas"] == 2


@every_service
def test_every_published_port_is_on_the_loopback_address(name: str) -> None:
    """Whoever wants other machines to reach it has to say so."""
    assert SERVICES[name].get("network_mode", "none") == "none"
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


DONE = {"condition": "service_completed_successfully"}
HEALTHY = {"condition": "service_healthy"}


@pytest.mark.parametrize("name", ["kafka", "elasticsearch"])
def test_servers_wait_for_their_secrets(name: str) -> None:
    """Without a certificate and users they could not start."""
    assert {"secrets": DONE} == SERVICES[name]["depends_on"]


def test_setup_waits_for_healthy_servers() -> None:
    """The job runs once, so it must find both servers ready; and nobody publishes without a quota.

    `docker compose up --wait` takes a job that nothing waits for as one that died.
    """
    servers = {"kafka": HEALTHY, "elasticsearch": HEALTHY}
    assert servers | {"quotas": DONE} == SERVICES["setup"]["depends_on"]


@pytest.mark.parametrize("name", ["kafka", *SERVER_JOBS])
def test_every_volume_that_kafkas_image_declares_is_mounted(name: str) -> None:
    """Else each container leaves one without a name behind."""
    mounted = {volume.split(":")[1] for volume in SERVICES[name]["volumes"]}
    assert {"/etc/kafka/secrets", "/var/lib/kafka/data", "/mnt/shared/config"} == mounted


def test_publishers_may_write_at_a_bounded_rate() -> None:
    """All of them together, whatever client id each takes: they log in as one user of Kafka."""
    job, publisher = SERVICES["quotas"], SERVICES["publisher"]["environment"]["AUDITLOG_KAFKA_USERNAME"]
    assert SERVICES["kafka"]["image"] == job["image"]
    assert {"--alter", "--entity-type=users", f"--entity-name={publisher}"} < set(job["command"])
    (rate,) = (word for word in job["command"] if word.startswith("--add-config="))
    assert rate == "--add-config=producer_byte_rate=${AUDITLOG_PUBLISHER_BYTE_RATE:-10000000}"
    assert "AUDITLOG_PUBLISHER_BYTE_RATE" in (ROOT / "docs" / "installing.md").read_text()


@pytest.mark.parametrize("name", ["setup", "quotas", "kibana-import"])
def test_jobs_that_ask_servers_are_tried_again(name: str) -> None:
    """On a busy machine a healthy server may take too long, and everything waits for these."""
    assert SERVICES[name]["restart"].startswith("on-failure:")


@pytest.mark.parametrize("name", ROLES)
def test_roles_wait_for_setup(name: str) -> None:
    """An event indexed before the template is there would give its index a guessed mapping."""
    assert {"setup": DONE} == SERVICES[name]["depends_on"]


@pytest.mark.parametrize("name", [*ROLES, WITNESS])
def test_roles_are_asked_whether_they_are_ready(name: str) -> None:
    """By the image's own check, which finds where to ask in these variables."""
    assert "healthcheck" not in SERVICES[name]
    assert {"AUDITLOG_METRICS_PORT", "AUDITLOG_SERVE_PORT"} & set(SERVICES[name]["environment"])
    assert arguments(stages()[-1], "HEALTHCHECK")[0].endswith(
        'CMD ["python", "-m", "audit_cli.healthy"]'
    )


def test_nothing_but_its_import_depends_on_kibana() -> None:
    """The log is written whether or not anyone looks at it."""
    waiting = [name for name, service in SERVICES.items() if "kibana" in service.get("depends_on", {})]
    assert waiting == ["kibana-import"]


@every_server
def test_data_is_in_a_named_volume(name: str) -> None:
    """Taking the project down keeps the data."""
    assert f"{name}-data:{DATA[name]}" in SERVICES[name]["volumes"]
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
def test_no_environment_holds_a_secret(name: str) -> None:
    """A password in the file would be everybody's; one in the environment, whoever's may inspect it."""
    given = SERVICES[name].get("environment", {})
    telling = {k: v for k, v in given.items() if re.search("PASSWORD|SECRET|KEY|TOKEN|CRED", k.upper())}
    allowed = ("/run/auditlog/", "/etc/kafka/secrets/", "/var/lib/auditlog/", "PEM", "tls.")
    assert not {k: v for k, v in telling.items() if not v.startswith(allowed)}


def test_the_page_reads_the_sealed_log_and_never_its_keys() -> None:
    """Whoever breaks into the page can't sign."""
    folder = SERVICES["sealer"]["environment"]["AUDITLOG_SEAL_FOLDER"]
    assert folder == SERVICES["page"]["environment"]["AUDITLOG_SEAL_FOLDER"]
    assert {f"seal:{folder}", f"seal-keys:{folder}/keys"} < set(SERVICES["sealer"]["volumes"])
    assert f"seal:{folder}:ro" in SERVICES["page"]["volumes"]
    readers = [name for name, one in SERVICES.items() if "seal-keys" in str(one.get("volumes"))]
    assert readers == ["sealer"]
    assert f"seal:{folder}:ro" in SERVICES[WITNESS]["volumes"]
    assert f"--chown=10001:10001 /seal {folder}" in "\n".join(stages()[-1])


def test_the_witness_has_a_key_and_a_memory_of_its_own() -> None:
    """The sealer knows the public key alone; and the image's folder is the one that is mounted."""
    witness, sealer = SERVICES[WITNESS]["environment"], SERVICES["sealer"]["environment"]
    folder = witness["AUDITLOG_WITNESS_FOLDER"]
    assert {"secrets-witness:/run/auditlog:ro", f"witness:{folder}"} < set(SERVICES[WITNESS]["volumes"])
    assert ["witness"] == [
        name for name, one in SERVICES.items() if f"witness:{folder}" in one.get("volumes", ())
    ]
    assert f"--chown=10001:10001 /witness {folder}" in "\n".join(stages()[-1])
    assert "/run/auditlog/witness.key" == witness["AUDITLOG_WITNESS_KEY_FILE"]
    assert "/run/auditlog/witness.pub" == sealer["AUDITLOG_SEAL_WITNESS_KEY_FILE"]
    logs = f"{sealer['AUDITLOG_SEAL_FOLDER']}/policy"
    assert logs == witness["AUDITLOG_WITNESS_LOGS_FILE"]
    assert {"sealer": HEALTHY} == SERVICES[WITNESS]["depends_on"]  # by then there is that file


def test_the_sealer_alone_reaches_the_witness() -> None:
    """By a network that leads nowhere else; at the port that it listens on."""
    assert COMPOSE["networks"] == {"witness": {"internal": True}}
    assert ["sealer", WITNESS] == [
        name for name, one in SERVICES.items() if "witness" in one.get("networks", ())
    ]
    assert ["witness"] == SERVICES[WITNESS]["networks"]
    assert "ports" not in SERVICES[WITNESS]
    port = WitnessSettings.model_fields["witness_port"].default
    assert f"http://witness:{port}" == SERVICES["sealer"]["environment"]["AUDITLOG_SEAL_WITNESS_URL"]


def test_every_secret_is_in_a_volume_of_its_service_alone() -> None:
    """The job writes them all; each service reads its own."""
    made = {volume.split(":")[0] for volume in SERVICES["secrets"]["volumes"]}
    assert {"secrets", "tokens", *(f"secrets-{one.name}" for one in SERVED)} == made
    for name, service in SERVICES.items():
        read = [volume for volume in service.get("volumes", ()) if volume.startswith("secrets")]
        if name not in {"secrets", "tokens"}:
            assert len(read) == 1, name
            assert re.fullmatch(r"secrets-[a-z]+:(/run/auditlog|/etc/kafka/secrets):ro", read[0]), name


@pytest.mark.parametrize("service", SERVED, ids=lambda service: str(service.name))
def test_services_log_in_as_those_whose_passwords_they_have(service: Service) -> None:
    """The compose file and `auditlog secrets` are two lists of one thing."""
    for name, found in SERVICES.items():
        if name in OURS and f"secrets-{service.name}:/run/auditlog:ro" in found["volumes"]:
            given = found["environment"]
            users = {
                server: given.get(f"AUDITLOG_{server}_USERNAME")
                for server in ("KAFKA", "ELASTICSEARCH")
            }
            if name != "kibana-import":
                assert {"KAFKA": service.kafka, "ELASTICSEARCH": service.elasticsearch} == users
            else:
                assert service.elasticsearch == given["AUDITLOG_KIBANA_USERNAME"]


@every_service_of_ours
def test_every_connection_is_encrypted(name: str) -> None:
    """To Kafka, to Elasticsearch, to Kibana, and by the authority of this deployment alone."""
    given = SERVICES[name].get("environment", {})
    urls = {k: v for k, v in given.items() if k.endswith("_URL")}
    urls.pop("AUDITLOG_SEAL_WITNESS_URL", None)  # what goes over it is signed, and no secret
    assert all(url.startswith("https://") for url in urls.values())
    if "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS" in given:
        assert given["AUDITLOG_KAFKA_SECURITY_PROTOCOL"] == "SASL_SSL"
    for server in ("KAFKA", "ELASTICSEARCH", "KIBANA"):
        if f"AUDITLOG_{server}_USERNAME" in given:
            assert given[f"AUDITLOG_{server}_CA_FILE"] == "/run/auditlog/ca.crt"


def test_servers_have_security_on() -> None:
    """Every listener of Kafka, and Elasticsearch's only one."""
    kafka, elastic = SERVICES["kafka"]["environment"], SERVICES["elasticsearch"]["environment"]
    listeners = kafka["KAFKA_LISTENER_SECURITY_PROTOCOL_MAP"].split(",")
    assert {"SASL_SSL"} == {listener.partition(":")[2] for listener in listeners}
    assert kafka["KAFKA_AUTHORIZER_CLASS_NAME"].endswith("StandardAuthorizer")
    assert kafka["KAFKA_ALLOW_EVERYONE_IF_NO_ACL_FOUND"] == "false"
    assert elastic["xpack.security.enabled"] == "true"
    assert elastic["xpack.security.http.ssl.enabled"] == "true"
    assert elastic["xpack.security.authc.reserved_realm.enabled"] == "false"
    assert elastic["transport.host"] == "127.0.0.1"


@pytest.mark.parametrize("listener", ["INTERNAL", "HOST"])
def test_no_listener_is_called_as_the_image_takes_for_its_own(listener: str) -> None:
    """Where one is called SSL or SASL_SSL it asks for the passwords of keystores, which PEM has not."""
    advertised = SERVICES["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert f"{listener}://" in advertised
    assert "SSL://" not in advertised
    assert "SASL_" not in advertised


def test_the_image_is_built_once() -> None:
    """Engines with the containerd store refuse a second image of the same tag in one build.

    All that starts by itself waits for the job that builds it; none asks a registry for it.
    """
    assert ["secrets"] == [name for name, service in SERVICES.items() if "build" in service]
    policies = {name: SERVICES[name].get("pull_policy") for name in OURS if name != "secrets"}
    assert {"never"} == set(policies.values())
    assert "pull_policy" not in SERVICES["secrets"]
    assert {name for name in SERVICES if waits_for(name, "secrets")} == {
        *SERVICES.keys() - TOOLS - {"secrets"}
    }


def waits_for(name: str, other: str) -> bool:
    """Tell whether a service starts after another one, by way of others too."""
    needed = SERVICES[name].get("depends_on", ())
    return other in needed or any(waits_for(each, other) for each in needed)


@pytest.mark.parametrize("name", ["kafka", "elasticsearch"])
def test_servers_can_run_the_libraries_that_they_unpack(name: str) -> None:
    """A tmpfs is noexec unless told otherwise: Kafka would refuse every batch in zstd or snappy."""
    (mount,) = (mount for mount in SERVICES[name]["tmpfs"] if mount.startswith("/tmp:"))  # noqa: S108
    assert "exec" in mount.partition(":")[2].split(",")


def test_kibana_gets_the_options_of_node_that_its_image_has() -> None:
    """Its launcher reads them from the folder of the configuration, which is our own."""
    environment = SERVICES["kibana"]["environment"]
    assert "/run/auditlog" == environment["KBN_PATH_CONF"]
    assert {
        "--unhandled-rejections=warn",
        "--dns-result-order=ipv4first",
        "--openssl-legacy-provider",
    } <= set(environment["NODE_OPTIONS"].split())


@every_service_of_ours
def test_our_image_carries_the_version_of_the_project(name: str) -> None:
    """An image of an older release is not taken for this one."""
    assert f"chat-auditlog:{PROJECT['project']['version']}" == SERVICES[name]["image"]


def test_the_image_is_labelled_with_the_version_of_the_project() -> None:
    """Whoever finds the image alone knows what it is."""
    label = f'org.opencontainers.image.version="{PROJECT["project"]["version"]}"'
    assert label in arguments(stages()[-1], "LABEL")[0]


@every_service
def test_containers_can_do_no_more_than_they_need(name: str) -> None:
    """No capability, no way to gain one, no writable filesystem; the secrets' job gives files away."""
    service = SERVICES[name]
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["read_only"] is True
    assert not service.get("privileged")
    root = name == "secrets"
    assert service.get("cap_add", []) == (["CHOWN", "DAC_OVERRIDE"] if root else [])
    assert service.get("user") == ("0:0" if root else None)


@pytest.mark.parametrize("name", ["secrets", "tokens"])
def test_what_needs_no_network_has_none(name: str) -> None:
    """What makes secrets can't tell them to anybody."""
    assert SERVICES[name]["network_mode"] == "none"


@every_service
def test_memory_in_the_place_of_files_is_bounded(name: str) -> None:
    """A tmpfs without a size may take half of the machine's memory."""
    for mount in SERVICES[name].get("tmpfs", []):
        assert re.search(r"size=\d+m", mount), mount


@every_service
def test_what_the_file_mounts_is_in_the_repository(name: str) -> None:
    """The engine makes an empty folder of what is not there."""
    for volume in SERVICES[name].get("volumes", []):
        source = volume.split(":")[0]
        if source.startswith("."):
            assert (ROOT / source).exists(), source
            assert volume.endswith(":ro")


@every_service_of_ours
def test_a_process_of_ours_is_not_the_first(name: str) -> None:
    """The first one takes no signal that it doesn't ask for, and has to bury others."""
    assert SERVICES[name]["init"] is True


@every_service_of_ours
def test_every_variable_of_our_containers_is_a_setting(name: str) -> None:
    """A misspelt variable would be ignored in silence."""
    settings = {setting.variable for setting in all_settings()}
    assert set(SERVICES[name].get("environment", {})) <= settings


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
    assert arguments(final, "COPY") == [
        "--from=build /opt/auditlog /opt/auditlog",
        "--from=build --chown=10001:10001 /seal /var/lib/auditlog-seal",  # empty, for volumes
        "--from=build --chown=10001:10001 /witness /var/lib/auditlog-streams",
        "--from=build --chown=10001:10001 /witness /var/lib/auditlog-witness",
    ]


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
    requirements = ("requirements.txt", "requirements-build.txt")
    assert {"pyproject.toml", "README.md", *requirements, *packages} == allowed


def test_everything_in_the_image_is_pinned_by_its_hash() -> None:
    """What others wrote by its hash, ours by what is in the clone; nothing comes along unasked."""
    installs = [part for part in " ".join(arguments(stages()[0], "RUN")).split("&&") if "pip" in part]
    for install in (part for part in installs if "without-pip" not in part):
        assert "--require-hashes -r requirements" in install or "--no-deps" in install, install
