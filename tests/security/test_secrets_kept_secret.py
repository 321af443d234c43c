"""Secrets come from files too, are shown nowhere, and cross no network in plain text."""

from base64 import b64encode
from pathlib import Path

import pytest
from audit_admin import SetupSettings
from audit_alerts.runner.settings import RunnerSettings
from audit_cli.settings import all_settings
from audit_consumer import ConsumerSettings
from audit_kibana.settings import KibanaSettings
from audit_producer import AuditProducer, ProducerSettings
from audit_query import QuerySettings
from audit_runtime.elastic import connect
from audit_runtime.errors import CredentialsError
from audit_runtime.settings import ElasticsearchSettings, KafkaSettings
from pydantic import BaseModel, SecretStr, ValidationError
from support.in_process import auditlog_in_process

SECRET = "c0rrect-h0rse-battery-staple"  # noqa: S105 - of nothing
BASIC = "Basic " + b64encode(f"a:{SECRET}".encode()).decode()
SECRETS = [setting.variable for setting in all_settings() if setting.is_secret]
CLASSES: list[type[BaseModel]] = [
    ConsumerSettings,
    SetupSettings,
    QuerySettings,
    RunnerSettings,
    KibanaSettings,
    ProducerSettings,
]
NOWHERE = {
    "AUDITLOG_KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1",
    "AUDITLOG_ELASTICSEARCH_URL": "http://127.0.0.1:1",
    "AUDITLOG_KIBANA_URL": "http://127.0.0.1:1",
    "AUDITLOG_KAFKA_SECURITY_PROTOCOL": "SASL_PLAINTEXT",
    "AUDITLOG_KAFKA_USERNAME": "somebody",
    "AUDITLOG_ELASTICSEARCH_USERNAME": "somebody",
    "AUDITLOG_KIBANA_USERNAME": "somebody",
}
AWAY = "logs.example.net"


def test_every_secret_may_be_in_a_file() -> None:
    """A variable is seen by whoever may look at the process; a file has an owner and a mode."""
    variables = {setting.variable for setting in all_settings()}
    assert {f"{name}_FILE" for name in SECRETS} <= variables
    assert len(SECRETS) >= 4


@pytest.mark.parametrize(
    "arguments",
    [
        ("settings", "--json"),
        ("consume", "--help"),
        ("search", "--limit", "1"),
        ("kibana", "import"),
        ("search", "--no-such-option"),
    ],
)
def test_no_command_prints_a_secret(arguments: tuple[str, ...]) -> None:
    """Not what is in force, not in help, not in an error."""
    given = dict.fromkeys(SECRETS, SECRET)
    done = auditlog_in_process(*arguments, **NOWHERE, **given)
    assert done.stdout + done.stderr
    assert SECRET not in done.stdout + done.stderr


@pytest.mark.parametrize("owner", CLASSES)
def test_no_object_and_no_error_shows_a_secret(owner: type[BaseModel]) -> None:
    """A service logs its settings, or the error that they are wrong: neither holds the value."""
    secrets = {name for name, info in owner.model_fields.items() if "SecretStr" in str(info.annotation)}
    assert secrets
    settings = owner.model_validate(dict.fromkeys(secrets, SECRET))
    assert SECRET not in f"{settings!r} {settings} {settings.model_dump()} {settings.model_dump_json()}"
    for wrong in ({"kafka_security_protocol": SECRET}, {"elasticsearch_url": f"https://a:{SECRET}@b"}):
        if owner.model_fields.keys() >= wrong.keys():
            with pytest.raises(ValidationError) as refused:
                owner.model_validate(dict.fromkeys(secrets, SECRET) | wrong)
            assert SECRET not in f"{refused.value} {refused.value!r}"


def kafka(servers: str, **more: object) -> KafkaSettings:
    """Return settings that log in without TLS."""
    return KafkaSettings.model_validate(
        {
            "kafka_bootstrap_servers": servers,
            "kafka_security_protocol": "SASL_PLAINTEXT",
            "kafka_username": "somebody",
            "kafka_password": SECRET,
            **more,
        }
    )


def elastic(url: str, **more: object) -> ElasticsearchSettings:
    """Return settings with a user and a password."""
    fields = {"elasticsearch_url": url, "elasticsearch_username": "a", "elasticsearch_password": SECRET}
    return ElasticsearchSettings.model_validate(fields | more)


@pytest.mark.parametrize("servers", [f"{AWAY}:9092", f"127.0.0.1:9092,{AWAY}:9092", "10.0.0.1:9092"])
def test_kafka_gets_no_password_in_plain_text(servers: str) -> None:
    """One broker away from this machine is enough; who insists may say so."""
    with pytest.raises(CredentialsError, match="SASL_SSL") as refused:
        kafka(servers).kafka_config()
    assert SECRET not in str(refused.value)
    assert kafka(servers, allow_plain_text=True).kafka_config()["sasl.password"] == SECRET
    assert kafka(servers, kafka_security_protocol="SASL_SSL").kafka_config()["sasl.password"] == SECRET


@pytest.mark.parametrize("url", [f"http://{AWAY}:9200", f"https://{AWAY}:9200,http://{AWAY}:9201"])
def test_elasticsearch_gets_no_password_in_plain_text(url: str) -> None:
    """Nor an API key; and where there is nothing to hide, nothing is refused."""
    with pytest.raises(CredentialsError, match="https"):
        elastic(url).elasticsearch_authorization()
    with pytest.raises(CredentialsError, match="https"):
        connect(elastic(url), seconds=1)  # nobody has to send something first
    with pytest.raises(CredentialsError, match="AUDITLOG_ALLOW_PLAIN_TEXT"):
        ElasticsearchSettings(
            elasticsearch_url=url, elasticsearch_api_key=SecretStr(SECRET)
        ).elasticsearch_authorization()
    assert elastic(url, allow_plain_text=True).elasticsearch_authorization() == BASIC
    assert ElasticsearchSettings(elasticsearch_url=url).elasticsearch_authorization() is None
    assert SECRET not in str(elastic(url, allow_plain_text=True).elasticsearch_options())


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "127.8.8.8", "[::1]"])
def test_loopback_crosses_no_network(host: str) -> None:
    """Who can listen there can read the process's memory too."""
    assert kafka(f"{host}:9092").kafka_config()["sasl.password"] == SECRET
    assert elastic(f"http://{host}:9200").elasticsearch_authorization() == BASIC


def test_name_that_begins_like_loopback_is_away() -> None:
    """Names are anybody's."""
    with pytest.raises(CredentialsError):
        kafka("localhost.example.net:9092").kafka_config()
    with pytest.raises(CredentialsError):
        elastic("http://127.0.0.1.example.net:9200").elasticsearch_authorization()


def test_service_is_told_at_its_start_not_at_a_log_in() -> None:
    """The producer refuses such settings when it is made, also where it raises nothing later."""
    with pytest.raises(CredentialsError):
        AuditProducer(
            ProducerSettings(
                kafka_bootstrap_servers=f"{AWAY}:9092", kafka_security_protocol="SASL_PLAINTEXT"
            ),
            raises=False,
        )


def test_command_says_it_in_a_sentence(tmp_path: Path) -> None:
    """With what to do, and a failing status."""
    away = NOWHERE | {"AUDITLOG_ELASTICSEARCH_URL": f"http://{AWAY}:9200"}
    done = auditlog_in_process("search", **away, AUDITLOG_ELASTICSEARCH_PASSWORD=SECRET)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("auditlog: Elasticsearch would get credentials in plain text")
    broken = tmp_path / "password"
    broken.write_bytes(b"\xff\xfe")
    done = auditlog_in_process("search", **NOWHERE, AUDITLOG_ELASTICSEARCH_PASSWORD_FILE=str(broken))
    assert f"auditlog: {broken} is not UTF-8 text\n" == done.stderr


class Login:
    """Keeps what a client of Kafka would be given."""

    def __init__(self) -> None:
        self.given: list[tuple[str, str]] = []

    def set_sasl_credentials(self, username: str, password: str, /) -> None:
        """Keep it."""
        self.given.append((username, password))


def test_password_that_was_changed_in_its_file_is_taken(tmp_path: Path) -> None:
    """Every client is given what is there now; while the file is away, it keeps what it has."""
    file = tmp_path / "password"
    file.write_text("before\n")
    settings = kafka("127.0.0.1:1", kafka_password=None, kafka_password_file=file)
    login = Login()
    file.write_text(f"{SECRET}\n")
    settings.renew_login(login)
    file.unlink()
    settings.renew_login(login)
    assert [("somebody", SECRET)] == login.given
