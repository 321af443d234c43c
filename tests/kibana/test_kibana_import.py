"""The import, against a stub that answers as Kibana does: what is sent, and what is told."""

import base64
import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from audit_kibana import ExportTarget, KibanaError, KibanaSettings, bundle_of
from audit_kibana.client import Kibana
from audit_kibana.errors import KibanaRefusedError, KibanaUnreachableError
from audit_kibana.importing import ImportOutcome, ImportResult, imported
from pydantic import ValidationError
from support.in_process import auditlog_in_process
from support.kibana_stub import Answer, Rules, Stub, file_of, serving
from support.shipped_rules import shipped_rules

BUNDLE = bundle_of(shipped_rules(), ExportTarget())
IMPORT = "/api/saved_objects/_import?overwrite=true"
ALERTING = [rule for rule in BUNDLE.rules if not rule.type.is_detection]
DETECTION = [rule for rule in BUNDLE.rules if rule.type.is_detection]


@pytest.fixture
def stub() -> Iterator[Stub]:
    """Give a stub on loopback."""
    with serving() as found:
        yield found


def settings(url: str, **given: Any) -> KibanaSettings:
    """Return settings for a Kibana."""
    return KibanaSettings(kibana_url=url, **{f"kibana_{name}": value for name, value in given.items()})


def bring(stub: Stub, **given: Any) -> list[ImportResult]:
    """Import everything."""
    with Kibana(settings(stub.url, **given)) as kibana:
        return list(imported(BUNDLE, kibana))


def outcomes(done: list[ImportResult]) -> dict[str, str]:
    """Return what became of each thing."""
    return {each.name: each.outcome.value for each in done}


def refusing(path: str, answer: Answer, method: str = "POST") -> Rules:
    """Answer requests to a path specially."""
    return lambda request: answer if request.method == method and path in request.path else None


def test_objects_go_as_one_file_and_rules_one_by_one(stub: Stub) -> None:
    """Method, path, headers and body of each request."""
    done = bring(stub)
    first, *rest = stub.requests
    assert ("POST", IMPORT) == (first.method, first.path)
    name, content = file_of(first)
    assert "saved-objects.ndjson" == name
    assert list(BUNDLE.objects) == [json.loads(line) for line in content.splitlines()]
    assert [("POST", rule.path, rule.body) for rule in BUNDLE.rules] == [
        (request.method, request.path, request.json) for request in rest
    ]
    assert {"application/json"} == {request.headers["content-type"] for request in rest}
    assert {"true"} == {request.headers["kbn-xsrf"] for request in stub.requests}
    assert not any("authorization" in request.headers for request in stub.requests)
    assert {ImportOutcome.CREATED} == {each.outcome for each in done}
    assert len(BUNDLE.objects) + len(BUNDLE.rules) == len(done)


def test_a_second_import_replaces_and_adds_nothing(stub: Stub) -> None:
    """Under the same ids."""
    bring(stub)
    made = dict(stub.rules)
    again = bring(stub)
    assert {ImportOutcome.UPDATED} == {each.outcome for each in again}
    assert made == stub.rules


def test_what_people_attached_to_a_rule_is_kept(stub: Stub) -> None:
    """Actions, exceptions, and that somebody switched it off: an update is no reset."""
    bring(stub)
    action = {"id": "mail", "group": "query matched", "params": {"to": "x"}, "uuid": "u"}
    plain, detection = stub.rules[ALERTING[0].id], stub.rules[DETECTION[0].id]
    plain |= {"actions": [action | {"connector_type_id": ".email"}], "enabled": False, "name": "old"}
    guide = {"dashboards": [{"id": "d"}], "investigation_guide": {"blob": "Ask Ada."}}
    plain |= {"artifacts": guide}
    detection |= {
        "actions": [action],
        "enabled": False,
        "exceptions_list": [{"id": "e"}],
        "name": "old",
    }
    bring(stub)
    puts = {request.path: request.json for request in stub.requests if request.method == "PUT"}
    assert [action] == puts[ALERTING[0].path]["actions"]
    assert {"name", "schedule", "params", "tags", "actions", "artifacts"} == set(puts[ALERTING[0].path])
    assert {"name", "schedule", "params", "tags", "actions"} == set(puts[ALERTING[1].path])
    plain, detection = stub.rules[ALERTING[0].id], stub.rules[DETECTION[0].id]
    assert not plain["enabled"]
    assert guide == plain["artifacts"]
    assert ALERTING[0].body["name"] == plain["name"]
    assert ([action], False) == (detection["actions"], detection["enabled"])
    assert [{"id": "e"}] == detection["exceptions_list"]
    assert DETECTION[0].body["name"] == detection["name"]


@pytest.mark.parametrize("status", [400, 403, 404])
def test_a_kibana_without_the_internal_route_is_asked_by_the_public_one(
    stub: Stub, status: int
) -> None:
    """The internal one alone shows what people attached to a rule; older ones have nothing of it."""
    bring(stub)
    stub.special = refusing("/internal/", Answer(status, {"message": "no"}), "GET")
    assert {ImportOutcome.UPDATED} == {each.outcome for each in bring(stub)}


def test_a_space_and_a_base_path_are_in_every_path(stub: Stub) -> None:
    """Kibana's space is a part of the address."""
    stub.url += "/base/"
    bring(stub, space="team")
    assert {True} == {request.path.startswith("/base/s/team/api/") for request in stub.requests}


def test_credentials_are_sent_with_every_request(stub: Stub) -> None:
    """A key, or user and password, beyond ASCII too."""
    bring(stub, api_key="a2V5")
    assert {"ApiKey a2V5"} == {request.headers["authorization"] for request in stub.requests}
    stub.requests.clear()
    bring(stub, username="ada", password="pässword")
    basic = base64.b64encode("ada:pässword".encode()).decode()
    assert {f"Basic {basic}"} == {request.headers["authorization"] for request in stub.requests}


@pytest.mark.parametrize("url", ["http://kibana.example:5601", "http://192.0.2.7:5601", "http://[::2]"])
def test_credentials_never_travel_in_the_clear(url: str) -> None:
    """Nothing is sent: the refusal comes before any connection."""
    with pytest.raises(KibanaError, match="not encrypted"):
        Kibana(settings(url, api_key="a2V5"))


@pytest.mark.parametrize("url", ["http://localhost:1", "http://127.0.0.9:1", "http://[::1]:1"])
def test_within_this_machine_they_may(url: str) -> None:
    """As may anything over TLS, or without credentials."""
    Kibana(settings(url, api_key="a2V5"))
    Kibana(settings("https://kibana.example", api_key="a2V5"))
    Kibana(settings("http://kibana.example"))


@pytest.mark.parametrize("key", ["", "a b", "a\nb", "ключ"])
def test_a_key_that_is_none_is_not_sent(key: str) -> None:
    """A file with more than a key in it would break the header, or end up in a log."""
    with pytest.raises(KibanaError, match="API key is not one") as raised:
        Kibana(settings("https://kibana.example", api_key=key))
    assert not key or key not in str(raised.value)


def test_a_user_without_a_password_is_asked_for_one() -> None:
    """In words, rather than by a 401."""
    with pytest.raises(KibanaError, match="no password for ada"):
        Kibana(settings("https://kibana.example", username="ada"))


def test_errors_inside_a_good_answer_are_told(stub: Stub) -> None:
    """Kibana answers 200 and hides them in the body; the rest went in, and the rules follow."""
    view, other, *rest = BUNDLE.objects
    body = {
        "success": False,
        "successCount": len(rest),
        "successResults": [{"type": each["type"], "id": each["id"]} for each in rest],
        "errors": [{"type": view["type"], "id": view["id"], "error": {"type": "unsupported_type"}}],
    }
    stub.special = refusing(IMPORT, Answer(body=body))
    done = bring(stub)
    assert (ImportOutcome.FAILED, True) == (
        done[0].outcome,
        "does not know this type" in done[0].reason,
    )
    assert other["attributes"]["name"] == done[1].name
    assert (ImportOutcome.FAILED, True) == (done[1].outcome, "does not say" in done[1].reason)
    assert {ImportOutcome.CREATED} == {each.outcome for each in done[2:]}


@pytest.mark.parametrize("kind", ["conflict", "ambiguous_conflict", "missing_references"])
def test_what_an_error_of_another_object_kept_out_is_told(stub: Stub, kind: str) -> None:
    """Kibana writes nothing then, and lists what it would have written as successes."""
    view, *rest = BUNDLE.objects
    body = {
        "success": False,
        "successCount": len(rest),
        "successResults": [{"type": each["type"], "id": each["id"]} for each in rest],
        "errors": [{"type": view["type"], "id": view["id"], "error": {"type": kind}}],
    }
    stub.special = refusing(IMPORT, Answer(body=body))
    failed, *others = bring(stub)[: len(BUNDLE.objects)]
    assert ImportOutcome.FAILED is failed.outcome
    assert failed.reason.startswith(f"{kind}: ")
    assert {ImportOutcome.NOT_WRITTEN} == {each.outcome for each in others}
    assert all("fix that, and import again" in each.reason for each in others)


def test_one_refused_rule_hinders_no_other(stub: Stub) -> None:
    """With Kibana's own words."""
    wrong = Answer(400, {"statusCode": 400, "message": "params invalid: [bold]\x1b[31m"})
    stub.special = refusing(ALERTING[0].path, wrong)
    done = bring(stub)
    (failed,) = (each for each in done if each.outcome is not ImportOutcome.CREATED)
    assert ALERTING[0].rule == failed.name
    assert "status 400 (params invalid" in failed.reason
    assert "\x1b" not in failed.reason


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (403, "privileges All of Saved Objects Management"),
        (403, "newer Kibanas also of Rules"),
        (404, "Is there a space default"),
        (413, "server.maxPayload"),
        (429, "Run this again in a while"),
        (500, "status 500"),
        (503, "Run this again in a while"),
    ],
)
def test_each_refusal_says_what_to_do(stub: Stub, status: int, told: str) -> None:
    """And nothing is asked a second time."""
    stub.special = lambda _: Answer(status, {"statusCode": status, "message": "words"})
    done = bring(stub)
    assert {ImportOutcome.FAILED} == {each.outcome for each in done}
    for each in done:
        assert told in each.reason
        assert "words" in each.reason
    assert 1 + len(BUNDLE.rules) == len(stub.requests)


def test_no_detection_privileges_leave_the_rest_standing(stub: Stub) -> None:
    """Elastic Security is often another team's."""
    stub.special = refusing("/api/detection_engine", Answer(403, {"message": "no"}))
    done = bring(stub)
    failed = {each.name for each in done if each.outcome is ImportOutcome.FAILED}
    assert {rule.rule for rule in DETECTION} == failed


def test_somebody_elses_change_is_not_overwritten_blindly(stub: Stub) -> None:
    """A second 409, at the replacement, is a change at the same time."""
    bring(stub)
    stub.special = refusing(ALERTING[0].path, Answer(409, {"message": "version"}), "PUT")
    (failed,) = (each for each in bring(stub) if each.outcome is not ImportOutcome.UPDATED)
    assert "somebody else at the same time" in failed.reason


def test_an_id_that_another_space_has_is_told(stub: Stub) -> None:
    """There, but not here: Kibana says 409, then 404."""
    stub.special = refusing(ALERTING[0].path, Answer(409, {"message": "conflict"}))
    (failed,) = (each for each in bring(stub) if each.outcome is not ImportOutcome.CREATED)
    assert "not in this space" in failed.reason
    assert "--space" in failed.reason


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (Answer(401, {"statusCode": 401, "message": "x"}), "refuses the credentials"),
        (Answer(302, b"", {"location": "/login?next=%2F"}), "sends on to /login"),
        (Answer(200, b"<html>Hello</html>"), "is not Kibana (status 200)"),
        (Answer(404, b"not found"), "is not Kibana (status 404)"),
        (Answer(200, b'"text"'), "is not Kibana"),
        (Answer(cut=True), "makes nothing twice"),
    ],
)
def test_when_all_would_fail_nothing_further_is_tried(stub: Stub, answer: Answer, told: str) -> None:
    """One sentence, one request."""
    stub.special = lambda _: answer
    done = bring(stub)
    assert ImportOutcome.FAILED is done[0].outcome
    assert told in done[0].reason
    assert {ImportOutcome.NOT_TRIED} == {each.outcome for each in done[1:]}
    assert 1 + len(BUNDLE.rules) == len(done)
    assert 1 == len(stub.requests)


def test_kibana_that_goes_away_in_between_leaves_the_rest_untried(stub: Stub) -> None:
    """What is done is told, and what is not."""
    stub.special = refusing(BUNDLE.rules[3].path, Answer(cut=True))
    found = outcomes(bring(stub))
    names = [rule.rule for rule in BUNDLE.rules]
    assert ["created"] * 3 == [found[name] for name in names[:3]]
    assert "failed" == found[names[3]]
    assert {"not tried"} == {found[name] for name in names[4:]}


def test_nobody_there(free_port: int) -> None:
    """The sentence names the address, and where to set it."""
    with (
        Kibana(settings(f"http://127.0.0.1:{free_port}")) as kibana,
        pytest.raises(KibanaUnreachableError) as told,
    ):
        kibana.send("GET", "/api/status")
    assert f"does not answer at http://127.0.0.1:{free_port}" in str(told.value)
    assert "--url" in str(told.value)


@pytest.fixture
def free_port() -> int:
    """Give a port at which nobody listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def test_a_refusal_carries_its_status(stub: Stub) -> None:
    """For whoever decides by it."""
    stub.special = lambda _: Answer(400, {"message": "m"})
    with Kibana(settings(stub.url)) as kibana, pytest.raises(KibanaRefusedError) as told:
        kibana.send("POST", "/api/x", {})
    assert 400 == told.value.status


@pytest.mark.parametrize(
    "url", ["kibana:5601", "ftp://kibana", "https://", "https://h:99999", "https://h/?a=b"]
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    """Before anything is sent to it."""
    with pytest.raises(ValidationError, match="must be like https://host:5601"):
        settings(url)


def test_the_command_names_the_variable_that_is_wrong() -> None:
    """And never shows what is in it."""
    done = auditlog_in_process("kibana", "import", "--url", "https://ada:secret@kibana")
    assert 1 == done.returncode
    assert "AUDITLOG_KIBANA_URL: must not hold credentials" in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_the_command_tells_what_it_did(stub: Stub, tmp_path: Path) -> None:
    """The table, the status; a key from a file goes before that of the environment."""
    (tmp_path / "key").write_text("ZmlsZQ==\n")
    done = auditlog_in_process(
        "kibana",
        "import",
        "--url",
        stub.url,
        "--api-key-file",
        str(tmp_path / "key"),
        AUDITLOG_KIBANA_API_KEY="ZW52",
        AUDITLOG_KIBANA_USERNAME="ada",
    )
    assert 0 == done.returncode, done.stderr
    for rule in BUNDLE.rules:
        assert rule.rule in done.stdout
    assert "created" in done.stdout
    assert {"ApiKey ZmlsZQ=="} == {request.headers["authorization"] for request in stub.requests}
    assert "ZmlsZQ" not in done.stdout + done.stderr


def test_the_command_fails_where_anything_failed(stub: Stub) -> None:
    """With JSON for machines; no detection rule is sent where none is wanted."""
    stub.special = refusing(ALERTING[0].path, Answer(403, {"message": "no"}))
    done = auditlog_in_process(
        "kibana", "import", "--json", "--no-detection", AUDITLOG_KIBANA_URL=stub.url
    )
    assert 1 == done.returncode
    assert "" == done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [ALERTING[0].rule] == [line["name"] for line in lines if line["outcome"] == "failed"]
    assert len(BUNDLE.rules) == sum(line["what"] in ("es-query", "over alerts") for line in lines)
    assert not any("detection_engine" in request.path for request in stub.requests)


def test_the_command_fails_where_anything_was_not_written(stub: Stub) -> None:
    """Else a job of a deployment would take it for done."""
    view, *rest = BUNDLE.objects
    errors = [{"type": view["type"], "id": view["id"], "error": {"type": "conflict"}}]
    results = [{"type": each["type"], "id": each["id"]} for each in rest]
    answer = Answer(body={"success": False, "successResults": results, "errors": errors})
    stub.special = refusing(IMPORT, answer)
    done = auditlog_in_process("kibana", "import", AUDITLOG_KIBANA_URL=stub.url)
    assert 1 == done.returncode
    assert len(rest) == done.stdout.count("not written")


def test_a_user_of_the_command_line_goes_before_a_key_of_the_environment(
    stub: Stub, tmp_path: Path
) -> None:
    """Whoever types a user means that user."""
    (tmp_path / "password").write_text("typed\n")
    typed = ["--username", "ada", "--password-file", str(tmp_path / "password")]
    done = auditlog_in_process(
        "kibana", "import", "--url", stub.url, *typed, AUDITLOG_KIBANA_API_KEY="ZW52"
    )
    assert 0 == done.returncode, done.stderr
    basic = base64.b64encode(b"ada:typed").decode()
    assert {f"Basic {basic}"} == {request.headers["authorization"] for request in stub.requests}


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, Path]:
    """Give a certificate for 127.0.0.1 that nobody knows, and its key."""
    files = tmp_path / "cert.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-days", "1", "-subj", "/CN=kibana", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-out", str(files[0]), "-keyout", str(files[1])),
        ],
        check=True,
        capture_output=True,
    )
    return files


def test_a_ca_of_ones_own_is_named(certificate: tuple[Path, Path]) -> None:
    """With it, the certificate is trusted; without, nothing is sent and the sentence says how."""
    with serving(certificate) as stub:
        done = bring(stub, api_key="a2V5")
        assert (ImportOutcome.FAILED, True) == (done[0].outcome, "--ca-file" in done[0].reason)
        assert "is not trusted" in done[0].reason
        assert not stub.requests
        trusting = bring(stub, api_key="a2V5", ca_file=certificate[0])
        assert {ImportOutcome.CREATED} == {each.outcome for each in trusting}
