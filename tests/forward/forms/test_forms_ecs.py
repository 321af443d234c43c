"""ECS: the fields of ECS and `auditlog`, in shapes that any index takes."""

from typing import Any

import pytest
from audit_alerts import Step, TriageStep
from audit_alerts.desk.triage import applied
from audit_forward.forms import form
from audit_schemas import ECS_VERSION, Place
from hypothesis import given
from hypothesis import strategies as st
from support.event_strategies import some
from support.stored_alerts import NOW, made_alert
from support.stored_documents import example, example_names

ECS = form("ecs")
_ECS = {
    *("@timestamp", "message", "labels", "tags", "ecs", "event", "organization", "related", "rule"),
    *("service", "source", "trace", "user", "user_agent"),
}
"""ECS's own sets of fields, of those that the log has."""


def ecs(document: dict[str, Any]) -> dict[str, Any]:
    """Return an event in ECS."""
    made = ECS.event(document)
    assert isinstance(made, dict)
    return made


@pytest.mark.parametrize("name", example_names())
def test_event_has_fields_of_ecs_and_one_set_of_ours(name: str) -> None:
    """Nothing else: an index template for ECS takes it as it is."""
    made = ecs(example(name, Place("DE", "Berlin", 52.5, 13.4, 64496, "Example Net")))
    assert set(made) <= {*_ECS, "auditlog"}
    assert ("auditlog", "auditlog.events") == (made["event"]["module"], made["event"]["dataset"])
    assert ECS_VERSION == made["ecs"]["version"]


def test_what_ecs_has_no_name_for_is_ours() -> None:
    """All of `audit` but where Kafka has the record."""
    document = example("every-field")
    own = dict(document["audit"])
    own.pop("kafka")
    assert own == ecs(document)["auditlog"]


def test_document_itself_stays_as_it_was() -> None:
    """One document goes into many streams."""
    document = example("every-field")
    ecs(document)
    assert example("every-field") == document


@some
@given(st.dictionaries(st.text(min_size=1), st.text(), max_size=6) | st.just({"a.b": "1", "a_b": "2"}))
def test_labels_are_flat_and_none_is_lost(labels: dict[str, str]) -> None:
    """An index that expands dots would refuse the event for a label `a` beside `a.b`."""
    made = ecs(example("login") | {"labels": labels}).get("labels", {})
    assert not any("." in name for name in made)
    assert sorted(labels.values()) == sorted(made.values())


def test_alert_is_an_ecs_alert_with_the_address_of_its_page() -> None:
    """What only the runner and analysts need is not in it."""
    _, document = made_alert(organizations=("acme",))
    noted = applied(document, TriageStep(Step.NOTE, note="my secret"), "ben", NOW)
    made = ECS.alert(noted)
    assert isinstance(made, dict)
    assert set(made) <= {*_ECS, "auditlog"}
    assert document["audit"]["alert"]["link"] == made["event"]["url"]
    assert ("alert", "auditlog.alerts") == (made["event"]["kind"], made["event"]["dataset"])
    assert {"history", "pending", "notices", "link"}.isdisjoint(made["auditlog"]["alert"])
    assert "my secret" not in str(made)
