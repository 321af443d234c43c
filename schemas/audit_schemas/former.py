"""The form that documents had before: with what is the same for all of them, and with copies. Pure.

Documents of then stay as they are, and whoever compares one with what the consumer writes now, or
writes ECS, makes these fields from the others.
"""

import hashlib
from collections.abc import Mapping
from typing import Any

from audit_schemas.document import ECS_VERSION, publisher_fields
from audit_schemas.wire import encode

__all__ = ["former_document", "related_of"]


def former_document(source: Mapping[str, Any]) -> dict[str, Any]:
    """Return a document in its former form, from what the consumer writes now.

    Raises EventRefusedError if it is no document of a consumer.
    """
    digest = hashlib.sha256(encode(publisher_fields(source))).hexdigest()
    former = {
        **source,
        "event": {"kind": "event", **source["event"], "hash": digest},
        "ecs": {"version": ECS_VERSION},
    }
    if related := related_of(source):
        former["related"] = related
    return former


def related_of(source: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return ECS's `related`: each id and name of who did it, as whom and to whom, and the address.

    Once each and in order; of a document of any shape.
    """
    user = _part(source, "user")
    accounts = (user, _part(user, "effective"), _part(user, "target"))
    names = [each.get(name) for each in accounts for name in ("id", "name")]
    address = _part(source, "source").get("ip")
    related = {"user": _texts(names), "ip": _texts([address])}
    return {name: values for name, values in related.items() if values}


def _texts(values: list[Any]) -> list[str]:
    return list(dict.fromkeys(value for value in values if isinstance(value, str) and value))


def _part(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = fields.get(name)
    return found if isinstance(found, dict) else {}
