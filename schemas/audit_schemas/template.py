"""The index template, with a mapping that is generated from the event model."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from audit_schemas.added import ADDED, FORMER
from audit_schemas.event import SCHEMA_VERSION, AuditEvent, Mapped
from audit_schemas.indices import IndexNaming
from audit_schemas.model import leaves

__all__ = [
    "MANAGED_BY",
    "IndexSettings",
    "index_template",
    "lacks_fields",
    "lifecycle_of",
    "mapping",
    "missing_fields",
]

MANAGED_BY = "auditlog"
"""In the mapping's `_meta`: tells our indices from others that carry the name."""

_PRIORITY = 500  # above the built-in templates of Elasticsearch, which stop at 200


class IndexSettings(BaseModel):
    """What a deployment may choose for the indices it creates from now on."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    shards: int = Field(1, ge=1, le=64)
    replicas: str = Field("0-1", pattern=r"^(\d|\d-(\d|all))$")
    refresh: str = Field("1s", pattern=r"^(-1|\d+(ms|s|m))$")
    codec: str = Field("default", pattern=r"^(default|best_compression)$")
    lifecycle: str | None = Field(None, min_length=1)
    """The ILM policy; `auditlog retention --ilm` sets it, and `setup` keeps it."""

    def to_elasticsearch(self) -> dict[str, Any]:
        """Return the `index` settings."""
        fixed = self.replicas.isdigit()
        replicas = (
            {"number_of_replicas": self.replicas} if fixed else {"auto_expand_replicas": self.replicas}
        )
        return {
            "number_of_shards": str(self.shards),
            "refresh_interval": self.refresh,
            "codec": self.codec,
            **replicas,
            **({"lifecycle": {"name": self.lifecycle}} if self.lifecycle else {}),
        }


def mapping() -> dict[str, Any]:
    """Return the mapping of a document: every field of the model, `ADDED` and `FORMER`, no other."""
    properties: dict[str, Any] = {}
    for leaf in [*leaves(AuditEvent), *ADDED, *FORMER]:
        *parents, name = leaf.path.split(".")
        level = properties
        for parent in parents:
            level = level.setdefault(parent, {"properties": {}})["properties"]
        level[name] = _field(leaf.mapped)
    return {
        "dynamic": "strict",
        "_meta": {"managed_by": MANAGED_BY, "schema": "{}.{}".format(*SCHEMA_VERSION)},
        "properties": properties,
    }


def lifecycle_of(template: Mapping[str, Any] | None) -> str | None:
    """Return the ILM policy that a stored index template names; None if it names none."""
    settings = (template or {}).get("template", {}).get("settings", {}).get("index", {})
    found = settings.get("lifecycle", {}).get("name")
    return None if found is None else str(found)


def index_template(naming: IndexNaming, settings: IndexSettings) -> dict[str, Any]:
    """Return the body of `PUT _index_template/<prefix>`."""
    return {
        "index_patterns": [naming.pattern],
        "priority": _PRIORITY,
        "template": {
            "settings": {"index": settings.to_elasticsearch()},
            "mappings": mapping(),
            "aliases": {naming.prefix: {}},
        },
        "_meta": {"managed_by": MANAGED_BY, "periods": naming.to_meta()},
    }


def missing_fields(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the wanted `properties` that a mapping lacks, at any depth.

    Existing fields are left out, since Elasticsearch refuses to change how they are indexed.
    """
    missing: dict[str, Any] = {}
    for name, field in wanted.items():
        if name not in found:
            missing[name] = field
        elif inner := missing_fields(found[name].get("properties", {}), field.get("properties", {})):
            missing[name] = {"properties": inner}
    return missing


def lacks_fields(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a mapping's `properties` lack a field of the wanted ones, at any depth."""
    return bool(missing_fields(found, wanted))


def _field(mapped: Mapped) -> dict[str, Any]:
    field: dict[str, Any] = {"type": mapped.type}
    if mapped.type == "text":
        # Searched, never scored: without norms and positions it is a third smaller.
        return field | {"norms": False}
    if not mapped.index:
        field["index"] = False
    if not mapped.doc_values:
        field["doc_values"] = False
    return field
