"""The forms of a stream: which there are, our own, and what holds for all of them."""

import json
from pathlib import Path
from typing import Any

import pytest
from audit_alerts import Alert, CloseReason, Step, TriageStep
from audit_alerts.desk.triage import applied
from audit_alerts.runner.sinks import body_of
from audit_forward.forms import FORMS, FormError, form
from audit_producer.build import new_event
from audit_schemas import content_hash, publisher_fields, shown_alert
from support.stored_alerts import NOW, made_alert
from support.stored_documents import example, example_names, stored
from support.written_forms import GOLDEN, written_forms


def test_form_is_found_by_its_name() -> None:
    """The four that a stream's file may name."""
    assert ["auditlog", "ecs", "ocsf", "cef"] == [form(name).name for name in FORMS]
    assert "ocsf" == form("ocsf", version="1.8.0").name


@pytest.mark.parametrize(
    ("name", "version", "said"),
    [
        ("leef", None, "'leef' is not a form; use one of auditlog, ecs, ocsf, cef"),
        ("ocsf", "1.9.0", "ocsf 1.9.0 is not supported; use 1.8.0, or leave the version out"),
        ("cef", "1", "the form cef has no versions; leave the version out"),
    ],
)
def test_unknown_form_is_refused_with_those_that_there_are(
    name: str, version: str | None, said: str
) -> None:
    """The message says what to write instead."""
    with pytest.raises(FormError) as raised:
        form(name, version=version)
    assert said == str(raised.value)


@pytest.mark.parametrize("name", example_names())
def test_own_form_of_an_event_is_its_document_whole(name: str) -> None:
    """As it is exported: its hash can be computed again, and its evidence checked."""
    made = form("auditlog").event(example(name))
    assert example(name) == made
    assert isinstance(made, dict)
    assert content_hash(publisher_fields(made)) == made["event"]["hash"]


@pytest.mark.parametrize("step", [None, TriageStep(Step.CLOSE, reason=CloseReason.TEST, note="mine")])
def test_own_form_of_an_alert_is_what_the_webhook_of_alerts_sends(step: TriageStep | None) -> None:
    """Receivers that know one know the other."""
    _, document = made_alert(organizations=("acme",))
    if step is not None:
        document = applied(document, step, "ada", NOW)
    assert json.loads(body_of(document)) == form("auditlog").alert(document)


def test_reopened_alert_says_so_in_its_message() -> None:
    """As the webhook's does."""
    _, document = made_alert()
    step = {
        "at": "2026-11-20T08:02:00.000Z",
        "by": "runner",
        "action": "reopened",
        "note": "new evidence",
    }
    document["audit"]["alert"]["history"] = [step]
    assert json.loads(body_of(document)) == shown_alert(document)
    assert "Reopened, new evidence: " == shown_alert(document)["message"].removesuffix(
        Alert(document).title
    )


@pytest.mark.parametrize("name", FORMS)
def test_what_is_masked_in_the_log_stays_masked(name: str) -> None:
    """A form has nothing but the document, and the SDK masks before that."""
    event = new_event(
        "settings-changed",
        user="u-17",
        changes={"smtp-password": ("hunter2", "correct horse")},
    )
    made = form(name).event(stored(event))
    assert "hunter2" not in str(made)
    assert "***" in str(made)


@pytest.mark.parametrize("name", FORMS)
@pytest.mark.parametrize("document", [{}, {"event": [], "user": "ada", "audit": None, "labels": 7}])
def test_document_in_an_unexpected_shape_still_has_an_answer(
    name: str, document: dict[str, Any]
) -> None:
    """A form never holds up a stream."""
    made = form(name)
    assert made.event(document) is not None
    assert made.alert(document) is not None


@pytest.mark.parametrize("name", FORMS)
def test_document_is_not_changed(name: str) -> None:
    """One document goes into many streams."""
    document = example("every-field")
    form(name).event(document)
    assert example("every-field") == document


@pytest.mark.parametrize("path", sorted(GOLDEN.iterdir()), ids=lambda path: path.name)
def test_form_is_written_as_ever(path: Path) -> None:
    """Receivers' rules and dashboards depend on every name; a change here goes into the changelog."""
    assert path.read_text() == written_forms()[path.name]
