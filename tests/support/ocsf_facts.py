"""OCSF's own facts as a test: what is wrong with an event that claims to be one of its classes."""

import json
from collections.abc import Mapping
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker
from support.servers import ROOT

__all__ = ["complaints"]

_FACTS = ROOT / "tests" / "forward" / "forms" / "ocsf" / "1.8.0.schema.json"


def complaints(event: Mapping[str, Any]) -> list[str]:
    """Return what OCSF 1.8.0 does not allow about an event."""
    found = [
        f"{error.json_path}: {error.message}"
        for error in _validator(event["class_uid"]).iter_errors(event)
    ]
    if event["type_uid"] != event["class_uid"] * 100 + event["activity_id"]:
        found.append("type_uid is not that of the class and the activity")
    return found


@cache
def _validator(class_uid: int) -> Draft202012Validator:
    facts = json.loads(_FACTS.read_text())
    schema = {"$defs": facts["$defs"], **facts["classes"][str(class_uid)]}
    return Draft202012Validator(schema, format_checker=FormatChecker())
