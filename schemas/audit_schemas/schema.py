"""The JSON Schema of the wire format, generated from the model: for publishers in any language.

`python -m audit_schemas.schema > schemas/audit-event.v1.schema.json` writes it.
"""

import json
import sys
from typing import Any

from audit_schemas.event import SCHEMA_VERSION, AuditEvent

__all__ = ["json_schema"]


def json_schema() -> dict[str, Any]:
    """Return the schema, in JSON Schema 2020-12.

    It is what publishers should hold to. The consumer is stricter in what a schema can't say (the
    catalogue, real days, duplicate keys) and more lenient in free text, which it mends.
    """
    schema = AuditEvent.model_json_schema(by_alias=True)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"audit-event.v{SCHEMA_VERSION[0]}.schema.json",
        "$comment": "Version {}.{}".format(*SCHEMA_VERSION),
        **schema,
    }


if __name__ == "__main__":
    json.dump(json_schema(), sys.stdout, indent=2)
    sys.stdout.write("\n")
