"""A bulk request's body and answer: what the client's own serializers give, at less cost."""

import json
from typing import Any

import pytest
from audit_consumer.bulk_serializers import BulkAnswer, BulkBody
from elastic_transport import JsonSerializer, NdjsonSerializer, SerializationError

CREATED = {"create": {"status": 201}}
CONFLICT = {"create": {"status": 409, "error": {"type": "version_conflict_engine_exception"}}}


@pytest.mark.parametrize("body", [b'{"create":{}}\n{"a":1}\n', [b'{"create":{}}', {"a": 1}], {"a": 1}])
def test_body_is_the_clients_own(body: Any) -> None:
    """Ready bytes are sent as they are; of anything else the client's lines are made."""
    body = [body] if isinstance(body, dict) else body
    assert NdjsonSerializer().dumps(body) == BulkBody().dumps(body)


@pytest.mark.parametrize(
    "answer",
    [
        {"errors": False, "items": []},
        {"errors": False, "items": [CREATED]},
        {"errors": False, "items": [CREATED] * 3},
        {"errors": True, "items": [CREATED, CONFLICT]},
        {"errors": False, "items": [CREATED, CONFLICT]},
        {"errors": False, "items": [{"create": {"status": 200}}, CREATED]},
        {"items": [CREATED], "errors": False},
        {"error": "none"},
    ],
)
def test_answer_is_what_its_text_says(answer: object) -> None:
    """Whether it is the usual one, which is compared, or another, which is parsed."""
    text = json.dumps(answer, separators=(",", ":")).encode()
    assert answer == JsonSerializer().loads(text) == BulkAnswer().loads(text)


@pytest.mark.parametrize("end", [1, 2, 3, 20, 26])
def test_answer_that_was_cut_is_an_error(end: int) -> None:
    """It says nothing of any item."""
    text = json.dumps({"errors": False, "items": [CREATED] * 2}, separators=(",", ":")).encode()
    with pytest.raises(SerializationError):
        BulkAnswer().loads(text[:-end])
