"""`auditlog setup`: topics, index template, and new fields of the mapping. Safe to repeat."""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime
from typing import Any

import elasticsearch
from audit_consumer import SetupFaultError
from audit_runtime.elastic import connect
from audit_schemas import (
    MANAGED_BY,
    IndexNaming,
    Period,
    index_template,
    lifecycle_of,
    mapping,
    missing_fields,
)

from audit_admin.settings import SetupSettings
from audit_admin.topics import Topics, topic_plans

__all__ = ["put_template", "set_up", "stored_template", "template_differs"]

_SECONDS = 30.0


def set_up(
    settings: SetupSettings, now: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Iterator[str]:
    """Create what is missing, and yield a sentence for each change.

    Raises SetupFaultError, or an error of the Elasticsearch client.
    """
    topics = Topics(settings)
    for plan in topic_plans(settings):
        yield from topics.ensure(plan)
    with connect(settings, seconds=_SECONDS) as client:
        yield from _template(client, settings, now())
        yield from _live_indices(client, settings.index_prefix)


def template_differs(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Tell whether a stored index template differs from the wanted one."""
    return any(found.get(key) != wanted[key] for key in ("index_patterns", "priority", "_meta")) or any(
        found["template"].get(key) != wanted["template"][key] for key in wanted["template"]
    )


def _template(
    client: elasticsearch.Elasticsearch, settings: SetupSettings, now: datetime
) -> Iterator[str]:
    name = settings.index_prefix
    found = stored_template(client, name)
    naming = _naming(found, settings, now)
    wanted = index_template(naming, settings.index_settings(lifecycle_of(found)))
    if found is None or template_differs(found, wanted):
        put_template(client, name, wanted)
        yield f"{'created' if found is None else 'changed'} index template {name}"
        if len(naming.periods) > 1:
            last = naming.periods[-1]
            yield f"each index holds one {last.by} from {last.since} on"


def _naming(found: Mapping[str, Any] | None, settings: SetupSettings, now: datetime) -> IndexNaming:
    """Return the naming to store. Past periods are kept, so that no event gets a second index."""
    if found is None:
        return IndexNaming(settings.index_prefix, (Period(date.min, settings.granularity),))
    if found.get("_meta", {}).get("managed_by") != MANAGED_BY:
        raise SetupFaultError(
            f"Index template {settings.index_prefix} exists, but is not managed by auditlog. Rename "
            "it, or set AUDITLOG_INDEX_PREFIX to another name"
        )
    held = IndexNaming.from_meta(settings.index_prefix, found["_meta"]["periods"])
    return held.changed_to(settings.granularity, now)


def _live_indices(client: elasticsearch.Elasticsearch, prefix: str) -> Iterator[str]:
    """Add new fields to the mappings of our existing indices; existing fields are never changed."""
    wanted = mapping()
    found = client.indices.get_mapping(index=f"{prefix}-*", allow_no_indices=True)
    for index, body in sorted(found.items()):
        if body["mappings"].get("_meta", {}).get("managed_by") != MANAGED_BY:
            continue  # it was mapped dynamically, and must not be marked as ours
        missing = missing_fields(body["mappings"].get("properties", {}), wanted["properties"])
        if missing:
            try:
                client.indices.put_mapping(index=index, properties=missing, meta=wanted["_meta"])
            except elasticsearch.BadRequestError:
                yield (
                    f"index {index} has an older mapping that can't be updated; "
                    "rebuild it with: auditlog reindex"
                )
            else:
                yield f"added fields to index {index}"


def stored_template(client: elasticsearch.Elasticsearch, name: str) -> dict[str, Any] | None:
    """Return the index template of that name; None if there is none."""
    try:
        found = client.indices.get_index_template(name=name)
    except elasticsearch.NotFoundError:
        return None
    template: dict[str, Any] = found["index_templates"][0]["index_template"]
    return template


def put_template(client: elasticsearch.Elasticsearch, name: str, body: Mapping[str, Any]) -> None:
    """Store an index template."""
    arguments = {"meta" if key == "_meta" else key: value for key, value in body.items()}
    client.indices.put_index_template(name=name, **arguments)
