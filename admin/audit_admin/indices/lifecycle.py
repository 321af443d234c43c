"""Retention by Elasticsearch itself: index lifecycle management (ILM), where the server has it.

ILM counts from the creation of an index, which is at the earliest the beginning of its month or
day. So the policy adds the longest period and one day: it never deletes earlier than `auditlog
retention` would, and up to a month later.
"""

from http import HTTPStatus

import elasticsearch
from audit_consumer import SetupFaultError
from audit_schemas import IndexNaming, index_template, lifecycle_of

from audit_admin.indices.inventory import take_inventory
from audit_admin.indices.retention import RetentionPolicy
from audit_admin.settings import SetupSettings
from audit_admin.setup import put_template, stored_template

__all__ = ["has_lifecycle", "set_lifecycle"]

_MONTH_DAYS, _MARGIN_DAYS = 31, 1
_INDICES = 20
"""In one request: their names are in its first line, of which Elasticsearch takes 4 KB."""
_UNSUPPORTED = (HTTPStatus.BAD_REQUEST, HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED)


def has_lifecycle(client: elasticsearch.Elasticsearch) -> bool:
    """Tell whether the server has ILM; the core distribution does not."""
    try:
        client.ilm.get_lifecycle()
    except elasticsearch.ApiError as error:
        if error.meta.status in _UNSUPPORTED:
            return False
        raise
    return True


def set_lifecycle(
    client: elasticsearch.Elasticsearch,
    naming: IndexNaming,
    settings: SetupSettings,
    policy: RetentionPolicy,
) -> list[str]:
    """Store the ILM policy, set it in the template and on existing indices; return what was done.

    Raises SetupFaultError if the server has no ILM, or an error of the Elasticsearch client.
    """
    if not has_lifecycle(client):
        raise SetupFaultError(
            "This Elasticsearch has no index lifecycle management (ILM). Schedule this instead: "
            f"auditlog retention {policy} --delete --yes"
        )
    name = naming.prefix
    days = policy.months * _MONTH_DAYS + policy.days + _MONTH_DAYS + _MARGIN_DAYS
    client.ilm.put_lifecycle(
        name=name,
        policy={"phases": {"delete": {"min_age": f"{days}d", "actions": {"delete": {}}}}},
    )
    done = [f"stored policy {name}: an index is deleted {days} days after its creation"]
    template = stored_template(client, name)
    if lifecycle_of(template) != name:
        put_template(client, name, index_template(naming, settings.index_settings(name)))
        done.append(f"set the policy in index template {name}, for new indices")
    live = [info.index for info in take_inventory(client, naming).live()]
    for first in range(0, len(live), _INDICES):
        client.indices.put_settings(
            index=live[first : first + _INDICES], settings={"index.lifecycle.name": name}
        )
    if live:
        done.append(f"set the policy on {len(live)} existing indices")
    return done
