"""What holds where nobody sets anything: safe connections, no secrets, no waiting that is hidden."""

import elasticsearch
import pytest
from audit_cli.settings import all_settings
from audit_forward import ForwardSettings
from audit_runtime.settings import ElasticsearchSettings, KafkaSettings
from audit_seal import SealSettings
from pydantic import ValidationError


def test_certificates_are_checked_by_default() -> None:
    """Over https and SSL nobody is trusted unseen, and no setting turns that off."""
    options = ElasticsearchSettings(elasticsearch_url="https://elasticsearch:9200")
    with elasticsearch.Elasticsearch(**options.elasticsearch_options()) as client:
        (node,) = client.transport.node_pool.all()
        assert node.config.verify_certs
    config = KafkaSettings(kafka_security_protocol="SASL_SSL").kafka_config()
    assert config.get("enable.ssl.certificate.verification", True) is True
    assert config.get("ssl.endpoint.identification.algorithm", "https") == "https"


def test_no_secret_has_a_default_value() -> None:
    """A secret that is in the code is everybody's."""
    secrets = {setting.variable: setting.default for setting in all_settings() if setting.is_secret}
    assert "AUDITLOG_ELASTICSEARCH_PASSWORD" in secrets
    assert set(secrets.values()) == {""}


def test_client_of_elasticsearch_tries_nothing_again_by_itself() -> None:
    """The engine retries; a client that does too hides back-pressure, and doubles the waiting."""
    options = ElasticsearchSettings().elasticsearch_options()
    assert (options["max_retries"], options["retry_on_timeout"]) == (0, False)


def test_empty_variable_names_no_file(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deployments set it to nothing where there is nothing; it is not the current folder."""
    names = ("streams", "lists", "denied_ranges", "catalogue", "seal_folder", "seal_witness_key_file")
    for name in names:
        monkeypatch.setenv(f"AUDITLOG_{name.upper()}", "")
    found = ForwardSettings().model_dump() | SealSettings().model_dump()
    assert {name: found[name] for name in names} == dict.fromkeys(names)


@pytest.mark.parametrize(
    "url",
    [
        *("http://elasticsearch", "http://elasticsearch/path", "http://elasticsearch:"),
        *("https://elasticsearch:abc", "http://elasticsearch:99999", "http://a:9200,http://b"),
    ],
)
def test_address_that_the_client_does_not_take_is_refused(url: str) -> None:
    """In a sentence that names the variable, before anything is asked."""
    with pytest.raises(ValidationError, match="must be like https://host:9200"):
        ElasticsearchSettings(elasticsearch_url=url)


@pytest.mark.parametrize(
    "url", ["http://elasticsearch:9200", "https://elasticsearch", "https://e/p, http://[::1]:9200/"]
)
def test_address_that_is_taken_makes_a_client(url: str) -> None:
    """With https alone a port goes without saying."""
    options = ElasticsearchSettings(elasticsearch_url=url)
    with elasticsearch.Elasticsearch(**options.elasticsearch_options()) as client:
        assert len(client.transport.node_pool.all()) == url.count("://")
